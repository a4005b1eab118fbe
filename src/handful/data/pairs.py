"""Which file belongs to which: from a folder as people keep it to a list of pairs of image and mask.

Three steps: every file gets a role (image or mask), a part (train, val, test) and a group from the words in its path
(`roles`); within a part and group names are matched (`match`); what is left over is reported, never guessed.
"""

from __future__ import annotations

import glob as globbing
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from handful.data.decode import LOSSY_SUFFIXES, SUFFIXES, ImageFile, count_pages, within
from handful.data.match import Match, match_names
from handful.data.problem import ERROR, NOTE, WARNING, Problem
from handful.data.roles import natural, preference, read_words, stem_role
from handful.errors import DataError

__all__ = ["ImageFile", "Layout", "Pair", "find_images", "find_pairs"]

_IGNORED_FILES = frozenset({"thumbs.db", "desktop.ini"})
_IGNORED_FOLDERS = frozenset({"__macosx", "__pycache__", "node_modules"})
_FOREIGN = {
    ".nii": "NIfTI", ".gz": "compressed", ".dcm": "DICOM", ".mha": "MetaImage", ".mhd": "MetaImage", ".nrrd": "NRRD",
    ".nd2": "Nikon ND2", ".czi": "Zeiss CZI", ".lif": "Leica LIF", ".svs": "whole-slide", ".ndpi": "whole-slide",
    ".h5": "HDF5", ".hdf5": "HDF5", ".npz": "NumPy archive", ".heic": "HEIC", ".psd": "Photoshop", ".svg": "SVG",
    ".zip": "zip archive", ".tar": "tar archive", ".mp4": "video", ".avi": "video", ".webm": "video",
}  # fmt: skip
LAYOUTS = (
    "images/ beside masks/ (or labels/, annotations/, gt/), train/ beside trainannot/, one folder with x.png and "
    "x_mask.png, ID/images beside ID/masks, *-volume.tif beside *-labels.tif"
)


@dataclass(frozen=True)
class Pair:
    """An image and its mask files (several: one object each). `name` is unique; `part`: all, train, val or test."""

    name: str
    image: ImageFile
    masks: tuple[ImageFile, ...]
    part: str = "all"


@dataclass(frozen=True)
class Layout:
    """What was found under `root`: the pairs in natural order of their names, how they lie on disk in words, and what
    could not be paired. `stack`: the pairs are slices of multi-page files."""

    root: Path
    pairs: tuple[Pair, ...]
    description: str
    problems: tuple[Problem, ...]
    stack: bool


@dataclass
class _File:
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


@dataclass
class _Finding:
    """Collects pairs and problems on the way."""

    root: Path
    pairs: list[tuple[_File, list[_File], str]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def say(self, where: str, message: str, severity: str) -> None:
        self.problems.append(Problem(where, message, severity))


def find_pairs(data: str | Path | None, *, images: str | None = None, masks: str | None = None) -> Layout:
    """Find the pairs of image and mask under `data`, or those that `images` and `masks` name.

    `images` and `masks` (both or none) are a file, a folder or a glob, seen from `data` or from the working folder.
    Without them the layout is recognised from the names of folders and files; see LAYOUTS.

    Raises DataError when the folder is missing or empty, or when nothing in it can be paired.
    """
    if (images is None) != (masks is None):
        missing = "--masks" if masks is None else "--images"
        raise DataError(f"{images or masks}: {missing} is missing; --images and --masks go together.")
    if data is None and images is None:
        raise DataError("no data given: name a folder, or use --images and --masks.")
    root = Path(data) if data is not None else Path()
    if data is not None:
        _require_folder(root)
    if images is not None and masks is not None:
        return _find_named(root, images, masks, data is not None)
    files = _list_files(root)
    if not files:
        raise DataError(_nothing_here(root))
    finding = _Finding(root)
    _assign_roles(files, finding)
    _pair_files(files, finding)
    if not finding.pairs:
        raise DataError(_nothing_paired(root, files, finding))
    return _layout(finding)


def _require_folder(root: Path) -> None:
    if root.is_dir():
        return
    if root.exists():
        raise DataError(
            f"{root}: is a file; a folder with images and masks was expected. For one picture use --images and --masks."
        )
    near = ""
    try:
        import difflib

        names = [entry.name for entry in root.parent.iterdir() if entry.is_dir()] if root.parent.is_dir() else []
        close = difflib.get_close_matches(root.name, names, 1)
        near = f" Did you mean {root.parent / close[0]}?" if close else ""
    except OSError:
        near = ""
    raise DataError(f"{root}: no such folder.{near}")


# ------------------------------------------------------------------------------------------------- listing


def _list_files(root: Path, readable: frozenset[str] | None = None) -> list[_File]:
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
            found.append(_file(path, root))
    return sorted(found, key=lambda file: natural(file.shown))


def _file(path: Path, root: Path) -> _File:
    shown = within(path, root)
    stem = path.stem[:-4] if path.stem.lower().endswith(".ome") else path.stem
    file = _File(path, shown, stem)
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


def _nothing_here(root: Path) -> str:
    kinds: dict[str, int] = defaultdict(int)
    for _, _, names in os.walk(root):
        for name in names:
            kinds[Path(name).suffix.lower()] += 1
    if not kinds:
        return f"{root}: the folder is empty. Expected {LAYOUTS}."
    foreign = next((suffix for suffix in kinds if suffix in _FOREIGN), None)
    if foreign:
        return (
            f"{root}: holds no picture that can be read; {kinds[foreign]} files are {_FOREIGN[foreign]} ({foreign}). "
            "Export them as TIFF or PNG."
        )
    listed = ", ".join(f"{count} {suffix or 'without ending'}" for suffix, count in sorted(kinds.items())[:5])
    return (
        f"{root}: holds no image (found {listed}). Expected PNG, JPEG, TIFF, BMP, GIF, WebP or .npy files in {LAYOUTS}."
    )


def _nothing_paired(root: Path, files: list[_File], finding: _Finding) -> str:
    roles = {role: [file for file in files if file.role == role] for role in ("image", "mask")}
    if not roles["mask"]:
        hint = ""
        if any(root.rglob("*.json")):
            hint = " Annotations in .json (COCO, labelme) are not read: export them as mask images."
        elif any(root.rglob("*.xml")):
            hint = " Annotations in .xml are not read: export them as mask images."
        elif any(path.name.lower() != "classes.txt" for path in root.rglob("*.txt")):
            hint = " Annotations in .txt (YOLO) are not read: export them as mask images."
        elif any(root.rglob("*.csv")):
            hint = " Annotations in .csv (run lengths) are not read: write them as mask images."
        return (
            f"{root}: {len(files)} images but no masks found (first: {files[0].shown}).{hint} Expected "
            f"{LAYOUTS}; or say "
            "where they are with --images GLOB --masks GLOB."
        )
    if not roles["image"]:
        return (
            f"{root}: {len(files)} masks but no images found (first: {files[0].shown}). Expected {LAYOUTS}; or "
            "say where "
            "they are with --images GLOB --masks GLOB."
        )
    return (
        f"{root}: no image has a mask of a matching name (images such as {roles['image'][0].shown}, masks such as "
        f"{roles['mask'][0].shown}). Give both the same name, or use --images GLOB --masks GLOB."
    )


# ------------------------------------------------------------------------------------------------- roles


def _assign_roles(files: list[_File], finding: _Finding) -> None:
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


def _roles_from_stems(files: list[_File]) -> None:
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


def _roles_from_extension(files: list[_File]) -> None:
    """`x.jpg` beside `x.png`: the photograph is the image."""
    groups: dict[str, list[_File]] = defaultdict(list)
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


def _roles_from_suffix(files: list[_File]) -> None:
    """`x.png` beside `x_L.png`: most names come twice, the second time with the same ending."""
    names = {(file.folder, file.stem.casefold()): file for file in files}
    endings: dict[str, list[_File]] = defaultdict(list)
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


def _roles_from_content(files: list[_File]) -> None:
    """Two folders with the same names: the one whose pictures have few colours holds the masks."""
    for part in {file.part for file in files}:
        folders: dict[str, list[_File]] = defaultdict(list)
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


def _count_colours(file: _File) -> int:
    """How many different colours a picture has; 0 where it cannot be read."""
    from handful.data.image import read_image

    try:
        pixels = read_image(ImageFile(file.path)).astype("int64")
    except DataError:
        return 0
    packed = sum(pixels[:, :, channel] * 65537**channel for channel in range(min(3, pixels.shape[2])))
    return len(set(packed.ravel().tolist()))


# ------------------------------------------------------------------------------------------------- pairing


def _pair_files(files: list[_File], finding: _Finding) -> None:
    parts = sorted({file.part for file in files})
    masked = {file.part for file in files if file.role == "mask"}
    for part in parts:
        images = [file for file in files if file.part == part and file.role == "image"]
        masks = [file for file in files if file.part == part and file.role == "mask"]
        if images and not masks and masked:
            where = os.path.commonpath([os.path.dirname(file.shown) or "." for file in images])
            finding.say(
                where,
                f"{_count(len(images), 'image')} without masks, left out (they can be given to `handful predict`)",
                NOTE,
            )
            continue
        if images and masks:
            _pair_part(images, masks, finding)
        elif masks:
            for mask in masks:
                finding.say(mask.shown, "mask without an image; add the image or remove the mask", ERROR)


def _pair_part(images: list[_File], masks: list[_File], finding: _Finding) -> None:
    images = _drop_double_stems(images, finding)
    groups = {file.group for file in images} & {file.group for file in masks}
    before = len(finding.pairs)
    used: set[int] = set()
    for group in sorted(groups):
        here = [file for file in images if file.group == group]
        theirs = [file for file in masks if file.group == group]
        used |= _pair_group(here, theirs, finding)
    if len(finding.pairs) == before:
        used |= _pair_by_folder(images, masks, finding) or _pair_group(images, masks, finding)
    paired = {id(image) for image, _, _ in finding.pairs[before:]}
    unpaired = [image for image in images if id(image) not in paired]
    orphans = [mask for mask in masks if id(mask) not in used]
    for image in unpaired:
        finding.say(image.shown, "image without a mask; add one or remove the image", ERROR)
    _report_orphans(orphans, masks, finding)


def _report_orphans(orphans: list[_File], masks: list[_File], finding: _Finding) -> None:
    """A whole folder of masks that go with nothing is one note; a single mask left over is a problem."""
    folders: dict[str, list[_File]] = defaultdict(list)
    for mask in orphans:
        folders[mask.folder].append(mask)
    for folder, members in folders.items():
        total = sum(mask.folder == folder for mask in masks)
        if len(members) == total and len(orphans) < len(masks):
            finding.say(
                folder or ".",
                f"{_count(total, 'mask')} that go with no image, not used (--images and --masks pick others)",
                NOTE,
            )
            continue
        for mask in members:
            finding.say(mask.shown, "mask without an image; add the image or remove the mask", ERROR)


def _drop_double_stems(images: list[_File], finding: _Finding) -> list[_File]:
    """The same stem as .png and .jpg: the lossless one is used, and that is said."""
    kept: dict[str, _File] = {}
    for image in images:
        key = f"{image.folder}/{image.stem}".casefold()
        other = kept.get(key)
        if other is None:
            kept[key] = image
            continue
        better, worse = sorted((other, image), key=lambda file: (file.suffix in LOSSY_SUFFIXES, file.shown))
        kept[key] = better
        finding.say(worse.shown, f"same name as {better.path.name}, which is used; remove one of the two", WARNING)
    return list(kept.values())


def _pair_group(images: list[_File], masks: list[_File], finding: _Finding) -> set[int]:
    """Pair within one group. Returns the ids of the masks that are accounted for."""
    sets: dict[str, list[_File]] = defaultdict(list)
    for mask in masks:
        sets[mask.folder].append(mask)
    if len(images) == 1 and len(masks) > 1 and len(sets) == 1:
        match = match_names([images[0].stem], [mask.stem for mask in masks])
        if not match.found or len(match.partners[0]) + len(match.spare) < len(masks):
            finding.pairs.append((images[0], masks, "a mask file for every object"))
            return {id(mask) for mask in masks}
    matches = {
        folder: match_names([f.stem for f in images], [f.stem for f in members]) for folder, members in sets.items()
    }
    most = max((match.found for match in matches.values()), default=0)
    if not most:
        return set()
    good = [folder for folder, match in matches.items() if 2 * match.found >= most]
    chosen = min(
        good, key=lambda folder: (preference(folder.rsplit("/", 1)[-1]), -matches[folder].found, natural(folder))
    )
    taken = _take(images, sets[chosen], matches[chosen], finding)
    paired = {id(image) for image, _, _ in finding.pairs}
    for folder in sorted(sets):
        if folder == chosen:
            continue
        rest = [image for image in images if id(image) not in paired]
        more = match_names([f.stem for f in rest], [f.stem for f in sets[folder]]) if rest else None
        if more is not None and more.found and more.found == matches[folder].found:
            taken |= _take(rest, sets[folder], more, finding)  # masks spread over several folders
            paired = {id(image) for image, _, _ in finding.pairs}
            continue
        if matches[folder].found:
            finding.say(
                folder or ".",
                f"{_count(len(sets[folder]), 'mask')} of the same images, not used: those in {chosen or '.'} "
                "are (--masks picks others)",
                NOTE,
            )
            taken |= {id(mask) for mask in sets[folder]}
    return taken


def _take(images: list[_File], masks: list[_File], match: Match, finding: _Finding) -> set[int]:
    for image, partners in zip(images, match.partners, strict=True):
        if partners:
            finding.pairs.append((image, [masks[i] for i in partners], match.rule))
    if match.spare:
        first = masks[match.spare[0]]
        finding.say(
            first.shown,
            f"{_count(len(match.spare), 'file')} of this kind not used: another mask of the same image is "
            "(--masks picks others)",
            NOTE,
        )
    return {id(masks[i]) for i in (*match.spare, *(i for partners in match.partners for i in partners))}


def _pair_by_folder(images: list[_File], masks: list[_File], finding: _Finding) -> set[int]:
    """`images/ID.png` with `masks/ID/*.png`: the folder is named after the image and holds a mask for every object."""
    folders: dict[str, list[_File]] = defaultdict(list)
    for mask in masks:
        if mask.group:
            folders[mask.group[-1]].append(mask)
    used: set[int] = set()
    for image in images:
        members = folders.get(image.stem.casefold(), [])
        if members:
            finding.pairs.append((image, members, "a folder of masks for every image"))
            used |= {id(mask) for mask in members}
    return used


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


# ------------------------------------------------------------------------------------------------- named


def _find_named(root: Path, images: str, masks: str, given: bool) -> Layout:
    pictures, drawings = (
        _expand(images, root, "--images", SUFFIXES),
        _expand(masks, root, "--masks", SUFFIXES | {".mat"}),
    )
    if not given:
        root = Path(os.path.commonpath([path.absolute().parent for path in (*pictures, *drawings)]))
        pictures, drawings = [path.absolute() for path in pictures], [path.absolute() for path in drawings]
    finding = _Finding(root)
    here, theirs = [_file(path, root) for path in pictures], [_file(path, root) for path in drawings]
    same = {file.path.resolve() for file in here} & {file.path.resolve() for file in theirs}
    if same and len(same) == len(here) == len(theirs):
        raise DataError(f"{images}: --images and --masks name the same files; they must be told apart.")
    here = [file for file in here if file.path.resolve() not in same]
    if not here:
        raise DataError(f"{images}: all these files are masks too (--masks {masks}); images were expected.")
    here = _drop_double_stems(here, finding)
    if len(here) == 1 and len(theirs) == 1:
        finding.pairs.append((here[0], theirs, "one image and one mask"))
    else:
        # Folders tell equal names apart (train/0.png, test/0.png); where they do not agree, names alone decide.
        keys = [f"{file.part}/{'/'.join(file.group)}" for file in (*here, *theirs)]
        image_keys, mask_keys = keys[: len(here)], keys[len(here) :]
        used: set[int] = set()
        if set(image_keys) == set(mask_keys) and len(set(image_keys)) > 1:
            for key in sorted(set(image_keys)):
                some = [file for file, k in zip(here, image_keys, strict=True) if k == key]
                others = [file for file, k in zip(theirs, mask_keys, strict=True) if k == key]
                used |= _pair_group(some, others, finding)
        if not finding.pairs:
            used |= _take(here, theirs, match_names([f.stem for f in here], [f.stem for f in theirs]), finding)
        if not finding.pairs:
            raise DataError(
                f"{images}: no image has a mask of a matching name (images such as {here[0].shown}, masks such as "
                f"{theirs[0].shown}). Give both the same name or the same number."
            )
        paired = {id(image) for image, _, _ in finding.pairs}
        for image in here:
            if id(image) not in paired:
                finding.say(image.shown, "image without a mask; add one or remove the image", ERROR)
        for mask in theirs:
            if id(mask) not in used:
                finding.say(mask.shown, "mask without an image; add the image or remove the mask", ERROR)
    if len({image.part for image, _, _ in finding.pairs}) == 1:
        for image, _, _ in finding.pairs:
            image.part = "all"
    return _layout(finding)


def _expand(pattern: str, root: Path, flag: str, readable: Iterable[str]) -> list[Path]:
    """The files that a path, a folder or a glob names, seen from the data folder, then from the working folder."""
    wanted = frozenset(readable)
    for base in (root, Path()):
        path = base / pattern
        if path.is_file():
            return [path]
        if path.is_dir():
            found = [file.path for file in _list_files(path, wanted)]
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


# ------------------------------------------------------------------------------------------------- layout


def _layout(finding: _Finding) -> Layout:
    pairs: list[Pair] = []
    stack = False
    names = _unique_names([image for image, _, _ in finding.pairs])
    for (image, masks, _), name in zip(finding.pairs, names, strict=True):
        pages = _slices(image, masks, finding)
        if pages is None:
            continue
        if pages == 1:
            pairs.append(Pair(name, ImageFile(image.path), tuple(ImageFile(mask.path) for mask in masks), image.part))
            continue
        stack = True
        digits = max(2, len(str(pages - 1)))
        pairs += [
            Pair(
                f"{name}_{page:0{digits}d}", ImageFile(image.path, page), (ImageFile(masks[0].path, page),), image.part
            )
            for page in range(pages)
        ]
    if not pairs:
        raise DataError("\n".join(str(problem) for problem in finding.problems[:3]))
    parts = [part for part in ("train", "val", "test", "all") if any(pair.part == part for pair in pairs)]
    pairs.sort(key=lambda pair: (parts.index(pair.part), natural(pair.name)))
    return Layout(finding.root, tuple(pairs), _describe(finding, pairs, parts, stack), tuple(finding.problems), stack)


def _slices(image: _File, masks: list[_File], finding: _Finding) -> int | None:
    """How many slices the pair holds: 1 for plain pictures; None (and a problem) where the two do not agree."""
    if len(masks) > 1:
        return 1
    pages, mask_pages = count_pages(image.path), count_pages(masks[0].path)
    if pages.count == mask_pages.count:
        return pages.count
    if mask_pages.count == 1 and pages.perhaps_channels:
        return 1
    finding.say(
        image.shown,
        f"holds {_count(pages.count, 'slice')} but {masks[0].shown} holds {mask_pages.count}; the same number "
        "was expected",
        ERROR,
    )
    return None


def _unique_names(images: Sequence[_File]) -> list[str]:
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


def _describe(finding: _Finding, pairs: list[Pair], parts: list[str], stack: bool) -> str:
    image, masks, rule = finding.pairs[0]
    if stack:
        return f"{len(pairs)} slices of {_count(len(finding.pairs), 'stack')} ({image.shown} with {masks[0].shown})"
    counts = ", ".join(f"{sum(pair.part == part for pair in pairs)} in {part}" for part in parts)
    tail = f" ({counts})" if parts != ["all"] else ""
    if len(masks) > 1:
        return f"{_count(len(pairs), 'image')} with a mask file for every object{tail}"
    if len(pairs) == 1:
        return f"1 pair: {image.shown} with {masks[0].shown}"
    where = f"images in {image.folder or '.'}, masks in {masks[0].folder or '.'}, paired by {rule}"
    return f"{_count(len(pairs), 'pair')}{tail}: {where}"


# ------------------------------------------------------------------------------------------------- prediction


def find_images(inputs: Sequence[str | Path], channels: int | None = None) -> tuple[tuple[str, ImageFile], ...]:
    """The pictures to predict, each with a unique name for its results.

    `inputs` are files, folders (searched to the bottom; of a labelled data set only the images are taken) and globs.
    A file of several slices gives one entry each. `channels`, where known, is what the model takes: a TIFF with that
    many unnamed pages is then one picture. Raises DataError for what is missing, unreadable by kind, or empty.
    """
    files: list[_File] = []
    for given in inputs:
        path = Path(given)
        if path.is_dir():
            found = _list_files(path, SUFFIXES)
            _pick_images(found)
            found = [file for file in found if file.role == "image"]
            if not found:
                raise DataError(_nothing_here(path))
            files += found
        elif path.is_file():
            if path.suffix.lower() not in SUFFIXES:
                kind = _FOREIGN.get(path.suffix.lower(), f"of kind {path.suffix or 'unknown'}")
                raise DataError(f"{path}: is {kind}, which is not read. Save it as PNG, JPEG or TIFF.")
            files.append(_file(path, path.parent))
        elif globbing.has_magic(str(given)):
            names = [
                name for name in globbing.glob(str(given), recursive=True) if Path(name).suffix.lower() in SUFFIXES
            ]
            if not names:
                raise DataError(f"{given}: matches no picture.")
            files += [_file(Path(name), Path(name).parent) for name in sorted(names, key=natural)]
        else:
            raise DataError(f"{given}: no such file or folder.")
    if not files:
        raise DataError("no images given: name files, folders or globs.")
    unique = {file.path.resolve(): file for file in reversed(files)}
    files = [file for file in files if unique[file.path.resolve()] is file]
    entries: list[tuple[str, ImageFile]] = []
    for file, name in zip(files, _unique_names(files), strict=True):
        pages = count_pages(file.path)
        as_channels = pages.perhaps_channels and (pages.count == channels if channels else pages.count <= 4)
        if pages.count == 1 or as_channels:
            entries.append((name, ImageFile(file.path)))
            continue
        digits = max(2, len(str(pages.count - 1)))
        entries += [(f"{name}_{page:0{digits}d}", ImageFile(file.path, page)) for page in range(pages.count)]
    return tuple(entries)


def _pick_images(files: list[_File]) -> None:
    """Of a folder of unknown pictures: leave masks out where the folder is clearly a labelled data set."""
    images = any(file.role == "image" for file in files)
    labelled = any(file.role == "mask" for file in files) and any(file.role in ("image", "") for file in files)
    for file in files:
        if not (images or labelled) or (labelled and not images and not file.role):
            file.role = "image"
