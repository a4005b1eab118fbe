"""What is drawn over an image: decoded again and looked at."""

from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from handful.report.content import Picture
from handful.report.palette import PREDICTION, TRUTH, class_colour
from handful.report.pictures import draw_panels


def decode(uri):
    return np.asarray(Image.open(BytesIO(b64decode(uri.split(",")[1]))).convert("RGBA")).astype(int)


def square(shift=0):
    mask = np.zeros((40, 40), np.uint8)
    mask[10:30, 10 + shift : 30 + shift] = 1
    return mask


def panels_of(true, predicted, classes=2, background=0, side=40):
    image = np.full((*predicted.shape, 3), 90, np.uint8)
    drawn = draw_panels(Picture("a", image, true, predicted, 0.5), classes=classes, background=background, side=side)
    return drawn, {panel.title: decode(panel.overlay) for panel in drawn.panels if panel.overlay}


@pytest.mark.parametrize(("title", "colour", "left"), [("Truth", TRUTH, 10), ("Prediction", PREDICTION, 15)])
def test_contours_run_along_the_edge_in_their_colour(title, colour, left):
    _, seen = panels_of(square(), square(5))
    alpha = seen[title][..., 3]
    assert alpha[20, left - 1 : left + 1].max() > 120  # on the edge
    assert alpha[20, left + 10] == 0  # not inside
    assert alpha[3, 3] == 0  # not outside
    strongest = np.unravel_index(alpha.argmax(), alpha.shape)
    assert np.abs(seen[title][strongest][:3] - colour).max() < 110  # blended with its dark rim


def test_contours_of_a_large_image_are_in_the_pure_colour():
    _, seen = panels_of(
        np.kron(square(), np.ones((20, 20), np.uint8)), np.kron(square(), np.ones((20, 20), np.uint8)), side=480
    )
    truth = seen["Truth"].reshape(-1, 4)
    assert (truth[truth[:, 3] == 255][:, :3] == TRUTH).all(axis=1).any()


def test_difference_shows_missed_and_extra():
    drawn, seen = panels_of(square(), square(5))
    difference = seen["Difference"]
    assert tuple(difference[20, 12][:3]) == TRUTH
    assert tuple(difference[20, 32][:3]) == PREDICTION
    assert difference[20, 20, 3] == 0
    assert "100 pixels missed, 100 pixels too many" in drawn.panels[3].alt


def test_dark_class_can_be_the_object():
    _, seen = panels_of(1 - square(), 1 - square(5), background=1)
    assert tuple(seen["Difference"][20, 12][:3]) == TRUTH


def test_void_is_neither_missed_nor_extra():
    true = square()
    true[20, 32] = 255
    drawn, _ = panels_of(true, square(5))
    assert "100 pixels missed, 99 pixels too many" in drawn.panels[3].alt


def test_classes_have_their_colours_and_the_background_none():
    true = np.repeat(np.arange(4, dtype=np.uint8), 10)[None].repeat(40, axis=0)
    drawn, seen = panels_of(true, np.zeros_like(true), classes=4)
    assert seen["Truth"][0, 5, 3] == 0
    assert tuple(seen["Truth"][0, 25][:3]) == class_colour(2)
    assert seen["Difference"][0, 25, 3] > 200
    assert "75.0 %" in drawn.panels[3].alt


@pytest.mark.parametrize(("shape", "size"), [((100, 50), (160, 320)), ((1000, 2000), (320, 160)), ((4, 2), (12, 24))])
def test_pictures_fit_the_side(shape, size):
    mask = np.zeros(shape, np.uint8)
    drawn = draw_panels(Picture("a", np.zeros(shape, np.uint8), mask, mask, 1.0), classes=2, background=0, side=320)
    assert (drawn.width, drawn.height) == size
    photo = decode(drawn.photo)
    assert photo.shape[1] <= size[0]
    assert photo.shape[1] == min(size[0], shape[1])
