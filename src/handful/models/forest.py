"""The pixel forest: fixed features of every pixel and a forest of decision trees on them, no gradient anywhere.

Random forests on smoothed images and their derivatives are what ilastik's pixel classification is (Berg et al. 2019).
On few, textured images and in few seconds they beat nets; they see texture, not shape. `handful.training.forest` grows
the trees.

The features are taken at scales that double, without ever shrinking the image (the "a trous" transform of Holschneider
et al. 1989): five taps a scale and direction, twice as far apart each time. Every number is made of single sums and
products in a fixed order, so that a pixel gets the same features, to the last bit, in a tile and in the whole image:
next to a threshold a rounding error would send it to another leaf.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from handful.errors import ModelFileError, SettingsError

SPLINE = (0.0625, 0.25, 0.375)  # the cubic B-spline at -2, -1, 0; its variance is 1
MOST_SCALES = 6  # the last of them reaches over 160 pixels
MOST_NODES, MOST_TREES = 16384, 256  # of a tree, of a forest
BAND = 1 << 18  # pixels whose features are held at a time: of colour images, 400 bytes each
CHUNK = 1 << 17  # answers of trees for pixels at a time: what a traversal holds then stays in the caches
LEAF = float(torch.finfo(torch.float32).max)  # the threshold of a leaf, which no feature passes
SMALLEST_SHARE = 1e-4  # of a class in the average of leaves; a logarithm of 0 would forbid it for ever


class PixelForest(nn.Module):
    """Trees on pixel features. Input (B, in_channels, H, W) of any size; logits (B, classes, H, W), logarithms of the
    class shares of the leaves, averaged over the trees.

    trees, nodes, depth: number of trees, places for nodes in each, steps from a root to the deepest leaf.
    scales: how many; the n-th smooths by about 2^n / sqrt(3) pixels.
    """

    multiple = 1
    feature: Tensor
    child: Tensor

    def __init__(
        self, in_channels: int, classes: int, *, trees: int = 24, nodes: int = 4095, depth: int = 12, scales: int = 5
    ) -> None:
        super().__init__()
        for name, value, most in (("scales", scales, MOST_SCALES), ("nodes", nodes, MOST_NODES), ("depth", depth, 64)):
            if value > most:
                raise SettingsError(f"net forest, {name} = {value}: at most {most} was expected.")
        if trees > MOST_TREES:
            raise SettingsError(f"net forest, trees = {trees}: at most {MOST_TREES} was expected.")
        self.in_channels, self.classes = in_channels, classes
        self.trees, self.nodes, self.depth, self.scales = trees, nodes, depth, scales
        self.halo = reach(scales)
        # A tree of one leaf that knows nothing. A leaf is its own child and has a threshold that no feature passes.
        self.register_buffer("feature", torch.zeros(trees, nodes, dtype=torch.int32))
        self.threshold = nn.Parameter(torch.full((trees, nodes), LEAF), requires_grad=False)
        self.register_buffer("child", torch.arange(nodes, dtype=torch.int32).repeat(trees, 1))
        self.shares = nn.Parameter(torch.full((trees, nodes, classes), 1 / classes), requires_grad=False)
        self.register_load_state_dict_post_hook(check_trees)  # type: ignore[no-untyped-call]

    @property
    def features(self) -> int:
        """How many numbers each pixel has."""
        return self.in_channels * (1 + PLANES_A_SCALE * self.scales)

    def forward(self, x: Tensor) -> Tensor:
        # In float32 whatever the input is; of what is done here autocast makes nothing smaller.
        shares = torch.stack([self.answer(image) for image in x.float()])
        return shares.clamp_min(SMALLEST_SHARE).log()

    def answer(self, image: Tensor) -> Tensor:
        """Averaged class shares (classes, H, W) of an image (channels, H, W), a band of rows at a time."""
        height, width = image.shape[1:]
        rows, few = max(BAND // width, 1), max(CHUNK // (self.trees * width), 1)
        voted = []
        for top in range(0, height, rows):
            above, bottom = min(top, self.halo), min(top + rows, height)
            planes = pixel_features(image[None, :, top - above : bottom + self.halo], self.scales)[0]
            for some in torch.split(planes[:, above : above + bottom - top], few, dim=1):
                voted.append(self.vote(some.flatten(1)).view(self.classes, -1, width))
        return torch.cat(voted, dim=1)

    def vote(self, planes: Tensor) -> Tensor:
        """Averaged class shares (classes, pixels) of pixels with the features (features, pixels)."""
        count = planes.shape[1]
        first = torch.arange(self.trees, device=planes.device)[:, None] * self.nodes  # all trees as one list of nodes
        child, threshold = (self.child + first).flatten(), self.threshold.flatten().float()
        values, offset = planes.flatten(), self.feature.flatten().long() * count
        place = torch.arange(count, device=planes.device).repeat(self.trees)
        node = first.expand(self.trees, count).reshape(-1)
        for _ in range(self.depth):
            # index_select on flat lists: a third of the time of take, gather or brackets.
            value = values.index_select(0, offset.index_select(0, node).add_(place))
            passed = value > threshold.index_select(0, node)
            node = child.index_select(0, node).add_(passed)
        # One tree after the other: the order in which a sum over all adds depends on how many pixels there are.
        shares, leaves = self.shares.flatten(0, 1).float(), node.view(self.trees, count)
        total = shares.index_select(0, leaves[0])
        for one in leaves[1:]:
            total += shares.index_select(0, one)
        return total.T / self.trees


def check_trees(forest: PixelForest, _: object) -> None:
    """After loading: ModelFileError where a tree of a forged file leads out of itself."""
    nodes = forest.child.shape[1]
    here = torch.arange(nodes, device=forest.child.device)
    leaf = (forest.child == here) & (forest.threshold == LEAF)
    # The right child is the one after the left.
    inside = forest.child.ge(0) & (forest.child + ~leaf < nodes)
    if not bool((inside & forest.feature.ge(0) & forest.feature.lt(forest.features)).all()):
        raise ModelFileError("a tree of its forest names a feature or a branch that does not exist. Train again.")


# ---- features

PLANES_A_SCALE = 6


def reach(scales: int) -> int:
    """How far, in pixels, the image reaches into the features: two taps either side a scale, and the differences."""
    return 2 * ((1 << scales) - 1) + (1 << (scales - 1))


def pixel_features(x: Tensor, scales: int) -> Tensor:
    """Features (B, channels * (1 + 6 * scales), H, W) of float32 images (B, channels, H, W).

    The image itself and, at each scale: smoothed, what smoothing took away (of all scales up to it), its variance, the
    squared gradient and the two eigenvalues of the Hessian. Beyond its edges the image goes on as it ends.
    """
    channels = x.shape[1]
    planes = x.new_empty(len(x), channels * (1 + PLANES_A_SCALE * scales), *x.shape[2:])
    planes[:, :channels] = x
    smooth, square, last = x, x * x, channels
    for scale in range(scales):
        step = 2**scale
        smooth, square = blur(smooth, step), blur(square, step)
        for plane in (smooth, x - smooth, square - smooth * smooth, *derivatives(smooth, step)):
            planes[:, last : last + channels] = plane
            last += channels
    return planes


def blur(x: Tensor, step: int) -> Tensor:
    """Smoothed along rows, then columns, by the spline with taps `step` pixels apart."""
    for axis in (3, 2):
        far, near, here, next_near, next_far = shifted(x, axis, (-2 * step, -step, 0, step, 2 * step))
        x = (far + next_far) * SPLINE[0] + (near + next_near) * SPLINE[1] + here * SPLINE[2]
    return x


def derivatives(x: Tensor, step: int) -> tuple[Tensor, Tensor, Tensor]:
    """Squared gradient, and the larger and the smaller eigenvalue of the Hessian, by differences over `step` pixels.

    In any unit: trees only ask what is larger.
    """
    left, right = shifted(x, 3, (-step, step))
    above, below = shifted(x, 2, (-step, step))
    across, down = right - left, below - above
    twice = x + x
    second_across, second_down = (left + right) - twice, (above + below) - twice
    before, after = shifted(across, 2, (-step, step))
    mixed = (after - before) * 0.25
    middle, half = (second_across + second_down) * 0.5, (second_across - second_down) * 0.5
    spread = (half * half + mixed * mixed).sqrt()
    return across * across + down * down, middle + spread, middle - spread


def shifted(x: Tensor, axis: int, steps: tuple[int, ...]) -> list[Tensor]:
    """Views of x moved along an axis (2 or 3), the edge repeated: at i stands what is at i + step of x."""
    most = max(steps)
    wide = F.pad(x, (most, most, 0, 0) if axis == 3 else (0, 0, most, most), mode="replicate")
    return [wide.narrow(axis, most + step, x.shape[axis]) for step in steps]
