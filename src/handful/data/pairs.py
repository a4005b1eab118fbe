"""Which file belongs to which: from a folder as people keep it to a list of pairs of image and mask.

Three steps: every file gets a role (image or mask), a part (train, val, test) and a group from the words in its path
(`roles`, `assign`); within a part and group names are matched (`match`); what is left over is reported, never guessed.
Where no file is a mask by its name or folder, annotations of labelling tools are looked for (`labelling`).
"""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from handful.data.assign import assign_roles
from handful.data.decode import LOSSY_SUFFIXES, SUFFIXES, ImageFile, count_pages
from handful.data.inputs import find_images
from handful.data.labelling.drawing import Drawing
from handful.data.labelling.find import Drawn, annotation_files, find_drawn
from handful.data.labelling.readers import SUFFIXES as ANNOTATIONS
from handful.data.listing import LAYOUTS, File, as_file, expand, list_files, nothing_here, unique_names
from handful.data.match import Match, match_names
from handful.data.problem import ERROR, NOTE, WARNING, Problem
from handful.data.roles import natural, preference, stem_role
from handful.errors import DataError
from handful.names import plural

__all__ = ["ImageFile", "Layout", "Pair", "find_images", "find_pairs"]


@dataclass(frozen=True)
class Pair:
    """An image and its mask files (several: one object each). `name` is unique; `part`: all, train, val or test.

    drawing: what is drawn on the image in a file of a labelling tool, which is then the one file in `masks`.
    """

    name: str
    image: ImageFile
    masks: tuple[ImageFile, ...]
    part: str = "all"
    drawing: Drawing | None = field(default=None, compare=False, repr=False)


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
class _Finding:
    """Collects pairs and problems on the way."""

    root: Path
    pairs: list[tuple[File, list[File], str]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    words: str = ""
    drawings: dict[int, Drawing] = field(default_factory=dict)  # by the id of the image

    def say(self, where: str, message: str, severity: str) -> None:
        self.problems.append(Problem(where, message, severity))

    def take(self, drawn: Drawn) -> None:
        """The pairs and problems of annotation files, instead of masks."""
        self.pairs = [(image, [file], "annotations") for image, file, _ in drawn.pairs]
        self.drawings = {id(image): drawing for image, _, drawing in drawn.pairs}
        self.problems += drawn.problems
        self.words = drawn.words


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
    files = list_files(root)
    if not files:
        raise DataError(nothing_here(root))
    finding = _Finding(root)
    drawn = Drawn() if _named_masks(files) else find_drawn(_pictures(files), annotation_files(root))
    if drawn.pairs:
        finding.take(drawn)
        return _layout(finding)
    assign_roles(files)
    _pair_files(files, finding)
    if not finding.pairs:
        if drawn.problems:
            raise DataError(f"{root}: no annotations can be used. {drawn.problems[0]}")
        raise DataError(_nothing_paired(root, files, finding))
    return _layout(finding)


def _named_masks(files: list[File]) -> bool:
    """Whether some files are masks by their folder or name, and others are not."""
    pictures = _pictures(files)
    folders = {file.role == "mask" for file in pictures}
    stems = {stem_role(file.stem) == "mask" for file in pictures}
    return len(folders) == 2 or len(stems) == 2 or len(pictures) < len([file for file in files if file.role != "aside"])


def _pictures(files: list[File]) -> list[File]:
    return [file for file in files if file.role != "aside" and file.suffix != ".mat"]


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


def _nothing_paired(root: Path, files: list[File], finding: _Finding) -> str:
    roles = {role: [file for file in files if file.role == role] for role in ("image", "mask")}
    if not roles["mask"]:
        hint = ""
        if any(root.rglob("*.json")):
            hint = " The .json files are not of COCO, LabelMe or Label Studio: export annotations in one of these."
        elif any(root.rglob("*.xml")):
            hint = " The .xml files are not of CVAT for images 1.1: export annotations in that form."
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


def _pair_files(files: list[File], finding: _Finding) -> None:
    parts = sorted({file.part for file in files})
    masked = {file.part for file in files if file.role == "mask"}
    for part in parts:
        images = [file for file in files if file.part == part and file.role == "image"]
        masks = [file for file in files if file.part == part and file.role == "mask"]
        if images and not masks and masked:
            where = os.path.commonpath([os.path.dirname(file.shown) or "." for file in images])
            finding.say(
                where,
                f"{plural(len(images), 'image')} without masks, left out (they can be given to `handful predict`)",
                NOTE,
            )
            continue
        if images and masks:
            _pair_part(images, masks, finding)
        elif masks:
            for mask in masks:
                finding.say(mask.shown, "mask without an image; add the image or remove the mask", ERROR)


def _pair_part(images: list[File], masks: list[File], finding: _Finding) -> None:
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


def _report_orphans(orphans: list[File], masks: list[File], finding: _Finding) -> None:
    """A whole folder of masks that go with nothing is one note; a single mask left over is a problem."""
    folders: dict[str, list[File]] = defaultdict(list)
    for mask in orphans:
        folders[mask.folder].append(mask)
    for folder, members in folders.items():
        total = sum(mask.folder == folder for mask in masks)
        if len(members) == total and len(orphans) < len(masks):
            finding.say(
                folder or ".",
                f"{plural(total, 'mask')} that go with no image, not used (--images and --masks pick others)",
                NOTE,
            )
            continue
        for mask in members:
            finding.say(mask.shown, "mask without an image; add the image or remove the mask", ERROR)


def _drop_double_stems(images: list[File], finding: _Finding) -> list[File]:
    """The same stem as .png and .jpg: the lossless one is used, and that is said."""
    kept: dict[str, File] = {}
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


def _pair_group(images: list[File], masks: list[File], finding: _Finding) -> set[int]:
    """Pair within one group. Returns the ids of the masks that are accounted for."""
    sets: dict[str, list[File]] = defaultdict(list)
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
                f"{plural(len(sets[folder]), 'mask')} of the same images, not used: those in {chosen or '.'} "
                "are (--masks picks others)",
                NOTE,
            )
            taken |= {id(mask) for mask in sets[folder]}
    return taken


def _take(images: list[File], masks: list[File], match: Match, finding: _Finding) -> set[int]:
    for image, partners in zip(images, match.partners, strict=True):
        if partners:
            finding.pairs.append((image, [masks[i] for i in partners], match.rule))
    if match.spare:
        first = masks[match.spare[0]]
        finding.say(
            first.shown,
            f"{plural(len(match.spare), 'file')} of this kind not used: another mask of the same image is "
            "(--masks picks others)",
            NOTE,
        )
    return {id(masks[i]) for i in (*match.spare, *(i for partners in match.partners for i in partners))}


def _pair_by_folder(images: list[File], masks: list[File], finding: _Finding) -> set[int]:
    """`images/ID.png` with `masks/ID/*.png`: the folder is named after the image and holds a mask for every object."""
    folders: dict[str, list[File]] = defaultdict(list)
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


def _find_named(root: Path, images: str, masks: str, given: bool) -> Layout:
    pictures = expand(images, root, "--images", SUFFIXES)
    drawings = expand(masks, root, "--masks", SUFFIXES | ANNOTATIONS | {".mat"})
    if not given:
        root = Path(os.path.commonpath([path.absolute().parent for path in (*pictures, *drawings)]))
        pictures, drawings = [path.absolute() for path in pictures], [path.absolute() for path in drawings]
    finding = _Finding(root)
    here, theirs = [as_file(path, root) for path in pictures], [as_file(path, root) for path in drawings]
    same = {file.path.resolve() for file in here} & {file.path.resolve() for file in theirs}
    if same and len(same) == len(here) == len(theirs):
        raise DataError(f"{images}: --images and --masks name the same files; they must be told apart.")
    here = [file for file in here if file.path.resolve() not in same]
    if not here:
        raise DataError(f"{images}: all these files are masks too (--masks {masks}); images were expected.")
    here = _drop_double_stems(here, finding)
    if all(file.suffix in ANNOTATIONS for file in theirs):
        drawn = find_drawn(here, theirs)
        if not drawn.pairs:
            raise DataError(
                str(drawn.problems[0]) if drawn.problems else f"{masks}: holds annotations of no tool that is known."
            )
        finding.take(drawn)
        return _layout(finding)
    theirs = [file for file in theirs if file.suffix not in ANNOTATIONS]
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


def _layout(finding: _Finding) -> Layout:
    pairs: list[Pair] = []
    stack = False
    names = unique_names([image for image, _, _ in finding.pairs])
    for (image, masks, _), name in zip(finding.pairs, names, strict=True):
        pages = _slices(image, masks, finding)
        if pages is None:
            continue
        if pages == 1:
            files = tuple(ImageFile(mask.path) for mask in masks)
            pairs.append(Pair(name, ImageFile(image.path), files, image.part, finding.drawings.get(id(image))))
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


def _slices(image: File, masks: list[File], finding: _Finding) -> int | None:
    """How many slices the pair holds: 1 for plain pictures; None (and a problem) where the two do not agree."""
    if len(masks) > 1:
        return 1
    pages = count_pages(image.path)
    if id(image) in finding.drawings:
        if pages.count == 1 or pages.perhaps_channels:
            return 1
        slices = plural(pages.count, "slice")
        finding.say(
            image.shown, f"holds {slices}; annotations go with single pictures, so save each slice alone", ERROR
        )
        return None
    mask_pages = count_pages(masks[0].path)
    if pages.count == mask_pages.count:
        return pages.count
    if mask_pages.count == 1 and pages.perhaps_channels:
        return 1
    finding.say(
        image.shown,
        f"holds {plural(pages.count, 'slice')} but {masks[0].shown} holds {mask_pages.count}; the same number "
        "was expected",
        ERROR,
    )
    return None


def _describe(finding: _Finding, pairs: list[Pair], parts: list[str], stack: bool) -> str:
    image, masks, rule = finding.pairs[0]
    if stack:
        return f"{len(pairs)} slices of {plural(len(finding.pairs), 'stack')} ({image.shown} with {masks[0].shown})"
    counts = ", ".join(f"{sum(pair.part == part for pair in pairs)} in {part}" for part in parts)
    tail = f" ({counts})" if parts != ["all"] else ""
    if finding.words:
        return finding.words + tail
    if len(masks) > 1:
        return f"{plural(len(pairs), 'image')} with a mask file for every object{tail}"
    if len(pairs) == 1:
        return f"1 pair: {image.shown} with {masks[0].shown}"
    where = f"images in {image.folder or '.'}, masks in {masks[0].folder or '.'}, paired by {rule}"
    return f"{plural(len(pairs), 'pair')}{tail}: {where}"
