"""The verb `synth`: a folder of generated pictures with their masks, which `check` and `train` read as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from handful.errors import SettingsError
from handful.outputs.files import OutputFolder
from handful.outputs.masks import mask_png
from handful.outputs.png import png_bytes
from handful.synth import Picture, generate, get_generator
from handful.synth.asked import Among, Size, Within, list_asked, read_asked
from handful.synth.families import FAMILIES
from handful.verbs.listener import Listener

TASKS = "tasks"  # the kind that is no single picture: see `handful.synth.universe`
SHEET_WIDTH = 1600  # pixels: about a screen


@dataclass(frozen=True)
class Written:
    """What was written: the folder, the kind of pictures and how many."""

    folder: Path
    kind: str
    count: int

    def lines(self) -> list[str]:
        if self.kind == TASKS:
            return [f"{self.count} task{'s' * (self.count != 1)} in {self.folder}, each a folder of its own"]
        pictures = f"{self.count} picture{'s' * (self.count != 1)}"
        return [f"{pictures} of {self.kind} in {self.folder / 'images'}, masks in {self.folder / 'masks'}"]


def write_generated(
    kind: str,
    count: int,
    out: str | Path,
    *,
    seed: int = 0,
    overwrite: bool = False,
    listener: Listener | None = None,
    **settings: Any,
) -> Written:
    """Write `count` generated pictures as out/images/KIND_000.png beside out/masks/KIND_000.png, 0 and 255.

    classes.txt names the two values. kind, seed, settings: as in `handful.synth.generate`. Raises SettingsError for
    settings that do not exist or fit, OutputError for a folder that cannot be written or holds such files.
    """
    listener = listener or Listener()
    generator = get_generator(kind)
    if count < 1:
        raise SettingsError(f"-n {count}: expected at least one picture.")
    pictures = generate(kind, count, seed, **settings)
    names = [f"{kind}_{number:0{max(3, len(str(count - 1)))}}.png" for number in range(count)]
    with OutputFolder(out, overwrite=overwrite) as folder:
        files = [f"{part}/{name}" for part in ("images", "masks") for name in names]
        folder.refuse_existing(["classes.txt", *files])
        for number, (name, (image, mask)) in enumerate(zip(names, pictures, strict=True)):
            folder.write(f"images/{name}", png_bytes(image[:, :, 0] if image.shape[2] == 1 else image))
            folder.write(f"masks/{name}", mask_png(mask, 2))
            listener.progress("drawing", (number + 1) / count, name)
        background, foreground = generator.classes
        folder.write("classes.txt", f"0 {background}\n255 {foreground}\n".encode())
    return Written(folder.path, kind, count)


@dataclass(frozen=True)
class TaskSettings:
    """What `write_tasks` may be asked for."""

    size: Size = (96, 96)
    pictures: Annotated[int, Within(1, 1000, "how many a task, all of one look")] = 4
    families: Annotated[tuple[str, ...], Among(tuple(FAMILIES), "what the scenes are made of")] = tuple(FAMILIES)


def draw_task_pictures(count: int, seed: int, asked: TaskSettings) -> list[tuple[str, str, list[Picture]]]:
    """Family, question and pictures of `count` tasks of the universe, drawn on the CPU."""
    import torch

    from handful.synth.universe import draw_tasks

    generator = torch.Generator().manual_seed(seed)
    tasks = draw_tasks(count, asked.pictures, asked.size, generator, families=asked.families)
    images = (tasks.images.permute(0, 1, 3, 4, 2) * 255).round().to(torch.uint8).numpy()
    masks = tasks.masks.numpy()
    return [
        (family, question, list(zip(images[number], masks[number], strict=True)))
        for number, (family, question) in enumerate(tasks.questions)
    ]


def write_tasks(count: int, out: str | Path, *, seed: int = 0, overwrite: bool = False, **settings: Any) -> Written:
    """Write tasks of the universe as folders out/000_FAMILY_QUESTION, each a small data set of one look.

    settings: as in TaskSettings. Raises SettingsError and OutputError as `write_generated` does.
    """
    asked = _check_tasks(count, seed, settings)
    with OutputFolder(out, overwrite=overwrite) as folder:
        for number, (family, question, pictures) in enumerate(draw_task_pictures(count, seed, asked)):
            name = f"{number:03}_{family}_{question.replace(' ', '_')}"
            folder.write(f"{name}/classes.txt", f"0 background\n255 {question}\n".encode())
            for place, (image, mask) in enumerate(pictures):
                folder.write(f"{name}/images/{place:03}.png", png_bytes(image))
                folder.write(f"{name}/masks/{place:03}.png", mask_png(mask, 2))
    return Written(folder.path, "tasks", count)


def draw_sheet(kind: str, count: int, seed: int, **settings: Any) -> list[Picture]:
    """What a sheet of a kind shows: pictures, or all pictures of tasks, task by task."""
    if kind != TASKS:
        return list(generate(kind, count, seed, **settings))
    asked = _check_tasks(count, seed, settings)
    return [picture for _, _, pictures in draw_task_pictures(count, seed, asked) for picture in pictures]


def _check_tasks(count: int, seed: int, settings: Mapping[str, Any]) -> TaskSettings:
    if count < 1 or seed < 0:
        raise SettingsError(f"-n {count}, --seed {seed}: expected at least one task, and no negative seed.")
    return read_asked(TaskSettings, settings)


def setting_lines(kind: str) -> list[str]:
    """Every setting of a kind of picture in columns: name, default, meaning."""
    listed = list_asked(TaskSettings if kind == TASKS else get_generator(kind).settings)
    widths = [max(len(row[column]) for row in listed) for column in (0, 1)]
    return [f"{name:{widths[0]}}  {default:{widths[1]}}  {about}" for name, default, about in listed]


def write_sheet(pictures: Sequence[Picture], file: str | Path, *, overwrite: bool = False) -> Path:
    """A PNG with these pictures, each beside its mask, as many in a row as fit a screen; all of one size.

    Grey or colour, uint8; other channels than the first three are not shown. Raises OutputError.
    """
    path = Path(file)
    cells = [_cell(image, mask) for image, mask in pictures]
    columns = max(1, SHEET_WIDTH // cells[0].shape[1])
    cells += [np.zeros_like(cells[0])] * (-len(cells) % columns)
    rows = [np.concatenate(cells[first : first + columns], axis=1) for first in range(0, len(cells), columns)]
    with OutputFolder(path.parent, overwrite=overwrite) as folder:
        folder.write(path.name, png_bytes(np.concatenate(rows)))
    return path


def _cell(image: NDArray[np.uint8], mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    image, classes = image[:, :, :3], max(1, int(mask.max(initial=1)))
    seen = np.repeat((mask * (255 // classes))[:, :, None], 3, axis=2)
    shown = image if image.shape[2] == 3 else np.repeat(image[:, :, :1], 3, axis=2)
    return np.pad(np.concatenate([shown, seen], axis=1), ((1, 1), (1, 1), (0, 0)), constant_values=90)
