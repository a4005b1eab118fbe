"""Objects found block by block against those of the whole image."""

import numpy as np
import pytest

from handful.modelfile import ModelCard
from handful.prediction.instances import ObjectSettings, find_objects
from handful.prediction.joined import Blocks, find_part, join_objects

SHAPE = (230, 310)


def make_card(task="instances", classes=3, background=0, **postprocessing):
    names = tuple(f"class {number}" for number in range(classes))
    return ModelCard(
        net="none",
        channels=1,
        classes=names,
        outputs=classes,
        background=background,
        normalisation={"kind": "image"},
        task=task,
        postprocessing={"min_size": 10, **postprocessing},
    )


def blobs(seed, number=70, largest=14, classes=3):
    """Probabilities of discs that overlap now and then, of any class but 0."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices(SHAPE)
    strength = np.zeros((classes, *SHAPE))
    strength[0] = 0.5
    for _ in range(number):
        radius, row, column = rng.uniform(2, largest), rng.uniform(0, SHAPE[0]), rng.uniform(0, SHAPE[1])
        disc = 1 / (1 + np.exp(np.hypot(rows - row, columns - column) - radius))
        kind = rng.integers(1, classes)
        strength[kind] = np.maximum(strength[kind], disc)
    probabilities = (strength / strength.sum(axis=0)).astype(np.float32)
    return probabilities.argmax(axis=0).astype(np.uint8), probabilities


def join(mask, probabilities, card, interior=None, **cut):
    labels = np.zeros(mask.shape, np.int32)

    def look(rows, columns):
        view = slice(*rows), slice(*columns)
        return mask[view], probabilities[:, *view], None if interior is None else interior[view]

    def keep(rows, columns, numbers):
        labels[slice(*rows), slice(*columns)] = numbers

    shares = []
    found = join_objects(Blocks(mask.shape, **cut), card, look, keep, shares.append)
    assert shares[-1] == 1
    return found, found.table[labels]


def check_equal(mask, probabilities, card, interior=None, **cut):
    settings = ObjectSettings.from_dict(card.postprocessing)
    split = card.task == "instances"
    whole = find_objects(mask, probabilities, card.background, settings, interior=interior, split=split)
    found, labels = join(mask, probabilities, card, interior, **cut)
    assert len(whole) > 10
    assert np.array_equal(labels, whole.labels)
    assert np.array_equal(found.classes, whole.classes)
    assert np.allclose(found.confidence, whole.confidence, atol=1e-6)
    assert np.array_equal(found.sizes, np.bincount(labels.ravel())[1:])
    for number in (1, len(found)):
        rows, columns = np.nonzero(labels == number)
        assert tuple(found.boxes[number - 1]) == (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("background", [0, None])
@pytest.mark.parametrize("cut", [{"block": 64, "halo": 2}, {"block": 33, "halo": 1}, {"block": 500, "halo": 8}])
def test_connected_regions_are_those_of_the_whole_image_however_narrow_the_halo(seed, background, cut):
    mask, probabilities = blobs(seed)
    check_equal(mask, probabilities, make_card("semantic", background=background), **cut)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("block", [64, 50, 101])
def test_parted_objects_are_those_of_the_whole_image_where_the_halo_is_wider_than_they(seed, block):
    mask, probabilities = blobs(seed, classes=2)
    check_equal(mask, probabilities, make_card(classes=2), block=block, halo=48)


@pytest.mark.parametrize("seed", range(3))
def test_interiors_part_objects_across_blocks_too(seed):
    mask, probabilities = blobs(seed, classes=2, number=110)
    interior = np.clip(4 * probabilities[1] - 2.4, 0, 1)
    card = make_card(classes=2, lift=6.0, h=1.5)
    check_equal(mask, probabilities, card, interior, block=64, halo=48)
    counts = [len(join(mask, probabilities, card, one, block=64, halo=48)[0]) for one in (None, interior)]
    assert counts[0] != counts[1]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("classes", [2, 3])
def test_every_setting_for_objects_holds_across_blocks(seed, classes):
    mask, probabilities = blobs(seed, classes=classes, number=110)
    rows, columns = np.random.default_rng(seed).integers(2, np.array(SHAPE)[:, None] - 2, (2, 150))
    mask[rows, columns] = 0  # gaps in many objects, some on the lines between blocks
    probabilities[:, rows, columns] = np.array([0.9, *[0.1 / (classes - 1)] * (classes - 1)], np.float32)[:, None]
    settings = {"holes": 3, "threshold": 0.55, "min_probability": 0.6, "h": 0.8, "min_size": 12}
    without = find_objects(mask, probabilities, 0, ObjectSettings(min_size=12, h=0.8))
    assert len(without) != len(find_objects(mask, probabilities, 0, ObjectSettings(**settings)))
    check_equal(mask, probabilities, make_card(classes=classes, **settings), block=64, halo=48)


def test_an_object_across_a_corner_of_four_blocks_is_one():
    mask = np.zeros((20, 20), np.uint8)
    mask[9, 9] = mask[10, 10] = 1
    probabilities = np.stack([1 - mask, mask]).astype(np.float32)
    found, labels = join(mask, probabilities, make_card("semantic", 2, min_size=2), block=10, halo=1)
    assert len(found) == 1
    assert np.array_equal(labels, mask)


def test_nothing_is_nothing():
    found, labels = join(*blobs(0, number=0), make_card(), block=64, halo=8)
    assert len(found) == 0
    assert not labels.any()


def test_a_part_counts_no_pixel_of_its_halo():
    mask, probabilities = blobs(1)
    blocks = Blocks(mask.shape, 64, 16)
    total = np.zeros(3)
    for place in blocks.places():
        rows, columns = blocks.view(place)
        window = (slice(*rows), slice(*columns))
        part = find_part(blocks, place, (mask[window], probabilities[:, *window], None), make_card())
        total += part.sums.sum(axis=1)
    assert np.allclose(total, probabilities[:, mask > 0].sum(axis=1), rtol=1e-5)
