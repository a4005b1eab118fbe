"""The pictures that are to be predicted: files, folders, globs and the pages of stacks."""

from __future__ import annotations

import glob as globbing
from collections.abc import Sequence
from pathlib import Path

from handful.data.decode import SUFFIXES, ImageFile, Pages, count_pages
from handful.data.listing import FOREIGN, File, as_file, list_files, nothing_here, unique_names
from handful.data.roles import natural
from handful.data.windows import is_zarr
from handful.data.zarrwindows import count_slices
from handful.errors import DataError


def find_images(inputs: Sequence[str | Path], channels: int | None = None) -> tuple[tuple[str, ImageFile], ...]:
    """The pictures to predict, each with a unique name for its results.

    `inputs` are files, Zarr stores, folders (searched to the bottom; of a labelled data set only the images are taken)
    and globs.
    A file of several slices gives one entry each. `channels`, where known, is what the model takes: a TIFF with that
    many unnamed pages is then one picture. Raises DataError for what is missing, unreadable by kind, or empty.
    """
    files: list[File] = []
    for given in inputs:
        path = Path(given)
        if is_zarr(path):
            files.append(as_file(path, path.parent))
        elif path.is_dir():
            found = list_files(path, SUFFIXES)
            _pick_images(found)
            found = [file for file in found if file.role == "image"]
            if not found:
                raise DataError(nothing_here(path))
            files += found
        elif path.is_file():
            if path.suffix.lower() not in SUFFIXES:
                kind = FOREIGN.get(path.suffix.lower(), f"of kind {path.suffix or 'unknown'}")
                raise DataError(f"{path}: is {kind}, which is not read. Save it as PNG, JPEG or TIFF.")
            files.append(as_file(path, path.parent))
        elif globbing.has_magic(str(given)):
            names = [
                name for name in globbing.glob(str(given), recursive=True) if Path(name).suffix.lower() in SUFFIXES
            ]
            if not names:
                raise DataError(f"{given}: matches no picture.")
            files += [as_file(Path(name), Path(name).parent) for name in sorted(names, key=natural)]
        else:
            raise DataError(f"{given}: no such file or folder.")
    if not files:
        raise DataError("no images given: name files, folders or globs.")
    unique = {file.path.resolve(): file for file in reversed(files)}
    files = [file for file in files if unique[file.path.resolve()] is file]
    entries: list[tuple[str, ImageFile]] = []
    for file, name in zip(files, unique_names(files), strict=True):
        pages = Pages(count_slices(file.path), False) if is_zarr(file.path) else count_pages(file.path)
        as_channels = pages.perhaps_channels and (pages.count == channels if channels else pages.count <= 4)
        if pages.count == 1 or as_channels:
            entries.append((name, ImageFile(file.path)))
            continue
        digits = max(2, len(str(pages.count - 1)))
        entries += [(f"{name}_{page:0{digits}d}", ImageFile(file.path, page)) for page in range(pages.count)]
    return tuple(entries)


def _pick_images(files: list[File]) -> None:
    """Of a folder of unknown pictures: leave masks out where the folder is clearly a labelled data set."""
    images = any(file.role == "image" for file in files)
    labelled = any(file.role == "mask" for file in files) and any(file.role in ("image", "") for file in files)
    for file in files:
        if not (images or labelled) or (labelled and not images and not file.role):
            file.role = "image"
