"""The picture files of a folder, each with what its path says about it."""

from __future__ import annotations

import glob as globbing
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from handful.data.decode import SUFFIXES, within
from handful.data.roles import natural, read_words
from handful.errors import DataError

_IGNORED_FILES = frozenset({"thumbs.db", "desktop.ini"})
_IGNORED_FOLDERS = frozenset({"__macosx", "__pycache__", "node_modules"})
FOREIGN = {
    ".nii": "NIfTI", ".gz": "compressed", ".dcm": "DICOM", ".mha": "MetaImage", ".mhd": "MetaImage", ".nrrd": "NRRD",
    ".nd2": "Nikon ND2", ".czi": "Zeiss CZI", ".lif": "Leica LIF", ".svs": "whole-slide", ".ndpi": "whole-slide",
    ".h5": "HDF5", ".hdf5": "HDF5", ".npz": "NumPy archive", ".heic": "HEIC", ".psd": "Photoshop", ".svg": "SVG",
    ".zip": "zip archive", ".tar": "tar archive", ".mp4": "video", ".avi": "video", ".webm": "video",
}  # fmt: skip
LAYOUTS = (
    "images/ beside masks/ (or labels/, annotations/, gt/), train/ beside trainannot/, one folder with x.png and "
    "x_mask.png, ID/images beside ID/masks, *-volume.tif beside *-labels.tif"
)


@dataclass
class File:
    """A file with what its path says; `group` are folder names that are neither a role nor a part."""

    path: Path
    shown: str
    stem: str
    role: str = ""
    part: str = "all"
    group: tuple[str, ...] = ()
    folder: str = ""  # the folder as seen from the root, for words and for telling sets of masks apart

    @property
    def suffix(self) -> str:
        return self.path.suffix.lower()


def list_files(root: Path, readable: frozenset[str] | None = None) -> list[File]:
    """All picture files under the root in natural order, with what their folders say. Hidden files are passed over."""
    readable = readable or (SUFFIXES | {".mat"})
    found = []
    seen: set[str] = set()
    try:
        with os.scandir(root) as entries:
            next(entries, None)
    except PermissionError as error:
        raise DataError(f"{root}: may not be read (permission denied). Change its permissions.") from error
    for folder, folders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # a link back to a folder above would never end
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not name.startswith(".") and name.lower() not in _IGNORED_FOLDERS]
        for name in names:
            path = Path(folder, name)
            if name.startswith(".") or name.lower() in _IGNORED_FILES or path.suffix.lower() not in readable:
                continue
            found.append(as_file(path, root))
    return sorted(found, key=lambda file: natural(file.shown))


def as_file(path: Path, root: Path) -> File:
    shown = within(path, root)
    stem = path.stem[:-4] if path.stem.lower().endswith(".ome") else path.stem
    file = File(path, shown, stem)
    try:
        parts = path.relative_to(root).parts[:-1]
    except ValueError:
        parts = ()
    group = []
    for component in parts:
        words = read_words(component)
        if words.part:
            file.part = words.part
        if words.role:
            file.role = words.role
            # Numbers tell sequences apart (01 and 01_GT); other words beside a role are names of the data set.
            group += [word for word in words.rest if word.isdigit() and len(word) == 2]
        elif not words.part:
            group.append(component.casefold())
    file.group = tuple(group)
    file.folder = "/".join(parts)
    return file


def expand(pattern: str, root: Path, flag: str, readable: Iterable[str]) -> list[Path]:
    """The files that a path, a folder or a glob names, seen from the data folder, then from the working folder."""
    wanted = frozenset(readable)
    for base in (root, Path()):
        path = base / pattern
        if path.is_file():
            return [path]
        if path.is_dir():
            found = [file.path for file in list_files(path, wanted)]
            if found:
                return found
            raise DataError(f"{path}: {flag} names a folder without pictures.")
        found = sorted(
            (
                Path(name)
                for name in globbing.glob(str(base / pattern), recursive=True)
                if Path(name).suffix.lower() in wanted and Path(name).is_file()
            ),
            key=lambda name: natural(str(name)),
        )
        if found:
            return found
    raise DataError(f"{pattern}: {flag} matches no picture (seen from {root.resolve()} and from the working folder).")


def unique_names(images: Sequence[File]) -> list[str]:
    """The stem where it is unique (letter case ignored), otherwise the path from the root with _ between folders."""
    stems: dict[str, int] = defaultdict(int)
    for image in images:
        stems[image.stem.casefold()] += 1
    names = []
    taken: set[str] = set()
    for image in images:
        name = image.stem
        if stems[image.stem.casefold()] > 1 and image.folder:
            name = "_".join((*image.folder.split("/"), image.stem))
        base, count = name, 1
        while name.casefold() in taken:
            count += 1
            name = f"{base}_{count}"
        taken.add(name.casefold())
        names.append(name)
    return names


def nothing_here(root: Path) -> str:
    kinds: dict[str, int] = defaultdict(int)
    for _, _, names in os.walk(root):
        for name in names:
            kinds[Path(name).suffix.lower()] += 1
    if not kinds:
        return f"{root}: the folder is empty. Expected {LAYOUTS}."
    foreign = next((suffix for suffix in kinds if suffix in FOREIGN), None)
    if foreign:
        return (
            f"{root}: holds no picture that can be read; {kinds[foreign]} files are {FOREIGN[foreign]} ({foreign}). "
            "Export them as TIFF or PNG."
        )
    listed = ", ".join(f"{count} {suffix or 'without ending'}" for suffix, count in sorted(kinds.items())[:5])
    return (
        f"{root}: holds no image (found {listed}). Expected PNG, JPEG, TIFF, BMP, GIF, WebP or .npy files in {LAYOUTS}."
    )
