"""`evaluate`: scores of a model on labelled images, or of masks that came from anywhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from handful.data.check import Audit, summary_lines
from handful.data.image import read_image
from handful.data.mask import VOID, MaskReading, apply_reading
from handful.data.maskfile import GREY, INDEX, RawMask, read_raw_mask
from handful.data.pairs import ImageFile, Pair
from handful.data.split import Region
from handful.errors import DataError, SettingsError
from handful.measure.ridges import thin_ridges
from handful.measure.scores import Scores
from handful.modelfile import model_path
from handful.outputs.files import OutputFolder
from handful.verbs.listener import SILENT, Listener
from handful.verbs.runfolder import REPORT, SCORES, write_json
from handful.verbs.seen import find_seen, mark_seen
from handful.verbs.train import DataFlags, split_line

if TYPE_CHECKING:
    from handful.report.content import Picture
    from handful.verbs.closer_look import CloserLook


def evaluate(
    model: str | Path | None = None,
    data: str | Path | None = None,
    *,
    out: str | Path | None = None,
    predicted: str | Path | None = None,
    device: str = "auto",
    flags: DataFlags | None = None,
    overwrite: bool = False,
    listener: Listener = SILENT,
    command: str = "",
) -> Scores:
    """Score a model (file or run folder) on labelled data, or a folder of `predicted` masks against labelled data.

    out: a folder for scores.json and report.html. Images that the model has seen, or copies of such, are scored and
    named in `seen`, and the score is not called a test score. Raises DataError where classes differ or a predicted
    mask is missing.
    """
    if (predicted is None) == (model is None):
        raise SettingsError("evaluate: give a model, or --predicted with a folder of masks.")
    if model is not None:
        model = model_path(model)
    flags = flags or DataFlags()
    audit = flags.audit_like(data, model_reading(model), listener) if model is not None else flags.audit(data, listener)
    for line in summary_lines(audit):
        listener.say(line)
    with ExitStack() as stack:
        folder = None
        if out is not None:
            folder = stack.enter_context(OutputFolder(out, overwrite=overwrite))
            folder.refuse_existing([SCORES, REPORT])
        if predicted is not None:
            scores, pictures, messages = score_masks(Path(predicted), audit, listener)
            look = None
        else:
            assert model is not None  # one of the two, see above
            scores, pictures, messages, look = score_model(model, audit, device, listener)
        if folder is not None:
            write_json(folder.path / SCORES, scores.to_dict() | ({} if look is None else look.to_dict()))
            seen = "unseen" if model is not None and not messages else "labelled"
            write_page(folder.path / REPORT, audit, scores, pictures, messages, command, seen, look)
    for message in messages:
        listener.say(f"note     {message}")
    return scores


def write_page(
    path: Path,
    audit: Audit,
    scores: Scores,
    pictures: Sequence[Picture],
    messages: Sequence[str],
    command: str,
    images_kind: str,
    look: CloserLook | None = None,
) -> None:
    """The report of an evaluation: the audit, the scores, the pictures."""
    from handful.report.content import ReportContent
    from handful.report.page import write_report

    content = ReportContent(
        title=f"Scores on {scores.n} images",
        scores=scores,
        command=command,
        date=time.strftime("%Y-%m-%d %H:%M"),
        audit=[split_line(line) for line in summary_lines(audit)],
        problems=[f"{one.where}: {one.message}" for one in audit.problems],
        pictures=pictures,
        messages=messages,
        images_kind=images_kind,
        calibration=None if look is None else look.calibration(),
        sizes=() if look is None else look.sizes(),
        unlike={} if look is None else look.unlike,
    )
    write_report(path, content)


def score_model(
    path: str | Path, audit: Audit, device: str, listener: Listener
) -> tuple[Scores, Sequence[Picture], list[str], CloserLook]:
    """Predict and score every image of an audited set."""
    from handful.measure.boundary_scores import DETECTORS
    from handful.prediction.segmenter import Segmenter
    from handful.verbs.closer_look import CloserLook
    from handful.verbs.score import score_regions

    model = Segmenter.load(path, device)
    if model.card.task != "boundaries" and model.card.classes != audit.reading.classes:
        raise DataError(
            f"{audit.root}: its classes ({', '.join(audit.reading.classes)}) are not those of the model "
            f"({', '.join(model.card.classes)}). Give masks of the kind that it was trained on."
        )
    regions = [Region(name, (0, one.height), (0, one.width)) for name, one in audit.facts.items()]
    look = CloserLook(model.card, audit.reading, words="as the model file has it")
    scored = score_regions(
        model, audit, regions, listener=listener, look=look, detectors=tuple(DETECTORS), with_outlines=True
    )
    scores, messages = mark_seen(scored.scores, find_seen(model.card.training, audit, audit.facts))
    return scores, scored.pictures, messages, look


def model_reading(model: str | Path) -> MaskReading | None:
    """How the masks were read that a model was trained on; None for one trained on lines drawn between classes."""
    from handful.modelfile import read_card

    card = read_card(model)
    reading = MaskReading.from_dict(card.reading) if card.reading else None
    return reading if reading is not None and reading.classes == card.classes else None


def score_masks(predicted: Path, audit: Audit, listener: Listener) -> tuple[Scores, Sequence[Picture], list[str]]:
    """Score mask files that have the names of the images, or stand in masks/ of a prediction folder.

    Where people drew boundaries (BSDS500), grey values are the strength of boundaries, those of a prediction folder in
    boundaries/ (thin already) or in files of any thickness.
    """
    from handful.data.sample import read_samples
    from handful.measure.boundary_scores import BoundaryScorer
    from handful.measure.scorer import Scorer
    from handful.verbs.score import MOST_PICTURES, drawn_boundaries, small_picture

    boundaries = BoundaryScorer() if audit.reading.kind == "boundaries" else None
    inside = ("boundaries", "masks") if boundaries is not None else ("masks",)
    folder = next((predicted / name for name in inside if (predicted / name).is_dir()), predicted)
    if not folder.is_dir():
        raise DataError(f"{predicted}: no such folder. Name a folder of mask files or a prediction folder.")
    files = {one.stem: one for one in sorted(folder.iterdir()) if one.is_file() and not one.name.startswith(".")}
    missing = [pair.name for pair in audit.pairs if find_mask(pair, files) is None]
    if len(missing) == len(audit.pairs):
        raise DataError(f"{folder}: no file there has the name of an image of {audit.root} ({missing[0]}, ...).")
    scorer = Scorer(audit.reading.classes, background=audit.reading.background, with_outlines=True)
    pictures: list[Picture] = []
    chosen = [(pair, file) for pair in audit.pairs if (file := find_mask(pair, files)) is not None]
    by_number = are_class_numbers([file for _, file in chosen], audit.reading)
    for number, (pair, file) in enumerate(chosen):
        facts = audit.facts[pair.name]
        region = Region(pair.name, (0, facts.height), (0, facts.width))
        (sample,) = read_samples(audit, [region], threads=1)
        answer = read_answer(file, audit.reading, by_number)
        image = np.moveaxis(sample.image, 0, -1)
        if answer.shape != sample.mask.shape:
            raise DataError(
                f"{file}: is {answer.shape[1]}x{answer.shape[0]}, its true mask {sample.mask.shape[1]}x"
                f"{sample.mask.shape[0]}. Masks must have the size of their images."
            )
        dice = scorer.add(pair.name, sample.mask, answer, image=image)
        if boundaries is not None:
            strength = read_strength(file, thin=folder.name == "boundaries")
            boundaries.add(pair.name, drawn_boundaries(audit, region, sample.mask), strength, image)
        if len(pictures) < MOST_PICTURES:
            pictures.append(small_picture(pair.name, image, sample.mask, answer, dice))
        listener.progress("scoring", (number + 1) / len(chosen), pair.name)
    messages = (
        [f"{len(missing)} images have no predicted mask and were left out: {', '.join(missing[:5])}."]
        if missing
        else []
    )
    scores = scorer.finish() if boundaries is None else boundaries.add_to(scorer.finish())
    return scores, pictures, messages


def find_mask(pair: Pair, files: dict[str, Path]) -> Path | None:
    """The predicted file of a pair: by its name, the image's stem, or the stem of the true mask."""
    names = (pair.name.replace("/", "_"), pair.name, pair.image.path.stem, pair.masks[0].path.stem)
    return next((files[name] for name in names if name in files), None)


def read_codes(file: Path) -> RawMask:
    """The values of a mask file as they stand there."""
    return read_raw_mask(Pair(file.stem, ImageFile(file), (ImageFile(file),)))


def are_class_numbers(files: Sequence[Path], reading: MaskReading) -> bool:
    """Whether all values in these files are class numbers, as handful writes them, whatever the true masks hold."""
    known = [*range(len(reading.classes)), VOID]
    return all(
        raw.form in (GREY, INDEX) and bool(np.isin(np.unique(raw.codes), known).all()) for raw in map(read_codes, files)
    )


def read_strength(file: Path, *, thin: bool) -> NDArray[np.float32]:
    """Predicted boundaries in a grey file, float32 (H, W) in 0 to 1: their crests, or all of it where it is thin."""
    image = read_image(ImageFile(file))
    top = np.iinfo(image.dtype).max if image.dtype.kind in "ui" else 1
    strength = np.clip(np.nan_to_num(image.mean(axis=2, dtype=np.float32)) / top, 0, 1).astype(np.float32)
    return strength if thin else thin_ridges(strength)


def read_answer(file: Path, reading: MaskReading, by_number: bool) -> NDArray[np.uint8]:
    """A predicted mask as class numbers, uint8 (H, W).

    Two classes: dark and bright (0 and 1, 0 and 255) or no object and objects; more: class numbers, or values like
    those of the true masks.
    """
    raw = read_codes(file)
    if len(reading.classes) == 2 and raw.form in (GREY, INDEX):
        numbered = reading.kind in ("labels", "objects") or int(raw.codes.max(initial=0)) <= 1
        return np.asarray(raw.codes > (0 if numbered else 127), np.uint8)
    if by_number:
        return np.asarray(raw.codes, np.uint8)
    return apply_reading(raw, reading, str(file)).classes
