"""Discs and rectangles: the mask is the shape, the shape is brighter, and the defaults are those of the origin."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from handful.synth import generate


def test_the_default_is_one_disc_of_radius_15_to_40_on_160x160_noise():
    radii = []
    for image, mask in generate("shapes", 60):
        assert image.shape == (160, 160, 1)
        assert ndimage.label(mask)[1] == 1
        rows, columns = np.nonzero(mask)
        assert min(rows.min(), columns.min()) >= 0
        tall, wide = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert abs(tall - wide) <= 1
        radii.append(np.sqrt(mask.sum() / np.pi))
        assert tall == pytest.approx(2 * radii[-1], abs=2)  # a disc: as high as its area says
    assert 14.5 <= min(radii) < 18
    assert 37 < max(radii) <= 40.5


@pytest.mark.parametrize("fill", ["noise", "constant"])
def test_inside_is_brighter_by_the_contrast(fill):
    for image, mask in generate("shapes", 10, fill=fill, contrast=0.2, noise=0.1):
        inside, outside = image[mask == 1, 0], image[mask == 0, 0]
        assert inside.mean() / 255 - outside.mean() / 255 == pytest.approx(0.2, abs=0.02)
        assert outside.std() / 255 == pytest.approx(0.1, abs=0.01)
        assert (inside.std() > 20) if fill == "noise" else (inside.std() == 0)


def test_negative_contrast_is_darker():
    for image, mask in generate("shapes", 5, contrast=-0.3):
        assert image[mask == 1].mean() < image[mask == 0].mean() - 50


def test_rectangles_fill_their_box_unless_turned():
    straight = list(generate("shapes", 10, shapes="rectangle"))
    turned = list(generate("shapes", 10, shapes="rectangle", turn=45))

    def filled(mask: np.ndarray) -> float:
        return float(mask[ndimage.find_objects(mask)[0]].mean())

    assert [filled(mask) for _, mask in straight] == [1.0] * 10
    assert min(filled(mask) for _, mask in turned) < 0.8


def test_shapes_lie_wholly_in_the_picture_and_leave_ground():
    for _, mask in generate("shapes", 40, size=(40, 60), shapes="disc,rectangle", turn=90, radius=[5, 1000]):
        assert 0 < mask.sum() < mask.size
    for _, mask in generate("shapes", 40, size=64, radius=[5, 12]):
        assert mask[1:-1, 1:-1].sum() == mask.sum()


def test_as_many_as_asked_for():
    found = [ndimage.label(mask)[1] for _, mask in generate("shapes", 30, size=300, radius=3, objects=[2, 5])]
    assert set(found) == {2, 3, 4, 5}
