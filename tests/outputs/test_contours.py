"""Contours: polygons drawn back onto pixels give the labels back, holes and all."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from shapely.geometry import shape
from skimage.measure import label

from handful.outputs.contours import class_margin, geojson_bytes, object_polygons
from rings import inside_rings


def draw_back(polygons, shape):
    """Labels from polygons: a pixel belongs to the object whose polygon holds its centre."""
    labels = np.zeros(shape, np.int32)
    for number, parts in enumerate(polygons, start=1):
        for polygon in parts:
            labels[inside_rings(polygon, shape)] = number
    return labels


def of_one(probability, level=None):
    """The margin where every object is of class 1 of two."""
    return class_margin(np.stack([1 - probability, probability]), [1] * probability.size, level)


def disc(shape, row, column, radius):
    rows, columns = np.indices(shape)
    return np.hypot(rows - row, columns - column) - radius


def test_a_single_pixel_lies_round_its_centre():
    labels = np.zeros((5, 7), np.int32)
    labels[2, 4] = 1
    ((outline,),) = object_polygons(labels)[0]
    assert np.allclose(outline[:-1].mean(axis=0), (4.5, 2.5))
    assert np.array_equal(outline[0], outline[-1])


def test_an_object_at_the_border_reaches_the_border():
    ((outline,),) = object_polygons(np.ones((4, 6), np.int32))[0]
    assert outline.min(axis=0).tolist() == [0, 0]
    assert outline.max(axis=0).tolist() == [6, 4]


def test_a_ring_keeps_its_hole_and_what_lies_in_it():
    labels = np.zeros((40, 40), np.int32)
    labels[disc(labels.shape, 20, 20, 15) < 0] = 1
    labels[disc(labels.shape, 20, 20, 10) < 0] = 0
    labels[disc(labels.shape, 20, 20, 4) < 0] = 2
    ring, dot = object_polygons(labels)
    assert [len(polygon) for polygon in ring + dot] == [2, 1]
    assert np.array_equal(draw_back([ring, dot], labels.shape), labels)


def test_outlines_follow_the_probability_between_pixels():
    distance = disc((60, 60), 29.3, 30.6, 20.25)
    probability = (1 / (1 + np.exp(distance))).astype(np.float32)
    ((outline,),) = object_polygons((probability > 0.5).astype(np.int32), of_one(probability))[0]
    radius = np.hypot(outline[:, 0] - 31.1, outline[:, 1] - 29.8)
    assert np.abs(radius - 20.25).max() < 0.05


@pytest.mark.parametrize("level", [0.3, 0.8])
def test_the_level_is_kept(level):
    probability = np.tile(np.linspace(0, 1, 11, dtype=np.float32), (5, 1))
    ((outline,),) = object_polygons((probability > level).astype(np.int32), of_one(probability, level))[0]
    left = outline[(outline[:, 1] > 1) & (outline[:, 1] < 4)][:, 0].min()
    assert left == pytest.approx(10 * level + 0.5, abs=0.11)


def test_outlines_and_holes_turn_as_rfc_7946_wants():
    labels = np.zeros((12, 12), np.int32)
    labels[2:10, 2:10] = 1
    labels[5:7, 5:7] = 0
    ((outline, hole),) = object_polygons(labels)[0]
    for ring, sign in ((outline, 1), (hole, -1)):
        x, y = ring[:-1].T
        assert np.sign(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) == sign


def test_a_number_that_is_missing_has_no_polygon():
    labels = np.zeros((5, 5), np.int32)
    labels[1, 1] = 3
    assert [len(parts) for parts in object_polygons(labels)] == [0, 0, 1]


@settings(max_examples=60, deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.integers(0, 3)), st.booleans())
def test_polygons_drawn_back_give_the_labels_back(drawn, with_probability):
    labels = label(drawn, connectivity=2).astype(np.int32)
    margin = of_one(np.random.default_rng(0).random(labels.shape).astype(np.float32)) if with_probability else None
    polygons = object_polygons(labels, margin)
    assert np.array_equal(draw_back(polygons, labels.shape), labels)
    for feature in json.loads(geojson_bytes(polygons, *([[1] * len(polygons)] * 2), ("background", "leaf")))[
        "features"
    ]:
        assert shape(feature["geometry"]).is_valid


def test_geojson_holds_class_colour_and_confidence():
    labels = np.zeros((12, 12), np.int32)
    labels[1:4, 1:4], labels[6:10, 6:10] = 1, 2
    labels[4, 4] = 1  # touches at a corner only
    content = geojson_bytes(object_polygons(labels), [1, 2], [0.91234, 0.5], ("background", "leaf", "stem"))
    features = json.loads(content)["features"]
    assert [feature["geometry"]["type"] for feature in features] == ["MultiPolygon", "Polygon"]
    assert features[0]["properties"]["classification"]["name"] == "leaf"
    assert features[0]["properties"]["measurements"] == {"object": 1, "confidence": 0.9123}
    rings = features[1]["geometry"]["coordinates"]
    assert rings[0][0] == rings[0][-1]
    assert np.array_equal(draw_back([[], [[np.array(ring) for ring in rings]]], labels.shape) == 2, labels == 2)


def test_outlines_of_neighbours_run_along_one_line_where_their_classes_are_equally_probable():
    columns = np.arange(20)
    left = 1 / (1 + np.exp(columns - 8.8))
    middle = (1 - left) / (1 + np.exp(columns - 14.2))
    probabilities = np.stack([np.full(20, 0.0), left, middle, 1 - left - middle])[:, None].repeat(9, axis=1)
    labels = probabilities.argmax(axis=0).astype(np.int32)
    first, second, _ = (polygons[0][0] for polygons in object_polygons(labels, class_margin(probabilities, [1, 2, 3])))
    right = first[(first[:, 1] > 2) & (first[:, 1] < 7)][:, 0].max()
    assert right == pytest.approx(second[(second[:, 1] > 2) & (second[:, 1] < 7)][:, 0].min(), abs=1e-6)
    assert right == pytest.approx(9.3, abs=0.05)
