"""How fast `predict` drives a net: against the bare net on one batch that is in memory already, and against MONAI.

    python benchmarks/predict_speed.py MODEL --side 4096 --image PICTURE --monai /path/to/python/with/monai
    python benchmarks/predict_speed.py MODEL --side 1024 --repeat 1          # a quick look

Megapixels a second of the fastest of `--repeat` runs, loading aside: (a) the net as it was trained, on the batch and
tile that suit it best; (b) `Segmenter.predict` on an array, in the tiles that the command takes; (c) MONAI's
`sliding_window_inference` of the same net with the overlap at which its seams are as small, judged against the whole
image (roi 256, the overlap raised until the largest difference is below the limit); (d) the same net made quicker, on a
batch, which says what is left to gain. The image is PICTURE, mirrored until it is large enough, or noise, on which no
net is sure of anything and seams are worst.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from timing import times

SEAM = 1e-4  # largest difference in probability from the image in one piece
SHAPES = ((4, 256), (1, 512), (1, 1024))


def fastest(work: Callable[[], Any], repeat: int) -> float:
    return min(times(work, repeat))


def bare(net: Any, channels: int, repeat: int, half: bool) -> tuple[float, str]:
    import torch

    best, which = 0.0, ""
    device = next(net.parameters()).device
    for count, edge in SHAPES:
        for order in (torch.contiguous_format, torch.channels_last):
            net = net.to(memory_format=order)
            x = torch.randn(count, channels, edge, edge, device=device).contiguous(memory_format=order)

            def work(net: Any = net, x: Any = x) -> None:
                with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=half):
                    net(x)
                if device.type == "cuda":
                    torch.cuda.synchronize()

            speed = count * edge * edge / 1e6 / fastest(work, repeat)
            if speed > best:
                best, which = speed, f"{count} x {edge}, {'channels last' if order is torch.channels_last else 'plain'}"
    return best, which


def monai(model: Path, planes: Path, expected: Path, repeat: int) -> None:
    """Run by the other Python: `sliding_window_inference` on the input that handful made, as JSON."""
    import torch
    from monai.inferers import sliding_window_inference

    from handful.modelfile import load_model

    net, _ = load_model(model)
    x, whole = torch.from_numpy(np.load(planes))[None], np.load(expected)
    for overlap in (0.25, 0.5, 0.625, 0.75, 0.875):

        def work(overlap: float = overlap) -> Any:
            with torch.inference_mode():
                return sliding_window_inference(x, (256, 256), 4, net, overlap=overlap, mode="gaussian").softmax(1)[0]

        seam = float(np.abs(work().numpy() - whole).max())
        if seam <= SEAM or overlap == 0.875:
            speed = x.shape[-1] * x.shape[-2] / 1e6 / fastest(work, repeat)
            print(json.dumps({"overlap": overlap, "seam": seam, "speed": speed}))
            return


def picture(file: Path | None, side: int, channels: int) -> Any:
    """(side, side, channels) uint8."""
    if file is None:
        return np.random.default_rng(0).integers(0, 255, (side, side, channels), np.uint8)
    from handful.data import ImageFile, match_channels, read_image

    image = match_channels(read_image(ImageFile(file)), channels, str(file))
    lack = [(0, max(side - size, 0)) for size in image.shape[:2]]
    return np.pad(image, [*lack, (0, 0)], mode="reflect")[:side, :side]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--side", type=int, default=4096)
    parser.add_argument("--image", type=Path, help="a picture of the kind that the model was trained on")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--half", action="store_true", help="bfloat16 in (a), (b) and (d)")
    parser.add_argument("--monai", help="a Python that has monai; the same torch")
    parser.add_argument("--inner", nargs=2, type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inner:
        return monai(args.model, *args.inner, args.repeat)

    import handful
    from handful.normalise import apply_normalisation
    from handful.prediction.ceiling import default_ceiling, left_under
    from handful.prediction.large import choose_tiling
    from handful.prediction.tiles import Tiling, predict_tiles

    model = handful.load(args.model)
    card = model.card
    image = picture(args.image, args.side, card.channels)
    speed, which = bare(model.net, card.channels, args.repeat, args.half)
    print(f"(a) bare net, {which}: {speed:.2f} megapixels a second")
    tiling = choose_tiling(model, left_under(default_ceiling()), pixels=args.side**2)
    seconds = fastest(lambda: model.predict(image, half=args.half, tiling=tiling), args.repeat)
    ours = image.shape[0] * image.shape[1] / 1e6 / seconds
    print(f"(b) handful predict: {ours:.2f} megapixels a second, {ours / speed:.2f} of (a)")
    quick, which = bare(model.running, card.channels, args.repeat, args.half)
    print(f"(d) the net made quicker, {which}: {quick:.2f} megapixels a second")
    if args.monai:
        planes = np.ascontiguousarray(np.moveaxis(apply_normalisation(image, card.normalisation), -1, 0))
        whole = predict_tiles(model.net, planes, Tiling(halo=card.halo, multiple=card.multiple, whole_pixels=1 << 40))
        with tempfile.TemporaryDirectory() as folder:
            files = [Path(folder) / "planes.npy", Path(folder) / "whole.npy"]
            for file, values in zip(files, (planes, whole), strict=True):
                np.save(file, values)
            command = [args.monai, __file__, str(args.model), "--repeat", str(args.repeat), "--inner", *map(str, files)]
            source = Path(handful.__file__).parents[1]
            environment = {**os.environ, "PYTHONPATH": str(source)}
            run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
            found = json.loads(run.stdout.splitlines()[-1])  # MONAI may have said something before
        print(
            f"(c) MONAI, overlap {found['overlap']}, seams {found['seam']:.1e}: {found['speed']:.2f} megapixels a "
            f"second; handful is {ours / found['speed']:.2f} times as fast"
        )
    print(f"threads: {__import__('torch').get_num_threads()}", file=sys.stderr)
    return None


if __name__ == "__main__":
    main()
