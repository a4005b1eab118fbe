"""The one family of errors that handful raises on purpose.

A message says where, what, what was expected and what to do. The command line prints it and ends with status 2.
"""


class HandfulError(ValueError):
    """Something handful was given, or found, that it cannot work with."""


class DataError(HandfulError):
    """An image, a mask or a folder of them cannot be used as it is."""


class SettingsError(HandfulError):
    """An option or a settings file asks for something that does not exist or does not fit."""


class ModelFileError(HandfulError):
    """A model file is missing, damaged or of another kind."""


class OutputError(HandfulError):
    """A result cannot be written where it was asked for."""
