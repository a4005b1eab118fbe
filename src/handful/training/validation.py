"""The score during training, on images that are not trained on, and the threshold chosen on them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from handful.interior import merge_planes
from handful.measure.overlap import Counts, count_overlap, dice_pooled
from handful.training.window import draw_window

BINS = 200


@dataclass(frozen=True)
class Validation:
    """Images (C, H, W) standardised float32 and masks (H, W) uint8, small enough to be predicted whole.

    classes: how many there are; `scored` are those whose Dice is averaged. `held_out` is False where no image
    could be spared and these are the training images: good for noticing a collapse, worthless as a score. interior_of:
    the class of which the net in training answers the interior too.
    """

    images: list[NDArray[np.float32]]
    masks: list[NDArray[np.uint8]]
    classes: int
    scored: tuple[int, ...]
    device: torch.device
    precision: str = "float32"
    held_out: bool = True
    interior_of: int | None = None

    @property
    def outputs(self) -> int:
        """How many numbers the net in training answers for a pixel."""
        return self.classes + (self.interior_of is not None)

    def parts(self, edge: int, most: int, seed: int) -> Validation:
        """The same on a window, at most `edge` pixels a side, of each of the first `most` images."""
        rng = np.random.default_rng((seed, 0xC0))
        images: list[NDArray[np.float32]] = []
        masks: list[NDArray[np.uint8]] = []
        for image, mask in list(zip(self.images, self.masks, strict=True))[:most]:
            part = tuple(slice(*span) for span in draw_window(mask, edge, rng))
            images.append(np.ascontiguousarray(image[:, *part]))
            masks.append(np.ascontiguousarray(mask[part]))
        return replace(self, images=images, masks=masks)

    def look(self, net: nn.Module) -> tuple[float, bool]:
        """The score, and whether the answer is one class everywhere although more are true.

        The score is the mean over the scored classes of the Dice pooled over the images; nan where none of them occurs.
        """
        counts = self.count(net)
        values = np.asarray(dice_pooled(counts))[list(self.scored)]
        score = float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")
        return score, is_constant(counts)

    def count(self, net: nn.Module) -> Counts:
        """What overlaps where the net answers each image."""
        counted = [
            count_overlap(mask, self.probabilities(net, image).argmax(0).cpu().numpy(), self.classes)
            for image, mask in zip(self.images, self.masks, strict=True)
        ]
        names = tuple(str(number) for number in range(len(counted)))
        return Counts(names, *(np.stack(part) for part in zip(*counted, strict=True)))

    def best_threshold(self, net: nn.Module, scored: int) -> float:
        """Two classes: the probability of class 1 from which class 1 is answered, for the best pooled Dice of `scored`.

        Stays at 0.5 unless another threshold gains more than .003, which less than that would not repeat, and with
        fewer than 3 images.
        """
        if len(self.images) < 3:
            return 0.5
        inside, outside = np.zeros(BINS), np.zeros(BINS)
        for image, mask in zip(self.images, self.masks, strict=True):
            bins = (self.probabilities(net, image)[1] * BINS).long().clamp(0, BINS - 1).cpu().numpy()
            inside += np.bincount(bins[mask == 1], minlength=BINS)
            outside += np.bincount(bins[mask == 0], minlength=BINS)
        if scored == 1:  # answered from bin k up
            hit = inside[::-1].cumsum()[::-1]
            answered = hit + outside[::-1].cumsum()[::-1]
            dice = 2 * hit / np.maximum(answered + inside.sum(), 1)
        else:  # class 0 is answered below bin k
            hit = outside.cumsum() - outside
            answered = hit + inside.cumsum() - inside
            dice = 2 * hit / np.maximum(answered + outside.sum(), 1)
        # The best of a smoothed curve: a single lucky bin is no reason.
        smooth = np.convolve(np.pad(dice, 5, mode="edge"), np.full(11, 1 / 11), mode="valid")
        best = int(smooth[BINS // 10 : -BINS // 10].argmax()) + BINS // 10
        return best / BINS if smooth[best] > smooth[BINS // 2] + 0.003 else 0.5

    def probabilities(self, net: nn.Module, image: NDArray[np.float32]) -> Tensor:
        """Softmax (classes, H, W) of one whole image; of a pixel forest too, which answers no interior."""
        x = torch.from_numpy(image)[None].to(self.device, memory_format=torch.channels_last)
        with torch.inference_mode(), autocast(self.device, self.precision):
            logits = net(x)
            out: Tensor = logits[0].float().softmax(0)
            if self.interior_of is not None and len(out) > self.classes:
                out, _ = merge_planes(out, self.interior_of)
        return out


def is_constant(counts: Counts) -> bool:
    """Whether one class is answered everywhere, although more are true."""
    true, answered = (counts.tp + counts.fn).sum(0) > 0, (counts.tp + counts.fp).sum(0) > 0
    return bool(answered.sum() <= 1 < true.sum())


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Mixed precision as the settings say."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")
