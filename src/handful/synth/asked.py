"""Settings of generated pictures: frozen dataclasses whose fields say in their type what may be asked of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

from handful.errors import SettingsError
from handful.names import nearest

S = TypeVar("S")


@dataclass(frozen=True)
class Within:
    """Marks a field of one number, or of a range (low, high) of which each picture draws a value of its own."""

    least: float
    most: float
    about: str = ""


@dataclass(frozen=True)
class Among:
    """Marks a field of one or more words of which each thing in a picture draws its own."""

    known: tuple[str, ...]
    about: str = ""


Span = tuple[float, float]
# In less than 8 pixels a shape has hardly an inside.
Size = Annotated[tuple[int, int], Within(8, 16384, "height and width in pixels")]


def read_asked(settings: type[S], values: Mapping[str, Any]) -> S:
    """Settings with these values in place of the defaults; one number stands for a range of no width.

    Raises SettingsError for an unknown name (with the nearest known one), a wrong type, or a value out of range.
    """
    hints = get_type_hints(settings, include_extras=True)
    given: dict[str, Any] = {}
    for name, value in values.items():
        if name not in hints:
            raise SettingsError(
                f"{name}: no such setting of these pictures.{nearest(name, hints)} Known are {', '.join(hints)}."
            )
        kind, mark = get_args(hints[name])
        given[name] = _read_words(name, value, mark) if isinstance(mark, Among) else _read(name, value, kind, mark)
    return settings(**given)


def _read(name: str, value: Any, kind: Any, mark: Within) -> Any:
    types = get_args(kind) or (kind,)
    whole, several = types[0] is int, len(types) > 1
    given = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    right = [
        isinstance(one, int | float) and not isinstance(one, bool) and mark.least <= one <= mark.most for one in given
    ]
    if len(given) not in (1, len(types)) or not all(right) or (whole and any(one != int(one) for one in given)):
        wanted = f"{'a whole number' if whole else 'a number'} from {mark.least:g} to {mark.most:g}"
        raise SettingsError(f"{name} = {value}: expected {wanted}{', or two of them' if several else ''}.")
    numbers = [int(one) if whole else float(one) for one in given]
    if not several:
        return numbers[0]
    if name != "size" and numbers[0] > numbers[-1]:
        raise SettingsError(f"{name} = {value}: the first is larger than the second. Exchange them.")
    return numbers[0], numbers[-1]


def _read_words(name: str, value: Any, mark: Among) -> tuple[str, ...]:
    given = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
    if not isinstance(given, Sequence) or not given:
        raise SettingsError(f"{name} = {value}: expected one or more of {', '.join(mark.known)}.")
    for one in given:
        if one not in mark.known:
            hint = nearest(str(one), mark.known)
            raise SettingsError(f"{name} = {one}: not known.{hint} Use one or more of {', '.join(mark.known)}.")
    return tuple(given)


def list_asked(settings: type[Any]) -> list[tuple[str, str, str]]:
    """Name, default and meaning with its limits of every setting, in the order of the dataclass."""
    default = settings()
    listed = []
    for name, hint in get_type_hints(settings, include_extras=True).items():
        mark = get_args(hint)[1]
        value = getattr(default, name)
        several = [str(one) for one in (value if isinstance(value, tuple) else (value,))]
        limits = ", ".join(mark.known) if isinstance(mark, Among) else f"{mark.least:.3g} to {mark.most:g}"
        text = ",".join(several) if isinstance(mark, Among) or len(several) == 1 else f"[{', '.join(several)}]"
        listed.append((name, text, f"{mark.about} ({limits})"))
    return listed
