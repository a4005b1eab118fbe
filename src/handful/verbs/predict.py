"""`predict`: a trained model applied to images; masks and whatever else is asked for, in a folder."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from handful.errors import DataError
from handful.verbs.listener import SILENT, Listener

SAVED = ("mask", "overlay")


@dataclass
class Predicted:
    """What was written where, and the images that could not be predicted with the reason for each."""

    folder: Path
    done: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def predict(
    model: str | Path,
    images: Sequence[str | Path],
    *,
    out: str | Path,
    save: Collection[str] = SAVED,
    device: str = "auto",
    flips: bool = False,
    overwrite: bool = False,
    listener: Listener = SILENT,
) -> Predicted:
    """Predict files, folders and globs with a model file or run folder and write a prediction folder.

    save: any of mask, probability, overlay, contours, instances, boundaries, rois, table, coco, rle. An image that
    fails does not stop the others; if all fail the first reason is raised. Nothing is overwritten unless `overwrite`.
    """
    from handful.data.pairs import find_images
    from handful.modelfile import read_card
    from handful.outputs.files import OutputFolder
    from handful.outputs.prediction import check_saved, planned_files, write_index, write_prediction

    asked = check_saved(save)
    found = find_images(images, read_card(model).channels)
    listener.progress("starting", 0.0, "loading the model")
    from handful.prediction.segmenter import Segmenter

    segmenter = Segmenter.load(model, device)
    with OutputFolder(out, overwrite=overwrite) as folder:
        folder.refuse_existing(planned_files([name for name, _ in found], asked))
        result = Predicted(folder.path)
        written = []
        for number, (name, file) in enumerate(found):
            listener.progress("predicting", number / len(found), name)
            try:
                prediction = segmenter.predict(file, name=str(file), flips=flips)
                image, card = prediction.image, segmenter.card
                written.append(write_prediction(folder, name, image, prediction, card, asked, source=file))
            except DataError as error:
                result.failed[str(file)] = str(error)
                listener.say(f"failed   {error}")
                continue
            result.done.append(name)
            for message in prediction.messages:
                listener.say(f"note     {file}: {message}")
        if not written:
            raise DataError(nothing_predicted(result.failed))
        write_index(folder, written, segmenter.card, asked, model_file=Path(model).name, failed=result.failed)
    listener.progress("predicting", 1.0, f"{len(result.done)} images")
    return result


def nothing_predicted(failed: Mapping[str, str]) -> str:
    """The one reason, or how many there are and the first."""
    first = next(iter(failed.values()))
    return first if len(failed) == 1 else f"none of the {len(failed)} images could be predicted. The first: {first}"
