"""Objects on drawn discs, where the right answer can be counted."""

import numpy as np
import pytest
from scipy import ndimage
from skimage.measure import label
from skimage.morphology import local_maxima, reconstruction

from handful.errors import SettingsError
from handful.prediction.instances import ObjectSettings, find_objects


def draw(*discs, shape=(60, 80)):
    """Probability 0.9 within discs (row, column, radius), 0.1 elsewhere, as (2, H, W), and the mask."""
    rows, columns = np.indices(shape)
    inside = np.zeros(shape, bool)
    for row, column, radius in discs:
        inside |= (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
    foreground = np.where(inside, 0.9, 0.1).astype(np.float32)
    return np.stack([1 - foreground, foreground]), inside.astype(np.uint8)


def test_separate_discs_are_counted_from_the_top_down():
    probabilities, mask = draw((40, 60, 8), (12, 15, 8))
    objects = find_objects(mask, probabilities, 0)
    assert len(objects) == 2
    assert objects.labels[12, 15] == 1
    assert objects.labels[40, 60] == 2
    assert np.array_equal(objects.labels > 0, mask == 1)
    assert objects.labels.dtype == np.int32
    assert np.allclose(objects.confidence, 0.9)
    assert objects.classes.tolist() == [1, 1]


def test_touching_discs_are_split_where_they_touch():
    probabilities, mask = draw((30, 25, 12), (30, 45, 12))
    objects = find_objects(mask, probabilities, 0)
    assert len(objects) == 2
    assert set(objects.labels[30, 14:34]) == {1}
    assert set(objects.labels[30, 37:57]) == {2}


@pytest.mark.parametrize("h", [0.3, 0.8, 2.0])
def test_as_many_objects_as_h_maxima(h):
    rng = np.random.default_rng(1)
    foreground = ndimage.gaussian_filter(rng.normal(size=(150, 150)), 3) > 0
    height = ndimage.gaussian_filter(ndimage.distance_transform_edt(foreground), 1.0) * foreground
    lowered = reconstruction(height - h, height, method="dilation")
    tops = label(local_maxima(lowered) & foreground, connectivity=2).max()
    # A component that nowhere rises by h above 0 has no maximum of the lowered surface; it is an object all the same.
    components = label(foreground, connectivity=2)
    flat = (ndimage.maximum(height, components, range(1, components.max() + 1)) <= h).sum()
    probabilities = np.stack([~foreground, foreground]).astype(np.float32)
    objects = find_objects(foreground.astype(np.uint8), probabilities, 0, ObjectSettings(min_size=0, h=h))
    assert len(objects) == tops + flat


def test_a_large_h_keeps_them_together():
    probabilities, mask = draw((30, 25, 12), (30, 45, 12))
    assert len(find_objects(mask, probabilities, 0, ObjectSettings(h=8))) == 1


def test_without_splitting_objects_are_connected_regions_of_one_class():
    probabilities, mask = draw((30, 25, 12), (30, 45, 12))
    assert len(find_objects(mask, probabilities, 0, split=False)) == 1
    mask[:, 40:] *= 2
    three = np.eye(3, dtype=np.float32)[mask].transpose(2, 0, 1)
    objects = find_objects(mask, three, 0, split=False)
    assert sorted(objects.classes) == [1, 2]
    assert objects.confidence.tolist() == [1, 1]
    assert len(find_objects(mask, three, 0)) == 2  # parted by shape, each of its prevailing class


def test_a_rough_outline_does_not_split_a_disc():
    probabilities, mask = draw((30, 40, 20))
    rng = np.random.default_rng(0)
    edge = (mask == 1) & (draw((30, 40, 18))[1] == 0) & (rng.random(mask.shape) < 0.3)
    mask[edge] = 0
    assert len(find_objects(mask, probabilities, 0)) == 1


def test_discs_cut_by_the_border_and_specks():
    probabilities, mask = draw((0, 0, 10), (59, 79, 10), (30, 40, 1), (20, 20, 2))
    objects = find_objects(mask, probabilities, 0)
    assert len(objects) == 3  # the disc of 5 pixels is below min_size, that of 13 is not
    assert len(find_objects(mask, probabilities, 0, ObjectSettings(min_size=0))) == 4


def test_where_class_1_is_the_background_the_dark_objects_are_found():
    probabilities, mask = draw((12, 15, 8), (40, 60, 8))
    objects = find_objects(1 - mask, probabilities[::-1], 1)
    assert len(objects) == 2
    assert objects.classes.tolist() == [0, 0]
    assert np.allclose(objects.confidence, 0.9)


def test_without_a_background_objects_are_regions_of_one_class():
    mask = np.zeros((10, 20), np.uint8)
    mask[:, 5:10], mask[:, 10:] = 2, 1
    probabilities = np.eye(3, dtype=np.float32)[mask].transpose(2, 0, 1)
    objects = find_objects(mask, probabilities, None)
    assert objects.classes.tolist() == [0, 2, 1]


@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (30, 30)])
def test_nothing_and_everything(value, shape):
    mask = np.full(shape, value, np.uint8)
    probabilities = np.stack([mask == 0, mask == 1]).astype(np.float32)
    objects = find_objects(mask, probabilities, 0, ObjectSettings(min_size=1))
    assert len(objects) == value
    assert (objects.labels == value).all()


def test_the_same_answer_twice():
    probabilities, mask = draw(*((r, c, 7) for r in range(8, 60, 12) for c in range(8, 80, 12)))
    first, second = find_objects(mask, probabilities, 0), find_objects(mask, probabilities, 0)
    assert len(first) == 5 * 6
    assert np.array_equal(first.labels, second.labels)


def test_unsure_pixels_and_unsure_objects_are_left_out():
    probabilities, mask = draw((15, 15, 8), (40, 60, 8))
    probabilities[:, :30] = np.where(mask[:30] == 1, np.float32([[[0.4]], [[0.6]]]), probabilities[:, :30])
    assert len(find_objects(mask, probabilities, 0)) == 2
    sure = find_objects(mask, probabilities, 0, ObjectSettings(min_probability=0.7))
    assert len(sure) == 1
    assert sure.labels[40, 60] == 1  # numbered anew
    assert np.allclose(sure.confidence, 0.9)
    assert len(find_objects(mask, probabilities, 0, ObjectSettings(min_probability=0.7), split=False)) == 1
    assert not len(find_objects(mask, probabilities, 0, ObjectSettings(min_probability=0.95)))
    probabilities[:, 40:, 60] = np.float32([[0.4], [0.6]])  # a column within the second disc
    cut = find_objects(mask, probabilities, 0, ObjectSettings(threshold=0.7))
    assert np.array_equal(cut.labels > 0, (mask == 1) & (probabilities[1] > 0.7))
    other = find_objects(1 - mask, probabilities[::-1], 1, ObjectSettings(threshold=0.7))
    assert np.array_equal(other.labels, cut.labels)


def test_small_holes_are_filled_and_bays_are_none():
    probabilities, mask = draw((30, 40, 15), (0, 10, 12))
    whole = find_objects(mask, probabilities, 0)
    gaps = mask.copy()
    gaps[29:32, 39:42] = 0  # 9 pixels
    gaps[20, 40] = 0
    gaps[0, 10] = 0  # at the border of the image
    one = find_objects(gaps, probabilities, 0, ObjectSettings(holes=1, h=50))
    nine = find_objects(gaps, probabilities, 0, ObjectSettings(holes=9, h=50))
    assert one.labels[20, 40] == 2
    assert one.labels[30, 40] == 0
    filled = whole.labels > 0
    filled[0, 10] = False
    assert np.array_equal(nine.labels > 0, filled)


def test_settings_are_checked_by_name():
    assert ObjectSettings.from_dict({"h": 2}) == ObjectSettings(h=2)
    with pytest.raises(SettingsError, match="Did you mean min_size"):
        ObjectSettings.from_dict({"min_sise": 2})
    with pytest.raises(SettingsError, match="h is -1"):
        ObjectSettings.from_dict({"h": -1})
    with pytest.raises(SettingsError, match=r"threshold is 1\.5, expected a probability"):
        ObjectSettings.from_dict({"threshold": 1.5})
    assert ObjectSettings.from_dict({}).min_probability == 0  # a file from before there was one: as it was
