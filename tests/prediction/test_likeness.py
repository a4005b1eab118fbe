"""How unlike the training images an image is: the drawn cases, the laws, and (slow) real sets told apart."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handful.prediction.likeness import MOST_KEPT, STEPS, alone, describe_image, how_unlike, learn_likeness, middle

REAL = Path(os.environ.get("HANDFUL_DATA", Path(__file__).parents[3] / "shared" / "data"))


def blobs(seed, size=96):
    """Smooth bright spots on dark."""
    from scipy.ndimage import gaussian_filter

    field = gaussian_filter(np.random.default_rng(seed).normal(size=(size, size)), 5)
    return (255 * np.clip(field / field.max(), 0, 1)).astype(np.uint8)


def noise(seed, size=96):
    """Fine grey noise."""
    return np.clip(np.random.default_rng(seed).normal(128, 30, (size, size)), 0, 255).astype(np.uint8)


def describe(image):
    planes = (image.astype(np.float32) - image.mean()) / image.std()
    chance = np.clip(image / 255, 0.01, 0.99).astype(np.float32)
    return describe_image(image[:, :, None], planes[None], np.stack([1 - chance, chance]))


@pytest.mark.parametrize("count", [1, 2, 5, 16])
def test_images_of_another_kind_are_called_unlike_and_those_of_the_own_are_not(count):
    for own, other in ((blobs, noise), (noise, blobs)):
        likeness = learn_likeness([describe(own(seed)) for seed in range(count)])
        mine = [how_unlike(describe(own(seed)), likeness) for seed in range(100, 110)]
        theirs = [how_unlike(describe(other(seed)), likeness) for seed in range(200, 210)]
        assert max(mine) < min(theirs)
        assert max(mine) < 1 < min(theirs)


def test_a_training_image_is_like_itself_and_the_odd_one_is_named():
    rows = [describe(noise(seed)) for seed in range(6)]
    likeness = learn_likeness(rows)
    assert how_unlike(rows[2], likeness) < 1
    far = alone([*rows, describe(blobs(0))], likeness)
    assert far.argmax() == 6
    assert far[6] > 1 > far[:6].max()
    assert not len(alone(rows[:1], likeness))


def test_what_is_kept_is_small_and_json():
    likeness = learn_likeness([describe(noise(seed)) for seed in range(100)])
    text = json.dumps(likeness, allow_nan=False)
    assert len(likeness["images"]) <= MOST_KEPT
    assert len(text) < 8000
    again = json.loads(text)
    assert how_unlike(describe(blobs(0)), again) == how_unlike(describe(blobs(0)), likeness)


def test_nothing_learnt_and_other_numbers_give_nan():
    assert learn_likeness([]) == {}
    assert np.isnan(how_unlike(describe(noise(0)), {}))
    assert np.isnan(how_unlike(describe(noise(0)), {"images": [[0.0] * 5], "unlike": 1.0}))


def test_where_the_answer_is_known_of_some_only_the_image_decides():
    rows = [describe(noise(seed)) for seed in range(4)]
    rows[1] = rows[1][: len(STEPS)]
    likeness = learn_likeness(rows)
    assert len(likeness["images"][0]) == len(STEPS)
    assert how_unlike(describe(blobs(0)), likeness) > 1 > how_unlike(describe(noise(9)), likeness)


def test_the_net_input_is_looked_at_not_the_brightness_of_its_file():
    """The same picture at half the exposure differs by brightness and contrast alone."""
    image = noise(0)
    one, two = describe(image), describe(image // 2)
    assert np.abs(one - two)[:14].max() < 0.5
    assert abs(one[14] - two[14]) > 1


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (7, 7), (2000, 900)])
@pytest.mark.parametrize("value", [0, 9])
def test_flat_tiny_and_large_images_have_numbers(shape, value):
    planes = np.full((1, *shape), value, np.float32)
    answer = np.full((2, *shape), 0.5, np.float32)
    numbers = describe_image(np.full((*shape, 1), value, np.uint8), planes, middle(answer, shape))
    assert np.isfinite(numbers).all()


def test_not_a_number_in_an_image_stays_out():
    image = np.full((40, 40, 3), np.nan, np.float32)
    assert np.isfinite(describe_image(image, np.zeros((3, 40, 40), np.float32), None)).all()


@pytest.mark.parametrize("working", [(400, 600), (200, 300), (100, 150)])
def test_the_middle_is_what_the_net_sees_of_it(working):
    planes = np.broadcast_to(np.arange(600.0, dtype=np.float32), (1, 400, 600))
    cut = middle(planes, working)
    share = min(1, 192 / working[1])
    assert cut.shape[2] == round(600 * share)
    assert abs(float(cut.mean()) - 299.5) <= 0.5


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="needs ../shared/data or $HANDFUL_DATA")
def test_real_sets_are_told_apart_by_their_looks_alone():
    """Without any net: of 12 images of a set, its others are like them and those of other sets are not."""
    folders = {
        "nuclei": ("nuclei/images", "*.png"),
        "membrane": ("membrane/train/image", "*.png"),
        "cats": ("cats/cat_data/Train/input", "*.jpg"),
    }
    found = {}
    for name, (folder, pattern) in folders.items():
        files = sorted((REAL / folder).glob(pattern))
        chosen = [files[place] for place in np.random.default_rng(0).permutation(len(files))[:40]]
        images = [np.asarray(Image.open(file).convert("RGB")) for file in chosen]
        found[name] = [
            describe_image(one, np.moveaxis((one - one.mean()) / one.std(), -1, 0).astype(np.float32), None)
            for one in images
        ]
    for name, rows in found.items():
        likeness = learn_likeness(rows[:12])
        own = np.array([how_unlike(row, likeness) for row in rows[12:]])
        assert (own > 1).mean() <= 0.15, name
        for other in found.keys() - {name}:
            theirs = np.array([how_unlike(row, likeness) for row in found[other]])
            assert (theirs[:, None] > own).mean() > 0.9, (name, other)
