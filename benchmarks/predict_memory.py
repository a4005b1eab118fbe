"""A large generated image predicted under a memory ceiling: peak of the process, megapixels a second, objects counted.

    python benchmarks/predict_memory.py --side 20000 --memory 1.5GB     # the figures of the closing note
    python benchmarks/predict_memory.py --side 3000 --memory 700MB      # a quick look

Draws an 8-bit tiled TIFF of discs on noise that do not touch, trains a model on crops of such a picture (150 steps),
runs `handful predict` as its user would and reads the peak of that process from the system. A crop is predicted again
on its own and compared: the seams that are not there.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

PITCH, LEAST, MOST = 100, 12, 30  # one disc in every square of the grid; radii
TILE = 512


def draw(rows: tuple[int, int], columns: tuple[int, int], side: int, seed: int = 0) -> tuple[NDArray, NDArray]:
    """Image uint8 and labels of a window of the picture; the same whatever the window."""
    image = np.empty((rows[1] - rows[0], columns[1] - columns[0]), np.float32)
    labels = np.zeros(image.shape, np.int32)
    for top in range(rows[0] // TILE * TILE, rows[1], TILE):
        for left in range(columns[0] // TILE * TILE, columns[1], TILE):
            noise = np.random.default_rng([seed, top, left]).normal(90, 18, (TILE, TILE)).astype(np.float32)
            y0, y1, x0, x1 = (
                max(top, rows[0]),
                min(top + TILE, rows[1]),
                max(left, columns[0]),
                min(left + TILE, columns[1]),
            )
            image[y0 - rows[0] : y1 - rows[0], x0 - columns[0] : x1 - columns[0]] = noise[
                y0 - top : y1 - top, x0 - left : x1 - left
            ]
    across = side // PITCH
    for y in range(max(0, rows[0] // PITCH), min(across, -(-rows[1] // PITCH))):
        for x in range(max(0, columns[0] // PITCH), min(across, -(-columns[1] // PITCH))):
            rng = np.random.default_rng([seed, 1, y, x])
            radius = rng.uniform(LEAST, MOST)
            row, column = np.array([y, x]) * PITCH + rng.uniform(radius + 6, PITCH - radius - 6, 2)
            here = (
                slice(max(0, y * PITCH - rows[0]), max(0, (y + 1) * PITCH - rows[0])),
                slice(max(0, x * PITCH - columns[0]), max(0, (x + 1) * PITCH - columns[0])),
            )
            down, over = np.ogrid[: image[here].shape[0], : image[here].shape[1]]
            disc = (down + here[0].start + rows[0] - row) ** 2 + (over + here[1].start + columns[0] - column) ** 2
            labels[here][disc < radius**2] = y * across + x + 1
    image += 60 * (labels > 0)
    return image.clip(0, 255).astype(np.uint8), labels


def write_picture(path: Path, side: int) -> None:
    def tiles() -> Iterator[NDArray]:
        for top in range(0, side, TILE):
            for left in range(0, side, TILE):
                tile = np.zeros((TILE, TILE), np.uint8)
                part = draw((top, min(top + TILE, side)), (left, min(left + TILE, side)), side)[0]
                tile[: part.shape[0], : part.shape[1]] = part
                yield tile

    tifffile.imwrite(path, tiles(), shape=(side, side), dtype=np.uint8, tile=(TILE, TILE), bigtiff=side > 60_000)


def write_crops(root: Path, side: int, count: int = 6, crop: int = 256) -> None:
    for part in ("images", "masks"):
        (root / part).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        top, left = np.random.default_rng(number).integers(0, side - crop, 2)
        image, labels = draw((top, top + crop), (left, left + crop), side, seed=7)
        Image.fromarray(image).save(root / "images" / f"{number}.png")
        Image.fromarray(np.where(labels > 0, 255, 0).astype(np.uint8)).save(root / "masks" / f"{number}.png")


def peak_of(command: list[str]) -> tuple[float, float]:
    """Peak resident memory (bytes) and seconds of a process, as the system counts them."""
    began = time.perf_counter()
    script = (
        "import resource, subprocess, sys; code = subprocess.run(sys.argv[1:]).returncode;"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)"
    )
    run = subprocess.run([sys.executable, "-c", script, *command], stdout=subprocess.PIPE, text=True, check=True)
    unit = 1 if sys.platform == "darwin" else 1024
    return int(run.stdout.split()[-1]) * unit, time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=20_000)
    parser.add_argument("--memory", default="1.5GB")
    parser.add_argument("--save", default="mask,instances")
    parser.add_argument(
        "--folder", type=Path, help="where to work and leave everything; a temporary folder if not given"
    )
    parser.add_argument("--model", type=Path, help="a model to take instead of training one")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        picture, run, out = folder / f"discs_{args.side}.tif", args.model or folder / "run", folder / "out"
        if not picture.exists():
            write_picture(picture, args.side)
        handful = [sys.executable, "-m", "handful"]
        if not run.exists():
            write_crops(folder / "crops", max(args.side, 2000))
            train = [
                *handful,
                "train",
                str(folder / "crops"),
                "-o",
                str(run),
                "--seconds",
                "20",
                "--test-fraction",
                "0",
            ]
            subprocess.run(train, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        peak, seconds = peak_of(
            [*handful, "predict", str(run), str(picture), "-o", str(out), "--save", args.save, "--memory", args.memory,
             "--overwrite"]
        )  # fmt: skip
        entry = json.loads((out / "predictions.json").read_bytes())["images"][0]
        megapixels = args.side**2 / 1e6
        drawn = (args.side // PITCH) ** 2
        print(
            f"{args.side} x {args.side}: {seconds:.0f} s, {megapixels / seconds:.2f} megapixels a second, all included"
        )
        print(f"peak of the process {peak / 1e9:.3f} GB under --memory {args.memory}")
        if "objects" in entry:
            print(f"objects: {entry['objects']} found, {drawn} drawn")
        print(f"seams: {seam(run, picture, out, args.side)} pixels differ from a crop predicted in one piece")
        print(f"this script itself: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


def seam(run: Path, picture: Path, out: Path, side: int, crop: int = 900) -> int:
    """Pixels of the mask, around the middle of the image, that differ from what a crop alone gives; its rim aside."""
    import handful
    from handful.normalise import image_statistics

    top = left = max(0, side // 2 - crop // 2)
    start = top // 16 * 16
    model = handful.load(run)
    halo = model.card.halo
    stop = min(start + crop, side)
    with tifffile.TiffFile(picture) as tiff:
        stride = int(np.ceil(np.sqrt(max(1.0, side * side / 1e6))))
        whole = tiff.asarray(out="memmap") if tiff.pages[0].is_memmappable else tiff.asarray()
        statistics = image_statistics(whole[::stride, ::stride, None], model.card.normalisation)
        piece = np.array(whole[start:stop, start:stop, None])
    from handful.normalise import standardise
    from handful.prediction.segmenter import mask_of
    from handful.prediction.tiles import Tiling, predict_tiles

    planes = np.moveaxis(standardise(piece, statistics), -1, 0)
    tiling = Tiling(model.card.tile, halo, model.card.multiple, whole_pixels=1 << 30)
    expected = mask_of(predict_tiles(model.running, planes, tiling), model.card)
    file = next((out / "masks").iterdir())
    if file.suffix == ".tif":
        found = tifffile.imread(file)[start:stop, left // 16 * 16 : stop]
    else:
        Image.MAX_IMAGE_PIXELS = None
        found = np.asarray(Image.open(file))[start:stop, start:stop]
    inner = slice(halo, -halo)
    return int(((found[inner, inner] > 0) != (expected[inner, inner] == 1)).sum())


if __name__ == "__main__":
    main()
