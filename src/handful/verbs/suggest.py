"""`suggest`: which of the unlabelled images to label next."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from handful.errors import DataError, SettingsError
from handful.files import write_whole
from handful.outputs.files import OutputFolder
from handful.prediction.suggestion import choose_images, expected_dice
from handful.verbs.listener import SILENT, Listener
from handful.verbs.runfolder import csv_text, write_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from handful.prediction.segmenter import Prediction

JSON, CSV = "suggestions.json", "suggestions.csv"
UNLIKE = 3.0  # the distance from which on images are unlike, for a model that does not say


@dataclass(frozen=True)
class Suggestion:
    """An image to label.

    gain: the share of all that is to learn from these images that its label brings. doubt: one less the Dice that the
    model expects of itself there. unlike: how unlike the training images it is, above 1 it is called so (None: the
    model does not say). stands_for: how many of the images it is near to.
    """

    name: str
    path: str
    gain: float
    doubt: float
    unlike: float | None
    stands_for: int

    @property
    def why(self) -> str:
        """In words."""
        reasons = [f"the model expects a Dice of {1 - self.doubt:.2f} of itself there"]
        if self.unlike is not None and self.unlike > 1:
            reasons.append(f"it is unlike the images trained on ({self.unlike:.1f} times the limit)")
        if self.stands_for > 1:
            reasons.append(f"it stands for {self.stands_for} of these images")
        return "; ".join(reasons)


@dataclass(frozen=True)
class Suggestions:
    """The images to label, best first; `looked_at` many were there, `failed` could not be read."""

    chosen: tuple[Suggestion, ...]
    looked_at: int
    failed: dict[str, str]

    def lines(self) -> list[str]:
        """For the terminal."""
        if not self.chosen:
            return ["No label on these images would teach the model anything new: it has seen their like."]
        rows = [f"{number:2}. {one.path}  {one.why}" for number, one in enumerate(self.chosen, 1)]
        return [f"Label these next, of {self.looked_at} images, the first first:", *rows]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "looked_at": self.looked_at,
            "suggestions": [asdict(one) | {"why": one.why} for one in self.chosen],
            "failed": self.failed,
        }

    def to_csv(self) -> str:
        """A row an image, best first."""
        rows: list[list[Any]] = [["rank", "path", "gain", "doubt", "unlike", "stands_for"]]
        for rank, one in enumerate(self.chosen, 1):
            unlike = "" if one.unlike is None else f"{one.unlike:.3f}"
            rows.append([rank, one.path, f"{one.gain:.4f}", f"{one.doubt:.4f}", unlike, one.stands_for])
        return csv_text(rows)


def suggest(
    model: str | Path,
    images: Sequence[str | Path] | str | Path,
    *,
    n: int = 5,
    out: str | Path | None = None,
    device: str = "auto",
    overwrite: bool = False,
    listener: Listener = SILENT,
) -> Suggestions:
    """Rank unlabelled images (files, folders, globs) by what a label on each would teach the model.

    n: how many to choose. out: a folder for suggestions.json and suggestions.csv. An image that cannot be read is
    named and left out. Raises DataError where none can, SettingsError for n below 1, ModelFileError, OutputError.
    """
    from handful.data.pairs import find_images
    from handful.modelfile import read_card

    if n < 1:
        raise SettingsError(f"-n {n}: at least one image to label was expected.")
    card = read_card(model)
    given = [images] if isinstance(images, str | Path) else list(images)
    found = find_images(given, card.channels)
    with ExitStack() as stack:
        folder = None
        if out is not None:
            folder = stack.enter_context(OutputFolder(out, overwrite=overwrite))
            folder.refuse_existing([JSON, CSV])
        listener.progress("starting", 0.0, "loading the model")
        from handful.prediction.segmenter import Segmenter

        segmenter = Segmenter.load(model, device)
        looks: list[tuple[str, str, Look]] = []
        failed: dict[str, str] = {}
        for number, (name, file) in enumerate(found):
            listener.progress("looking", number / len(found), name)
            try:
                looks.append((name, str(file), look_at(segmenter.predict(file, name=str(file), flips=False))))
            except DataError as error:
                failed[str(file)] = str(error)
                listener.say(f"failed   {error}")
        if not looks:
            raise DataError(f"none of the {len(found)} images can be used. The first: {next(iter(failed.values()))}")
        result = Suggestions(rank(looks, card.likeness, n), len(looks), failed)
        if folder is not None:
            write_json(folder.path / JSON, result.to_dict())
            write_whole(folder.path / CSV, result.to_csv().encode())
    return result


@dataclass(frozen=True)
class Look:
    """What is kept of a prediction."""

    doubt: float
    unlike: float
    description: NDArray[np.float32]


def look_at(prediction: Prediction) -> Look:
    """The doubt and the description of one prediction."""
    assert prediction.description is not None  # every image is described
    doubt = 1 - expected_dice(prediction.probabilities, prediction.mask, prediction.card.object_classes)
    return Look(doubt, prediction.unlike, prediction.description)


def rank(looks: Sequence[tuple[str, str, Look]], likeness: dict[str, Any], n: int) -> tuple[Suggestion, ...]:
    """The suggestions from (name, path, look) of each image and the likeness in the model's card."""
    rows = np.stack([look.description for _, _, look in looks]).astype(np.float64)
    known = np.asarray(likeness.get("images", ()), np.float64)
    if known.shape[1:] != rows.shape[1:]:  # a model that does not say what it was trained on
        known = np.zeros((0, rows.shape[1]))
    doubts = np.array([look.doubt for _, _, look in looks])
    chosen = choose_images(doubts, rows, known, n, unlike=float(likeness.get("unlike", UNLIKE)))
    return tuple(
        Suggestion(
            name=looks[one.number][0],
            path=looks[one.number][1],
            gain=round(one.gain, 4),
            doubt=round(looks[one.number][2].doubt, 4),
            unlike=None if isnan(unlike := looks[one.number][2].unlike) else round(unlike, 3),
            stands_for=one.stands_for,
        )
        for one in chosen
    )
