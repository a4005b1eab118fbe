"""Class names that lie near the data: `classes.txt`, `class_dict.csv`, `label_colors.txt`, `classes.json` and kin."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handful.data.decode import SUFFIXES
from handful.data.roles import read_words
from handful.errors import DataError

_STEMS = (
    *("classes", "_classes", "class_names", "classnames", "class_dict", "class_list", "class_map", "class_mapping"),
    *("label_colors", "label_colours", "labelmap", "label_map", "label_names", "labels", "label", "colormap"),
    *("color_map", "palette", "names", "dataset", "classes_dict", "label_classes", "categories", "class_colors"),
)
_SUFFIXES = (".txt", ".csv", ".tsv", ".json", ".names")
VOID_NAMES = frozenset(
    ["void", "ignore", "ignored", "unlabelled", "unlabeled", "unknown", "undefined", "unclassified", "ignore_region"]
)
BACKGROUND_NAMES = frozenset(["background", "bg", "backgrnd", "_background_", "back", "hintergrund", "fond"])
_HEADINGS = frozenset(
    [
        "name",
        "class",
        "label",
        "classes",
        "r",
        "g",
        "b",
        "red",
        "green",
        "blue",
        "value",
        "pixel",
        "id",
        "index",
        "color",
        "colour",
    ]
)
_NUMBER = re.compile(r"[+-]?\d+$")


@dataclass(frozen=True)
class ClassEntry:
    """One class: its name, with its number and/or colour (0xRRGGBB) in the masks where the list gives them."""

    name: str
    value: int | None = None
    colour: int | None = None


@dataclass(frozen=True)
class ClassList:
    """The classes that a file near the data names, in its order."""

    path: Path
    entries: tuple[ClassEntry, ...]


def find_class_lists(folders: Iterable[Path]) -> list[ClassList]:
    """Every class list that can be read in these folders, nearest first; files that are none are passed over."""
    found = []
    for folder in dict.fromkeys(folders):
        try:
            names = {path.name.lower(): path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES}
        except OSError:
            continue
        for stem in _STEMS:
            for suffix in _SUFFIXES:
                path = names.get(stem + suffix)
                if path is None:
                    continue
                try:
                    found.append(read_class_list(path))
                except DataError:
                    continue  # a file of that name that lists something else
    return found


def folders_near(root: Path, files: Iterable[Path]) -> list[Path]:
    """Where a class list may lie: the masks' folders and all above them up to the root, and beside `train/`."""
    folders: list[Path] = []
    for file in files:
        folder = file.parent
        while folder not in folders:
            folders.append(folder)
            if folder == root or root not in folder.parents:
                break
            folder = folder.parent
    if root not in folders:
        folders.append(root)
    if read_words(root.resolve().name).part:
        folders.append(root.resolve().parent)
    return sorted(folders, key=lambda folder: -len(folder.parts))


def read_class_list(path: Path) -> ClassList:
    """Read a list of classes. Raises DataError when the file cannot be read or lists no classes.

    Text: a class a line, `name`, `0 name`, `64 128 64 name`, `name,64,128,64`, `name:64,128,64::` (CVAT); `#` and `//`
    begin comments. JSON: a list of names or of objects, or an object of names to numbers or the other way round.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: no list of classes could be read from it ({error}).") from error
    entries = _from_json(text, path) if path.suffix.lower() == ".json" else _from_lines(text, path)
    names = [entry.name.casefold() for entry in entries]
    if not entries or len(entries) > 1000:
        raise DataError(f"{path}: lists no classes; a line such as `1 leaf` for each was expected.")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{path}: names the class {twice!r} twice; every class needs its own name.")
    for kind in ("value", "colour"):
        used = [getattr(entry, kind) for entry in entries if getattr(entry, kind) is not None]
        if len(set(used)) < len(used):
            raise DataError(f"{path}: uses a {kind} for two classes; every class needs its own.")
    if any(Path(name).suffix in SUFFIXES for name in names):
        raise DataError(f"{path}: lists files, not classes.")
    return ClassList(path, tuple(entries))


def _from_lines(text: str, path: Path) -> list[ClassEntry]:
    entries = []
    lines = [line for line in (_without_comment(line) for line in text.splitlines()) if line]
    comma = path.suffix.lower() in (".csv", ".tsv")
    for number, line in enumerate(lines):
        if comma:
            delimiter = "\t" if "\t" in line else ";" if line.count(";") > line.count(",") else ","
            cells = [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))]
        else:
            cells = [cell for cell in re.split(r"[\s,;:|\[\]()=]+", line) if cell]
        if number == 0 and len(cells) > 1 and set(re.split(r"\W+", " ".join(cells).casefold())) - {""} <= _HEADINGS:
            continue
        entry = _entry(cells, comma)
        if entry is not None:
            entries.append(entry)
    return entries


def _without_comment(line: str) -> str:
    line = re.split(r"\s//|^//", line)[0].strip()
    if re.match(r"#[0-9a-fA-F]{6}\b", line):
        return line
    return re.split(r"(?:^|\s)#(?![0-9a-fA-F]{6}\b)", line)[0].strip()


def _entry(cells: list[str], comma: bool) -> ClassEntry | None:
    colour = next((int(cell[1:], 16) for cell in cells if re.fullmatch(r"#[0-9a-fA-F]{6}", cell)), None)
    words = [cell for cell in cells if cell and not _NUMBER.match(cell) and not re.fullmatch(r"#[0-9a-fA-F]{6}", cell)]
    numbers = [int(cell) for cell in cells if _NUMBER.match(cell)]
    if not words:
        return None
    name = words[0] if comma else " ".join(words)
    value = None
    if len(numbers) >= 3:
        leading = len(numbers) >= 4 and bool(_NUMBER.match(cells[0]))
        value = numbers[0] if leading else None
        colour = _pack(numbers[1:4] if leading else numbers[:3])
    elif numbers:
        value = numbers[0]
    return ClassEntry(name, value, colour)


def _pack(rgb: Iterable[int]) -> int | None:
    values = list(rgb)
    if len(values) != 3 or any(not 0 <= value <= 255 for value in values):
        return None
    return values[0] << 16 | values[1] << 8 | values[2]


def _from_json(text: str, path: Path) -> list[ClassEntry]:
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{path}: is no valid JSON ({error}).") from error
    if isinstance(content, dict):
        for key in ("labels", "classes", "categories", "class_names", "names"):
            if isinstance(content.get(key), dict | list):
                content = content[key]
                break
    entries: list[ClassEntry | None] = []
    if isinstance(content, list):
        entries = [ClassEntry(item) if isinstance(item, str) else _from_object(item) for item in content]
    elif isinstance(content, dict):
        entries = [_from_item(str(key), value) for key, value in content.items()]
    return [entry for entry in entries if entry is not None]


def _from_item(key: str, value: Any) -> ClassEntry | None:
    if isinstance(value, str):
        return ClassEntry(value, int(key)) if _NUMBER.match(key) else None
    if isinstance(value, int) and not isinstance(value, bool):
        return ClassEntry(key, value)
    if isinstance(value, list) and len(value) >= 3 and all(isinstance(item, int) for item in value[:3]):
        return ClassEntry(key, None, _pack(value[:3]))
    if isinstance(value, dict):
        return _from_object({"name": key, **value})
    return None


def _from_object(item: Any) -> ClassEntry | None:
    if not isinstance(item, dict) or not isinstance(item.get("name"), str):
        return None
    number = next((item[key] for key in ("value", "id", "index", "label") if isinstance(item.get(key), int)), None)
    colour = next((item[key] for key in ("color", "colour", "rgb") if key in item), None)
    packed = None
    if isinstance(colour, str) and re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
        packed = int(colour[1:], 16)
    elif isinstance(colour, list) and len(colour) >= 3 and all(isinstance(part, int) for part in colour[:3]):
        packed = _pack(colour[:3])
    return ClassEntry(item["name"], number, packed)
