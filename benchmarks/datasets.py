"""The benchmark's data sets, laid out as train/{images,masks} and test/{images,masks} with a split that never changes.

Real data come from ../shared/data or $HANDFUL_DATA; what is missing there is left out with a word. Of the training
images the first n of a fixed order are taken, so that 4 images contain the 1 image.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("HANDFUL_DATA", HERE.parent.parent / "shared" / "data"))

# name, image, mask; the mask as labels (nuclei: 0 and object numbers), classes (camvid) or 0/255
Item = tuple[str, Image.Image, Image.Image]


def shuffled(names: list[str], seed: int = 0) -> list[str]:
    """A fixed order that has nothing to do with the names."""
    return [names[i] for i in np.random.default_rng(seed).permutation(len(names))]


def membrane() -> tuple[Iterator[Item], Iterator[Item]]:
    """Train on slices 0 to 14, test on 16 to 19; slice 15 lies between and is left out."""

    def items(numbers: list[int]) -> Iterator[Item]:
        for n in numbers:
            yield str(n), *(Image.open(DATA / "membrane" / "train" / kind / f"{n}.png") for kind in ("image", "label"))

    return items([7, 2, 12, 5, 10, 0, 14, 3, 8, 11, 1, 13, 4, 9, 6]), items([16, 17, 18, 19])


def nuclei() -> tuple[Iterator[Item], Iterator[Item]]:
    """All modalities mixed; 150 test images."""
    names = shuffled(sorted(path.stem for path in (DATA / "nuclei" / "images").glob("*.png")))

    def items(chosen: list[str]) -> Iterator[Item]:
        for name in chosen:
            yield name, *(Image.open(DATA / "nuclei" / kind / f"{name}.png") for kind in ("images", "labels"))

    return items(names[150:]), items(names[:150])


def cats() -> tuple[Iterator[Item], Iterator[Item]]:
    """At 128x128, the 60 and 21 pictures as they came."""

    def items(part: str, numbers: range) -> Iterator[Item]:
        for n in shuffled([str(one) for one in numbers]):
            folder = DATA / "cats" / "cat_data" / part
            image = (
                Image.open(folder / "input" / f"cat.{n}.jpg")
                .convert("RGB")
                .resize((128, 128), Image.Resampling.BILINEAR)
            )
            mask = (
                Image.open(folder / "mask" / f"mask_cat.{n}.jpg")
                .convert("L")
                .resize((128, 128), Image.Resampling.BILINEAR)
            )
            yield n, image, mask.point(lambda v: 255 * (v > 127))

    return items("Train", range(60)), items("Test", range(60, 81))


def camvid() -> tuple[Iterator[Item], Iterator[Item]]:
    """11 classes and void; every third frame of val is the test."""

    def items(part: str, names: list[str]) -> Iterator[Item]:
        for name in names:
            yield (
                name,
                Image.open(DATA / "camvid" / part / f"{name}.jpg"),
                Image.open(DATA / "camvid" / f"{part}annot" / f"{name}.png"),
            )

    def names(part: str) -> list[str]:
        return sorted(path.stem for path in (DATA / "camvid" / part).glob("*.jpg"))

    return items("train", shuffled(names("train"))), items("val", names("val")[::3])


def scene(wanted: str) -> tuple[Iterator[Item], Iterator[Item]]:
    """One class of camvid against the rest; void stays void."""
    names = [line.split()[1] for line in classes_text("camvid").splitlines()]
    number, void = names.index(wanted), names.index("void")

    def items(all_classes: Iterator[Item]) -> Iterator[Item]:
        for name, image, mask in all_classes:
            classes = np.array(mask)
            yield name, image, Image.fromarray(np.where(classes == void, 255, classes == number).astype(np.uint8))

    train, test = camvid()
    return items(train), items(test)


def shapes() -> tuple[Iterator[Item], Iterator[Item]]:
    """160x160 noise with one disc of radius 15 to 40 in which the noise is brighter."""

    def items(seed: int, number: int) -> Iterator[Item]:
        rng = np.random.default_rng(seed)
        y, x = np.mgrid[:160, :160]
        for n in range(number):
            radius = rng.uniform(15, 40)
            row, column = rng.uniform(radius, 160 - radius, 2)
            disc = (y - row) ** 2 + (x - column) ** 2 <= radius**2
            image = np.clip(rng.normal(90 + 50 * disc, 40), 0, 255).astype(np.uint8)
            yield f"{seed}_{n}", Image.fromarray(image), Image.fromarray(disc.astype(np.uint8) * 255)

    return items(1, 16), items(2, 100)


def objects() -> tuple[Iterator[Item], Iterator[Item]]:
    """Photographs at up to 256 pixels: people, animals, vehicles and things against the rest; 100 test images."""
    names = shuffled(sorted(path.stem for path in (DATA / "objects" / "masks").glob("*.png")))

    def items(chosen: list[str]) -> Iterator[Item]:
        for name in chosen:
            image = Image.open(DATA / "objects" / "images" / f"{name}.jpg")
            classes = np.array(Image.open(DATA / "objects" / "masks" / f"{name}.png"))
            yield name, image, Image.fromarray(np.where(classes == 255, classes, classes > 0).astype(np.uint8))

    return items(names[100:]), items(names[:100])


SETS: dict[str, Callable[[], tuple[Iterator[Item], Iterator[Item]]]] = {
    "membrane": membrane,
    "nuclei": nuclei,
    "cats": cats,
    "camvid": camvid,
    "objects": objects,
    "shapes": shapes,
}
SCENES = {f"camvid-{name}": name for name in ("building", "car", "pavement", "pedestrian", "road", "sky", "tree")}
SETS |= {name: partial(scene, wanted) for name, wanted in SCENES.items()}


def classes_text(name: str) -> str:
    """What classes.txt says; "" where the set needs none."""
    if name == "camvid":
        return (DATA / "camvid" / "classes.txt").read_text(encoding="utf-8")
    if name in SCENES or name == "objects":
        return f"0 ground\n1 {SCENES.get(name, 'object')}\n255 void\n"
    return ""


def number_of(text: str) -> int | None:
    """The n of `lay_out` as it is typed, None for "all"."""
    return None if text == "all" else int(text)


def chosen(items: Iterator[Item], n: int | None, draw: int) -> Iterator[Item]:
    return items if n is None else islice(items, draw * n, (draw + 1) * n)


def spread(items: Iterator[Item], number: int | None) -> Iterable[Item]:
    """At most so many, as far apart as may be."""
    if number is None:
        return items
    every = list(items)
    return every[:: -(-len(every) // number)]


def lay_out(name: str, n: int | None, root: Path, *, draw: int = 0, tested: int | None = None) -> Path:
    """Write a data set with n of its training images (None: all) under `root`; gives back its folder.

    draw: which n of the fixed order, 0 the first; no image is in two draws. tested: so many test images, spread over
    the order, and not all.

    Ends the benchmark where too few images are left for a later draw; draw 0 takes what there is.
    """
    folder = root / f"{name}-{n or 'all'}{f'-draw{draw}' if draw else ''}{f'-tested{tested}' if tested else ''}"
    if (folder / "done").exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    for part, items in zip(("train", "test"), SETS[name](), strict=True):
        for kind in ("images", "masks"):
            (folder / part / kind).mkdir(parents=True)
        for stem, image, mask in chosen(items, n, draw) if part == "train" else spread(items, tested):
            image.save(folder / part / "images" / f"{stem}.png")
            mask.save(folder / part / "masks" / f"{stem}.png")
    found = sum(1 for _ in (folder / "train" / "images").iterdir())
    if draw and found < (n or 1):
        raise SystemExit(f"{name}: {found} training images are left for draw {draw}; take fewer images or draws")
    if text := classes_text(name):
        for part in ("train", "test"):
            (folder / part / "classes.txt").write_text(text, encoding="utf-8")
    (folder / "done").touch()
    return folder
