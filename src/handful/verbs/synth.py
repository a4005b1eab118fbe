"""The verb `synth`: a folder of generated pictures with their masks, which `check` and `train` read as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.errors import SettingsError
from handful.outputs.files import OutputFolder
from handful.outputs.masks import mask_png
from handful.outputs.png import png_bytes
from handful.synth import Picture, generate, get_generator
from handful.synth.asked import list_asked
from handful.verbs.listener import Listener

SHEET_WIDTH = 1600  # pixels: about a screen


@dataclass(frozen=True)
class Written:
    """What was written: the folder, the kind of pictures and how many."""

    folder: Path
    kind: str
    count: int

    def lines(self) -> list[str]:
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


def setting_lines(kind: str) -> list[str]:
    """Every setting of a kind of picture in columns: name, default, meaning."""
    listed = list_asked(get_generator(kind).settings)
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
