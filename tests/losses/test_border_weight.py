"""The weight map against the formula of Ronneberger et al. 2015, eq. 2, worked out a pixel at a time."""

import numpy as np

from handful.losses.border_weight import border_weight


def slowly(labels, height=10.0, sigma=5.0):
    weight = np.ones(labels.shape)
    numbers = [number for number in np.unique(labels) if number]
    places = {number: np.argwhere(labels == number) for number in numbers}
    if len(numbers) < 2:
        return weight
    for row, column in np.argwhere(labels == 0):
        distances = sorted(np.hypot(*(places[number] - (row, column)).T).min() for number in numbers)
        weight[row, column] += height * np.exp(-((distances[0] + distances[1]) ** 2) / (2 * sigma**2))
    return weight


def drawn():
    labels = np.zeros((30, 34), np.int32)
    labels[2:12, 2:14] = 1
    labels[2:12, 16:30] = 2
    labels[15:28, 8:25] = 4  # there is no 3
    return labels


def test_it_is_the_formula():
    # 4 sigma is as far as it looks; nothing here is further.
    np.testing.assert_allclose(border_weight(drawn()), slowly(drawn()), rtol=1e-4)
    np.testing.assert_allclose(border_weight(drawn(), height=4, sigma=8), slowly(drawn(), 4, 8), rtol=1e-4)


def test_the_narrow_gap_is_heavy_and_the_objects_are_not():
    weight = border_weight(drawn())
    assert (weight[drawn() > 0] == 1).all()
    assert weight[6, 14] > 8  # one pixel from each side: 1 + 10 exp(-9 / 50)
    assert weight.min() == 1
    assert weight.dtype == np.float32


def test_far_apart_the_cut_off_is_not_seen():
    labels = np.zeros((10, 90), np.int32)
    labels[3:7, 2:6], labels[3:7, 80:84] = 1, 2
    np.testing.assert_allclose(border_weight(labels), slowly(labels), atol=0.01)


def test_fewer_than_two_objects_weigh_nothing_extra():
    one = np.where(drawn() == 1, 1, 0).astype(np.int32)
    assert (border_weight(one) == 1).all()
    assert (border_weight(np.zeros((5, 5), np.int32)) == 1).all()
