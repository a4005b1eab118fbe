"""Pictures: what is written is what is read back, and outlines can be seen."""

import io

import numpy as np
import pytest
from PIL import Image

from handful.outputs.boundaries import boundaries_png
from handful.outputs.masks import mask_png
from handful.outputs.overlay import best_outline, draw_overlay
from handful.outputs.palette import class_colours
from handful.outputs.view import to_view


def read(content):
    return Image.open(io.BytesIO(content))


def test_two_classes_are_black_and_white():
    mask = np.array([[0, 1, 1], [1, 0, 0]], np.uint8)
    picture = read(mask_png(mask, 2))
    assert picture.mode == "L"
    assert np.array_equal(np.asarray(picture), mask * 255)


@pytest.mark.parametrize("classes", [3, 12, 255])
def test_more_classes_are_numbers_in_a_palette(classes):
    mask = (np.arange(20 * 30) % classes).astype(np.uint8).reshape(20, 30)
    picture = read(mask_png(mask, classes))
    assert picture.mode == "P"
    assert np.array_equal(np.asarray(picture), mask)
    assert picture.convert("RGB").getpixel((1, 0)) == class_colours(classes)[1]


@pytest.mark.parametrize("background", [None, 0, 1])
def test_class_colours_differ_and_the_background_is_black(background):
    colours = class_colours(30, background)
    assert len(set(colours)) == 30
    assert [number for number, colour in enumerate(colours) if colour == (0, 0, 0)] == (
        [] if background is None else [background]
    )


def test_boundaries_are_grey():
    values = np.array([[0, 0.5, 1]], np.float32)
    assert np.asarray(read(boundaries_png(values))).tolist() == [[0, 128, 255]]


@pytest.mark.parametrize(
    "image",
    [
        np.random.default_rng(0).integers(1000, 3000, (30, 40, 1)).astype(np.uint16),
        np.random.default_rng(0).normal(size=(30, 40, 3)).astype(np.float32),
        np.random.default_rng(0).integers(0, 20, (30, 40, 3)).astype(np.uint8),
        np.random.default_rng(0).random((30, 40, 5)) > 0.5,
        np.random.default_rng(0).integers(0, 60000, (30, 40, 2)).astype(np.uint16),
    ],
)
def test_any_image_is_stretched_to_be_seen(image):
    view = to_view(image)
    assert view.shape == (30, 40, 3)
    assert view.dtype == np.uint8
    assert view.min() == 0
    assert view.max() == 255


def test_an_ordinary_photograph_is_shown_as_it_is():
    image = np.random.default_rng(0).integers(0, 256, (9, 9, 3)).astype(np.uint8)
    assert np.array_equal(to_view(image), image)


@pytest.mark.parametrize("value", [0, 128, 255, np.nan, np.inf])
def test_constant_images_can_be_viewed(value):
    for image in (np.full((3, 3, 1), value, np.float32), np.full((3, 3, 1), np.nan_to_num(value, posinf=9), np.uint8)):
        assert to_view(image).shape == (3, 3, 3)


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (255, 221, 0), (60, 200, 40), (255, 0, 200)])
def test_the_outline_stands_out(colour):
    pixels = np.tile(np.array(colour, np.uint8), (50, 1))
    assert np.linalg.norm(np.subtract(best_outline(pixels), colour)) > 150


def test_the_outline_runs_inside_the_object_and_leaves_the_rest_alone():
    image = np.random.default_rng(0).integers(0, 256, (20, 20, 1)).astype(np.uint8)
    mask = np.zeros((20, 20), np.uint8)
    mask[5:15, 5:15] = 1
    picture = draw_overlay(image, mask, 2)
    changed = (picture != image).any(axis=-1)
    ring = mask.astype(bool)
    ring[6:14, 6:14] = False
    assert np.array_equal(changed, ring)


def test_touching_objects_are_parted_where_labels_are_given():
    mask = np.ones((20, 20), np.uint8)
    labels = np.ones((20, 20), np.int32)
    labels[:, 10:] = 2
    image = np.zeros((20, 20, 3), np.uint8)
    assert not draw_overlay(image, mask, 2).any()
    assert draw_overlay(image, mask, 2, labels=labels)[:, 9:11].any(axis=-1).all()


@pytest.mark.parametrize("background", [None, 0])
def test_each_of_many_classes_has_its_colour(background):
    mask = np.zeros((30, 30), np.uint8)
    mask[:, 10:20], mask[:, 20:] = 1, 2
    picture = draw_overlay(np.full((30, 30, 3), 128, np.uint8), mask, 3, background)
    colours = class_colours(3, background)
    assert tuple(picture[15, 10]) == colours[1]
    assert tuple(picture[15, 20]) == colours[2]
    assert (tuple(picture[15, 5]) == (128, 128, 128)) == (background == 0)


def test_lines_grow_with_the_picture():
    mask = np.zeros((1200, 1200), np.uint8)
    mask[100:900, 100:900] = 1
    picture = draw_overlay(np.zeros((1200, 1200, 3), np.uint8), mask, 2)
    assert picture[500, 100].any()
    assert picture[500, 101].any()
    assert not picture[500, 99].any()
    assert not picture[500, 103].any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 9)])
def test_tiny_images_can_be_drawn(shape):
    assert draw_overlay(np.zeros((*shape, 1), np.uint8), np.ones(shape, np.uint8), 2).shape == (*shape, 3)
