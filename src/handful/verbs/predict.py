"""`predict`: a trained model applied to images; masks and whatever else is asked for, in a folder."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handful.errors import DataError, OutputError, SettingsError
from handful.verbs.journal import Journal, fingerprint
from handful.verbs.listener import SILENT, Listener

if TYPE_CHECKING:
    from handful.data.image import ImageFile
    from handful.modelfile import ModelCard
    from handful.outputs import OutputFolder, Written
    from handful.prediction import Segmenter

SAVED = ("mask", "overlay")
PRECISIONS = ("auto", "float32", "bfloat16")


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
    flips: bool | None = None,
    memory: str | int | None = None,
    precision: str = "auto",
    objects: Mapping[str, Any] | None = None,
    cluster: str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    listener: Listener = SILENT,
) -> Predicted:
    """Predict files, folders and globs with a model file or run folder and write a prediction folder.

    save: any of mask, probability, overlay, contours, instances, boundaries, lines, rois, table, coco, rle. An image
    that fails does not stop the others; if all fail the first reason is raised. Only `overwrite` replaces files.
    flips: average over mirror images, None: of images that are not large, see `handful.prediction.views`.
    memory: bytes, or text such as "2GB", that the whole process keeps under; half of what is free where None. An image
    that does not fit in is read, predicted and written by windows. precision: of the net, see
    `handful.prediction.precision`. objects: settings of `handful.prediction.instances` other than the model's own, such
    as {"min_size": 50}. cluster: address of a dask scheduler whose workers predict Zarr images into Zarr
    arrays, see `handful.prediction.cluster`. resume: go on with this work where it was cut off, to the
    same bytes.
    """
    from handful.data.pairs import find_images
    from handful.modelfile import model_path, read_card
    from handful.outputs.files import OutputFolder
    from handful.outputs.prediction import INDEX, check_saved, planned_files, write_index
    from handful.prediction.ceiling import default_ceiling, few_arenas, read_size

    asked = check_saved(save)
    if precision not in PRECISIONS:
        raise SettingsError(f"--precision {precision}: choose one of {', '.join(PRECISIONS)}.")
    ceiling = read_size(memory) if isinstance(memory, str) else memory
    found = find_images(images, read_card(model).channels)
    listener.progress("starting", 0.0, "loading the model")
    if ceiling is not None:
        few_arenas()
    from handful.prediction.segmenter import Segmenter

    segmenter = Segmenter.load(model, device)
    segmenter.card = with_objects(segmenter.card, objects or {})
    journal = Journal(Path(out))
    work = {
        "model": fingerprint(model_path(model)),
        "save": sorted(asked),
        "flips": flips,
        "precision": precision,
        "objects": dict(objects or {}),
        "device": next(segmenter.net.parameters()).device.type,
    }
    with OutputFolder(out, overwrite=overwrite or (resume and journal.found())) as folder:
        if resume and not journal.found() and (folder.path / INDEX).is_file():
            listener.say(f"{folder.path}: is finished already, nothing is left to do.")
            return finished_before(folder.path / INDEX)
        if journal.found() and not (resume or overwrite):
            raise OutputError(
                f"{folder.path}: holds unfinished work. Go on with it (--resume), or start anew (--overwrite)."
            )
        folder.refuse_existing(planned_files([name for name, _ in found], asked))
        if journal.start(work, resume=resume):
            listener.say(f"going on with {folder.path}")
        job = _Job(segmenter, folder, journal, asked, flips, precision, ceiling or default_ceiling(), listener)
        if cluster is not None:
            job.cluster = (cluster, model_path(model))
        try:
            written = job.run(found)
            if not written:
                raise DataError(nothing_predicted(job.result.failed))
            card = segmenter.card
            write_index(folder, written, card, asked, model_file=Path(model).name, failed=job.result.failed)
        except (DataError, SettingsError):  # nothing that going on could mend
            journal.remove()
            raise
        journal.remove()
    listener.progress("predicting", 1.0, f"{len(job.result.done)} images")
    return job.result


class _Job:
    """The images one after the other."""

    def __init__(
        self,
        segmenter: Segmenter,
        folder: OutputFolder,
        journal: Journal,
        save: frozenset[str],
        flips: bool | None,
        precision: str,
        ceiling: int,
        listener: Listener,
    ) -> None:
        self.segmenter, self.folder, self.journal, self.save = segmenter, folder, journal, save
        self.flips, self.precision, self.ceiling, self.listener = flips, precision, ceiling, listener
        self.half: bool | None = None
        self.cluster: tuple[str, Path] | None = None  # address and model file
        self.result = Predicted(folder.path)
        self.began = time.monotonic()

    def run(self, found: Sequence[tuple[str, ImageFile]]) -> list[Written]:
        written = []
        for number, (name, file) in enumerate(found):
            before = self.journal.done(file, name)
            if before is None:
                try:
                    before = self.journal.add(file, name, self.one(number, len(found), name, file))
                except DataError as error:
                    self.result.failed[str(file)] = str(error)
                    self.listener.say(f"failed   {error}")
                    continue
            for message in before.entry["messages"]:
                self.listener.say(f"note     {file}: {message}")
            written.append(before)
            self.result.done.append(name)
        return written

    def one(self, number: int, count: int, name: str, file: ImageFile) -> Written:
        from handful.data.windows import open_windows
        from handful.outputs.prediction import write_prediction
        from handful.prediction.ceiling import left_under
        from handful.prediction.large import CACHE_SHARE, refuse_odd, whole_bytes

        began = time.monotonic()

        def progress(share: float) -> None:
            done = (number + share) / count
            spent = time.monotonic() - (began if count == 1 else self.began)
            part = share if count == 1 else done
            words = f"{name}, {time_left(spent * (1 - part) / part)} left" if part > 0 and spent > 2 else name
            self.listener.progress("predicting", done, words)

        progress(0.0)
        if self.cluster is not None:
            return self.on_cluster(*self.cluster, name, file, progress)
        left = left_under(self.ceiling)
        with open_windows(file, cache=int(max(left, 0) * CACHE_SHARE), memory=left) as windows:
            refuse_odd(windows, self.segmenter.card, str(file))
            height, width = windows.shape
            card = self.segmenter.card
            needed = whole_bytes(height * width, windows.channels, windows.dtype.itemsize, card.outputs, self.save)
            room = left_under(self.ceiling)
            tiling = self.fitting_tiling(room - needed, height * width)
            if tiling is None:
                return self.large(number, name, file, windows, progress)
            pixels = windows.read((0, height), (0, width))
        half = self.half_for(pixels)
        prediction = self.segmenter.predict(pixels, name=str(file), flips=self.flips, half=half, tiling=tiling)
        return write_prediction(self.folder, name, pixels, prediction, card, self.save, source=file)

    def fitting_tiling(self, room: int, pixels: int) -> Any:
        """Tiles for an image in memory with so much room beside it; None where there is too little."""
        from handful.prediction.large import choose_tiling

        # A quarter of a kilobyte a pixel is a net of ordinary size: counting exactly takes a second.
        if room > (1 << 30) and pixels <= self.segmenter.tiling.whole_pixels:
            return self.segmenter.tiling
        if room <= 0:
            return None
        try:
            return choose_tiling(self.segmenter, room, pixels)
        except SettingsError:
            return None

    def large(
        self, number: int, name: str, file: ImageFile, windows: Any, progress: Callable[[float], None]
    ) -> Written:
        from dataclasses import replace

        from handful.outputs.large import refuse_unknown, write_large
        from handful.prediction.ceiling import give_back, left_under
        from handful.prediction.large import predict_large
        from handful.verbs.journal import state_of

        refuse_unknown(self.save, windows.shape, str(file))
        scratch = self.journal.scratch(number)
        large = predict_large(
            self.segmenter,
            windows,
            scratch,
            name=str(file),
            identity={"image": state_of(file), "name": name},
            budget=left_under(self.ceiling),
            flips=self.flips,
            half=self.half_for(windows.read((0, min(512, windows.shape[0])), (0, min(512, windows.shape[1])))),
            resume=True,
            done=lambda share: progress(0.9 * share),
        )
        give_back()
        with write_large(
            self.folder,
            name,
            windows,
            large,
            self.save,
            scratch=scratch,
            budget=max(left_under(self.ceiling), 64 << 20),
            done=lambda share: progress(0.9 + 0.1 * share),
        ) as (written, lists):
            stored: dict[str, Any] = {
                kind: self.journal.store(f"{kind}-{number}-large", rows) for kind, rows in lists.items()
            }
        shutil.rmtree(scratch, ignore_errors=True)
        give_back()
        return replace(written, **stored)

    def on_cluster(
        self, address: str, model: Path, name: str, file: ImageFile, progress: Callable[[float], None]
    ) -> Written:
        from handful.outputs import Written
        from handful.prediction.cluster import predict_on_cluster

        card, where = self.segmenter.card, Path("zarr") / name
        out = self.folder.path / where
        found = predict_on_cluster(
            address, model, card, file, out, self.save, name=str(file), flips=self.flips, done=progress
        )
        height, width = found["shape"]
        entry: dict[str, Any] = {
            "name": name,
            "file": file.path.name,
            "height": height,
            "width": width,
            "channels": found["channels"],
            "files": {kind: (where / path.name).as_posix() for kind, path in found["files"].items()},
            "class_shares": {
                kind: round(float(found["counts"][index] / (height * width)), 6)
                for index, kind in enumerate(card.classes)
            },
            "unlike": None,
            "messages": found["messages"],
        }
        if found["objects"] is not None:
            entry["objects"] = found["objects"]
        return Written(entry)

    def half_for(self, pixels: Any) -> bool:
        """Whether the net is to run in bfloat16; where that is to be found out, the first image decides for all."""
        from handful.prediction.precision import use_half

        if self.half is None:
            self.half, why = use_half(self.segmenter, self.precision, pixels)
            if why:
                self.listener.say(f"note     {why}")
        return self.half


def with_objects(card: ModelCard, objects: Mapping[str, Any]) -> ModelCard:
    """The card with some settings for objects replaced; SettingsError where one does not exist or makes no sense."""
    from dataclasses import asdict, replace

    from handful.prediction.instances import ObjectSettings

    if not objects:
        return card
    try:
        settings = ObjectSettings.from_dict({**card.postprocessing, **objects})
    except SettingsError as error:
        raise SettingsError(f"--set: {error}") from error
    return replace(card, postprocessing=asdict(settings))


def time_left(seconds: float) -> str:
    """ "40 s", "12 min", "3 h 20 min"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def finished_before(index: Path) -> Predicted:
    """What predictions.json says of work that was finished. OutputError where it says nothing of the kind."""
    import json

    try:
        found = json.loads(index.read_bytes())
        return Predicted(index.parent, [image["name"] for image in found["images"]], dict(found.get("failed", {})))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise OutputError(f"{index}: is damaged ({error!r:.80}). Predict anew with --overwrite.") from error


def nothing_predicted(failed: Mapping[str, str]) -> str:
    """The one reason, or how many there are and the first."""
    first = next(iter(failed.values()))
    return first if len(failed) == 1 else f"none of the {len(failed)} images could be predicted. The first: {first}"
