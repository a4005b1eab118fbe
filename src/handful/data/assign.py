"""The role of every file for which its folders do not settle it: from its name, its partner or its pixels."""

from __future__ import annotations

import re
from collections import defaultdict

from handful.data.decode import LOSSY_SUFFIXES, ImageFile
from handful.data.listing import File
from handful.data.match import match_names
from handful.data.roles import read_words, stem_role
from handful.errors import DataError


def assign_roles(files: list[File]) -> None:
    """Settle the role of every file for which its folders do not."""
    for file in files:
        if file.suffix == ".mat" and file.role != "aside":
            file.role = "mask"
    if not any(file.role == "mask" for file in files):
        _roles_from_stems(files)
    elif not any(file.role in ("image", "") for file in files):
        _roles_from_stems(files)  # everything lies under a folder such as annotations/: names must tell
    if not any(file.role == "mask" for file in files):
        _roles_from_extension(files)
    if not any(file.role == "mask" for file in files):
        _roles_from_suffix(files)
    if not any(file.role == "mask" for file in files):
        _roles_from_content(files)
    masked = {file.part for file in files if file.role == "mask"}
    for part in {file.part for file in files}:
        here = [file for file in files if file.part == part]
        if not any(file.role == "image" for file in here) or part not in masked:
            for file in here:
                file.role = file.role or "image"


def _roles_from_stems(files: list[File]) -> None:
    """Masks that say so in their own names: `x_mask.png`, `train-labels.tif`, `x_segmentation.png`."""
    roles = [stem_role(file.stem) for file in files]
    if "mask" not in roles or all(role == "mask" for role in roles):
        return
    for file, role in zip(files, roles, strict=True):
        if file.role != "aside":
            file.role = role or "image"
    volumes = [read_words(file.stem) for file in files]
    for file, words in zip(files, volumes, strict=True):
        if file.part == "all" and words.part and words.role and not words.rest:  # train-volume, train-labels
            file.part = words.part


def _roles_from_extension(files: list[File]) -> None:
    """`x.jpg` beside `x.png`: the photograph is the image."""
    groups: dict[str, list[File]] = defaultdict(list)
    for file in files:
        groups[f"{file.folder}/{file.stem}".casefold()].append(file)
    twos = [
        sorted(group, key=lambda file: file.suffix not in LOSSY_SUFFIXES)
        for group in groups.values()
        if len(group) == 2
    ]
    twos = [two for two in twos if two[0].suffix in LOSSY_SUFFIXES and two[1].suffix not in LOSSY_SUFFIXES]
    if 2 * len(twos) >= len(groups):
        for image, mask in twos:
            image.role, mask.role = "image", "mask"


def _roles_from_suffix(files: list[File]) -> None:
    """`x.png` beside `x_L.png`: most names come twice, the second time with the same ending."""
    names = {(file.folder, file.stem.casefold()): file for file in files}
    endings: dict[str, list[File]] = defaultdict(list)
    for file in files:
        stem = file.stem.casefold()
        for cut in range(len(stem) - 1, max(0, len(stem) - 16), -1):
            joined = not (stem[cut].isdigit() and stem[cut - 1].isdigit())
            if joined and (file.folder, stem[:cut]) in names:
                endings[stem[cut:]].append(file)
                break
    if not endings:
        return
    ending, found = max(endings.items(), key=lambda entry: len(entry[1]))
    if 3 * len(found) >= len(files) and not re.fullmatch(r"[\s_\-.()]*\d+[\s_\-.()]*", ending):
        for file in found:
            file.role = "mask"


def _roles_from_content(files: list[File]) -> None:
    """Two folders with the same names: the one whose pictures have few colours holds the masks."""
    for part in {file.part for file in files}:
        folders: dict[str, list[File]] = defaultdict(list)
        for file in files:
            if file.part == part:
                folders[file.folder].append(file)
        if len(folders) != 2:
            continue
        (_, first), (_, second) = sorted(folders.items())
        same = match_names([file.stem for file in first], [file.stem for file in second]).found
        if 2 * same < max(len(first), len(second)):
            continue
        colours = sorted(
            ((_count_colours(members[0]), members) for members in (first, second)), key=lambda pair: pair[0]
        )
        if 0 < colours[0][0] <= 64 and 4 * colours[0][0] < colours[1][0]:
            for file in colours[0][1]:
                file.role = "mask"


def _count_colours(file: File) -> int:
    """How many different colours a picture has; 0 where it cannot be read."""
    from handful.data.image import read_image

    try:
        pixels = read_image(ImageFile(file.path)).astype("int64")
    except DataError:
        return 0
    packed = sum(pixels[:, :, channel] * 65537**channel for channel in range(min(3, pixels.shape[2])))
    return len(set(packed.ravel().tolist()))
