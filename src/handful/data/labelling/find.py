"""Annotation files beside images: which are there, and which image each of their drawings belongs to.

An image is looked for among the files of the data folder by the name that the annotations give it; no path out of an
annotation file is ever opened.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import unquote

from handful.data.decode import SUFFIXES as PICTURES
from handful.data.labelling.annotations import Annotated, Annotations
from handful.data.labelling.drawing import MOST_NAMES, Drawing, class_names
from handful.data.labelling.labelme import TOOL as LABELME
from handful.data.labelling.readers import SUFFIXES, TOOLS, read_annotations
from handful.data.labelling.roi import TOOL as IMAGEJ
from handful.data.listing import File, list_files
from handful.data.match import match_names
from handful.data.problem import ERROR, NOTE, WARNING, Problem
from handful.data.roles import read_words
from handful.errors import DataError
from handful.names import plural

# Label Studio puts eight hexadecimal digits and a dash before the name of an uploaded file.
_UPLOADED = re.compile(r"^[0-9a-f]{8}-(?=.)", re.IGNORECASE)


@dataclass
class Drawn:
    """Images with their annotation file and drawing, what could not be used, and all in words."""

    pairs: list[tuple[File, File, Drawing]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    words: str = ""


def annotation_files(root: Path) -> list[File]:
    """Files under the root that may hold annotations, by their endings; predictions and the like are passed over."""
    return [file for file in list_files(root, SUFFIXES) if file.role != "aside"]


def find_drawn(images: Sequence[File], files: Sequence[File]) -> Drawn:
    """Match what these annotation files hold with the images; `pairs` stays empty where none of them holds any."""
    drawn = Drawn()
    sources: list[tuple[File, Annotations]] = []
    for file in files:
        try:
            found = read_annotations(file.path, file.shown)
        except DataError as error:
            drawn.problems.append(_problem(str(error), file.shown, ERROR))
            continue
        if found is not None:
            sources.append((file, found))
    # COCO keeps the same images in several files (instances, keypoints): the one with most outlines has the say.
    sources.sort(key=lambda source: -source[1].count)
    taken: dict[int, File] = {}
    index = _Index(images)
    for file, found in sources:
        _match(file, found, index, taken, drawn)
    if drawn.pairs:
        _finish(drawn, [found for _, found in sources], images, taken)
    return drawn


class _Index:
    """Images by their names and by their stems, in lower case."""

    def __init__(self, images: Sequence[File]) -> None:
        self.images = images
        self.names: dict[str, list[File]] = defaultdict(list)
        self.stems: dict[str, list[File]] = defaultdict(list)
        for image in images:
            self.names[image.path.name.casefold()].append(image)
            self.stems[image.stem.casefold()].append(image)


def _match(file: File, found: Annotations, index: _Index, taken: dict[int, File], drawn: Drawn) -> None:
    owners = _by_stem(found, index) if found.tool == IMAGEJ else None
    # train.json and test.json over one folder of images; test_1.json beside test_1.png says nothing.
    part = "" if found.tool in (IMAGEJ, LABELME) else read_words(file.stem).part
    missing: list[str] = []
    twice = 0
    for annotated in found.images:
        candidates = owners if owners is not None else _candidates(annotated, file, index)
        if not candidates:
            missing.append(annotated.name)
            continue
        if len(candidates) > 1:
            names = " and ".join(image.shown for image in candidates[:2])
            text = f"names {annotated.name!r}, which may be {names}; write the folder into the name as well"
            drawn.problems.append(Problem(file.shown, text, ERROR))
            continue
        image = candidates[0]
        if id(image) in taken:
            twice += 1
            continue
        if annotated.problem:
            drawn.problems.append(_problem(annotated.problem, file.shown, ERROR))
            continue
        taken[id(image)] = file
        if image.part == "all" and part:
            image.part = part
        drawing = Drawing(tuple(annotated.objects), annotated.where, annotated.size)
        drawn.pairs.append((image, file, drawing))
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        text = f"names {plural(len(missing), 'image')} that {verb} not here, such as {missing[0]!r}"
        drawn.problems.append(Problem(file.shown, text, ERROR if len(missing) == len(found.images) else WARNING))
    if twice and twice == len(found.images):
        drawn.problems.append(Problem(file.shown, "annotates the same images as another file, which is used", NOTE))
    elif twice:
        text = f"annotates {plural(twice, 'image')} that were annotated before; the earlier annotations are used"
        drawn.problems.append(Problem(file.shown, text, WARNING))
    for kind, count in found.passed.items():
        drawn.problems.append(Problem(file.shown, f"{count} {kind}, passed over", NOTE))


def _problem(text: str, shown: str, severity: str) -> Problem:
    """A reader's message, which begins with the file and perhaps a place in it, as a problem of that file."""
    where, _, message = text.partition(": ")
    return Problem(where, message, severity) if where.startswith(shown) else Problem(shown, text, severity)


def _by_stem(found: Annotations, index: _Index) -> list[File]:
    """The image that a file of regions is named after (a.zip, a_rois.zip, RoiSet_a.zip), in its own folder if there."""
    name = found.path.stem
    bare = re.sub(r"(?i)^(?:roi[\s_-]?sets?|rois?)[\s_.-]+|[\s_.-]*(?:roi[\s_-]?sets?|rois?)$", "", name) or name
    for stem in (name, bare):
        same = index.stems.get(stem.casefold(), [])
        near = [image for image in same if image.path.parent == found.path.parent]
        if same:
            return near or same
    near = [image for image in index.images if image.path.parent == found.path.parent]
    for some in (near, index.images):
        partners = match_names([image.stem for image in some], [bare]).partners
        owners = [image for image, masks in zip(some, partners, strict=True) if masks]
        if owners:
            return owners
    return []


def _candidates(annotated: Annotated, file: File, index: _Index) -> list[File]:
    """Images that the annotations' name may mean: those that share the longest end of the path with it.

    Then the name without what Label Studio puts before it, then the stem with another ending (a.jpg saved as a.png); of
    several the one in the folder, then in the part (train, test) of the annotation file.
    """
    parts = [part for part in re.split(r"[/\\]", unquote(annotated.name).casefold()) if part not in ("", ".", "..")]
    if not parts:
        return []
    last = parts[-1]
    plain = _UPLOADED.sub("", last)
    stem = Path(plain).stem if Path(plain).suffix in PICTURES else plain
    found = index.names.get(last) or index.names.get(plain) or index.stems.get(stem) or []
    if not found:
        return []
    shared = [_shared(parts[:-1], image.folder.casefold().split("/")) for image in found]
    found = [image for image, count in zip(found, shared, strict=True) if count == max(shared)]
    part = read_words(file.stem).part or file.part
    if len(found) > 1:
        found = [image for image in found if image.folder == file.folder] or found
    if len(found) > 1:
        found = [image for image in found if image.part == part] or found
    return found


def _shared(folders: Sequence[str], others: Sequence[str]) -> int:
    """How many folders two paths have in common, from their ends."""
    count = 0
    for one, other in zip(reversed(folders), reversed(others), strict=False):
        if one != other:
            break
        count += 1
    return count


def _finish(drawn: Drawn, sources: Sequence[Annotations], images: Sequence[File], taken: dict[int, File]) -> None:
    names = class_names((drawing for _, _, drawing in drawn.pairs), [name for one in sources for name in one.order])
    first = drawn.pairs[0][1].shown
    if not names:
        raise DataError(f"{first}: holds no outline of any object; draw some, or export them as masks.")
    if len(names) > MOST_NAMES:
        raise DataError(f"{first}: {len(names)} classes are drawn; at most {MOST_NAMES} fit into a mask.")
    drawn.pairs = [(image, file, replace(drawing, names=names)) for image, file, drawing in drawn.pairs]
    left = [image for image in images if id(image) not in taken]
    broken = sum(bool(image.problem) for source in sources for image in source.images)
    if len(left) > broken:
        text = f"{plural(len(left) - broken, 'image')} without annotations, left out (`handful predict` takes them)"
        drawn.problems.append(Problem(left[0].folder or ".", text, NOTE))
    counts = Counter(found.tool for found in sources)
    tools = " and ".join(tool for tool in TOOLS if counts[tool])
    files = defaultdict(int, Counter(file.shown for _, file, _ in drawn.pairs))
    where = next(iter(files)) if len(files) == 1 else f"{len(files)} files"
    drawn.words = f"{plural(len(drawn.pairs), 'image')} with {tools} annotations ({where})"
