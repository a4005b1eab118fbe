"""The names that `import handful` offers, and the Python of the README's first screen."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import handful


@pytest.mark.parametrize("name", handful.__all__)
def test_every_public_name_is_there_and_explains_itself(name):
    value = getattr(handful, name)
    assert name in dir(handful)
    assert len((inspect.unwrap(value).__doc__ or "").split()) > 5


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="segmentation"):
        _ = handful.segmentation


@pytest.mark.parametrize("verb", ["train", "predict"])
def test_a_verb_can_be_called_whatever_was_imported_before(verb):
    """handful/training/ and handful/prediction/ are folders too: what is imported from them must not hide the verb."""
    code = f"""
import inspect, handful
first = inspect.signature(handful.{verb})
import handful.training.clock, handful.prediction.tiles
assert callable(handful.{verb})
assert inspect.signature(handful.{verb}) == first
try:
    handful.{verb}("nowhere", ["nowhere"], out="nowhere") if {verb!r} == "predict" else handful.train("nowhere")
except handful.HandfulError as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.startswith("nowhere: no such")


def test_every_error_is_a_handful_error_and_a_value_error():
    from handful import errors

    kinds = [one for one in vars(errors).values() if isinstance(one, type)]
    assert len(kinds) > 3
    assert all(issubclass(kind, handful.HandfulError) and issubclass(kind, ValueError) for kind in kinds)
