"""Boundary drawings: the mask lies where colours change, closed curves part regions, settings do what they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from handful.synth import generate
from handful.synth.curves import Wander, closed_curves, crossing_curves, turns

# Even colours, sharp edges, no lines: what is left is regions, of which the image alone tells where they meet.
PLAIN = {
    **dict.fromkeys(("textures", "fade", "light", "soft", "blur", "noise", "same", "lines"), 0),
    "contrast": 1,
    "visible": 1 / 255,
}


def steps(image: np.ndarray) -> np.ndarray:
    """The pixels either side of any change of colour, (H, W), found with a loop over the four neighbours."""
    found = np.zeros(image.shape[:2], bool)
    for axis in (0, 1):
        for shift in (1, -1):
            changed = (image != np.roll(image, shift, axis)).any(-1)
            edge = np.take(changed, [0] if shift == 1 else [-1], axis)
            edge[...] = False  # the picture does not go on at its other side
            index = [slice(None)] * 2
            index[axis] = slice(0, 1) if shift == 1 else slice(-1, None)
            changed[tuple(index)] = edge
            found |= changed
    return found


def test_boundaries_lie_exactly_where_plain_colours_change():
    for image, mask in generate("drawings", 15, size=64, **PLAIN):
        changed = steps(image)
        assert not (changed & (mask == 0)).any()
        assert (mask == 1).sum() <= changed.sum() + 8  # two colours may differ by less than a grey level


def test_boundaries_part_the_picture_into_regions_of_one_colour():
    for image, mask in generate("drawings", 15, size=64, **PLAIN):
        regions, count = ndimage.label(mask == 0)
        for number in range(1, count + 1):
            assert len(np.unique(image[regions == number], axis=0)) == 1


def test_closed_curves_part_inside_from_outside():
    for _, mask in generate("drawings", 10, size=96, layers=1, closed=1, radius=0.2, straight=0, bend=0.001, **PLAIN):
        assert ndimage.label(mask == 0)[1] >= 2 or mask[[0, -1]].any() or mask[:, [0, -1]].any()
        assert mask.any()


def test_open_curves_run_from_border_to_border():
    masks = [mask for _, mask in generate("drawings", 30, size=96, layers=1, closed=0, **PLAIN)]
    parted = [mask for mask in masks if mask.any()]  # a curve may turn round at once and cut nothing off
    assert len(parted) >= 27
    for mask in parted:
        ends = np.concatenate([mask[0], mask[-1], mask[1:-1, 0], mask[1:-1, -1]])
        assert ends.sum() >= 2
        assert ndimage.label(mask == 0)[1] >= 2  # both sides are there


def test_edges_are_stronger_on_the_boundary_in_the_default_universe():
    """Textures have edges too, but over many drawings the slope on boundaries is far larger than beside them."""
    ratios = []
    for image, mask in generate("drawings", 40):
        grey = image.mean(-1)
        slope = np.hypot(ndimage.sobel(grey, 0), ndimage.sobel(grey, 1))
        if mask.any() and (mask == 0).any():
            ratios.append(slope[mask == 1].mean() / (slope[mask == 0].mean() + 1))
    assert np.median(ratios) > 2
    assert np.mean(np.array(ratios) > 1) > 0.9


def test_same_colours_are_told_apart_by_their_line():
    with_line = {**PLAIN, "same": 1, "line_width": 2, "dots": 0}
    for image, mask in generate("drawings", 10, size=64, layers=3, **with_line):
        colours, counts = np.unique(image.reshape(-1, 3), axis=0, return_counts=True)
        assert len(colours) <= 4  # the ground, as which all layers look, and three lines
        drawn = (image != colours[counts.argmax()]).any(-1)
        near = ndimage.binary_dilation(mask == 1, iterations=2)
        assert (drawn & near).sum() >= 0.95 * drawn.sum()  # a line just outside reaches in


def test_dots_leave_parts_of_lines_out_but_not_of_the_mask():
    even = {**PLAIN, "same": 1, "layers": 1, "closed": 1, "radius": 0.3, "line_width": 2, "size": 96}

    def drawn(dots: float) -> tuple[float, float]:
        pictures = list(generate("drawings", 30, **even, dots=dots))
        share = [(image != image[0, 0]).any(-1).mean() for image, _ in pictures]
        return float(np.mean(share)), float(np.mean([mask.mean() for _, mask in pictures]))

    solid, dotted = drawn(0), drawn(0.9)
    assert dotted[0] < 0.8 * solid[0]
    assert dotted[1] == pytest.approx(solid[1], rel=0.05)


def test_widen_grows_the_boundary_by_its_pixels():
    thin, wide = (next(generate("drawings", 1, 3, size=64, widen=widen))[1] for widen in (0, 2))
    assert (wide == ndimage.binary_dilation(thin, np.ones((5, 5)))).all()


def test_grey_has_no_colour_and_contrast_spreads():
    for image, _ in generate("drawings", 10, size=48, grey=1, noise=0):
        assert np.ptp(image.astype(int), axis=-1).max() <= 1
    spread = [
        np.mean([i.std() for i, _ in generate("drawings", 20, size=48, contrast=c, textures=0)]) for c in (0.1, 1)
    ]
    assert spread[1] > 1.5 * spread[0]


def wander(rng: np.random.Generator, order: int, count: int = 6) -> Wander:
    return Wander(
        order=np.full(count, order),
        bend=np.full(count, 0.05, np.float32),
        restart=np.full(count, 0.02, np.float32),
        corner=np.zeros(count, np.float32),
    )


def test_a_higher_order_makes_a_smoother_direction():
    """Second differences of the turns, as a share of the turns themselves."""
    rng = np.random.default_rng(0)
    roughness = []
    for order in (1, 2, 3, 4):
        turn, _ = turns(rng, replace(wander(rng, order, 40), restart=np.zeros(40, np.float32)), 200)
        roughness.append(np.abs(np.diff(turn, n=2)).mean() / np.abs(turn).mean())
    assert roughness == sorted(roughness, reverse=True)
    assert roughness[0] > 10 * roughness[3]


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_closed_curves_close_and_keep_their_place_and_size(order):
    rng = np.random.default_rng(order)
    bent = wander(rng, order)
    turn, new = turns(rng, bent, 200)
    middle, radius = np.full((6, 2), 50, np.float32), np.full(6, 20, np.float32)
    curves = closed_curves(rng, turn, new, bent.bend == 0, middle=middle, radius=radius, stretch=np.ones(6, np.float32))
    assert np.abs(curves.mean(1) - 50).max() < 0.1
    assert np.sqrt(((curves - 50) ** 2).sum(-1).mean(-1)) == pytest.approx(radius, rel=1e-3)
    hops = np.linalg.norm(np.diff(curves, axis=1, append=curves[:, :1]), axis=-1)
    assert hops[:, -1].max() <= 4 * hops.mean()


def test_crossing_curves_begin_and_end_on_the_border():
    rng = np.random.default_rng(1)
    turn, _ = turns(rng, wander(rng, 2, 30), 150)
    for curve in crossing_curves(rng, turn, (40, 70)):
        line = curve.line
        on_border = np.minimum(line, np.array([40, 70]) - line).min(-1)
        assert on_border[0] < 3
        assert on_border.min() < 0.5
