"""Copies of known images are found however they were changed; other images, neighbouring slices too, are not."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from handful.data.known import SIDE, find_known, read_known, small, write_known
from handful.data.likeness import thumbnail

REAL = Path(os.environ.get("HANDFUL_DATA", Path(__file__).parents[3] / "shared" / "data"))


def draw(seed, side=256):
    """A picture with structure at many sizes."""
    rng = np.random.default_rng(seed)
    field = sum(s * ndimage.gaussian_filter(rng.normal(size=(side, side)), s) for s in (3, 8, 20))
    return Image.fromarray(np.uint8(255 * (field - field.min()) / np.ptp(field)))


def saved_as_jpeg(image, quality):
    stream = io.BytesIO()
    image.convert("RGB").save(stream, "JPEG", quality=quality)
    return Image.open(stream)


def cropped(image, shares):
    left, top, right, bottom = (share * side for share, side in zip(shares, image.size * 2, strict=True))
    return image.crop((int(left), int(top), int(image.width - right), int(image.height - bottom)))


CHANGES = {
    "jpeg": lambda image: saved_as_jpeg(image, 30),
    "half the size": lambda image: image.resize((image.width // 2, image.height // 2)),
    "brighter": lambda image: image.convert("RGB").point(lambda value: min(255, int(1.2 * value + 15))),
    "gamma": lambda image: image.convert("RGB").point(lambda value: int(255 * (value / 255) ** 1.5)),
    "mirrored": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "turned": lambda image: image.transpose(Image.Transpose.ROTATE_90),
    "cropped": lambda image: cropped(image, (0.06, 0.0, 0.09, 0.03)),
    "all at once": lambda image: saved_as_jpeg(
        cropped(image, (0.02, 0.07, 0.0, 0.05)).transpose(Image.Transpose.FLIP_TOP_BOTTOM), 50
    ),
}


def thumb(image):
    pixels = np.asarray(image if image.mode in ("L", "RGB") else image.convert("RGB"))
    return thumbnail(pixels.reshape(*pixels.shape[:2], -1))


@pytest.fixture(scope="module")
def drawn():
    return {f"picture {seed}": draw(seed) for seed in range(8)}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_known(drawn, change):
    known = read_known(write_known({name: thumb(image) for name, image in drawn.items()}))
    found = find_known({f"new {name}": thumb(CHANGES[change](image)) for name, image in drawn.items()}, known)
    assert {name: other for name, (other, _) in found.items()} == {f"new {name}": name for name in drawn}


def test_the_whole_of_a_known_crop_is_known(drawn):
    name, image = next(iter(drawn.items()))
    assert find_known({"whole": thumb(image)}, {name: thumb(cropped(image, (0.08, 0, 0, 0.05)))})["whole"][0] == name


def test_other_pictures_are_not_known(drawn):
    assert find_known({"other": thumb(draw(99))}, {name: thumb(image) for name, image in drawn.items()}) == {}
    assert find_known({}, {"a": thumb(draw(0))}) == {}
    assert find_known({"a": thumb(draw(0))}, {}) == {}


def test_flat_pictures_are_nobodys_copy():
    flat = np.zeros((64, 64), np.uint8)
    assert find_known({"black": flat}, {"white": flat + 255}) == {}


def test_thumbnails_come_back_from_text_and_damaged_ones_are_left_out(drawn):
    texts = write_known({name: thumb(image) for name, image in drawn.items()})
    back = read_known({**texts, "short": "AAAA", "no base64": "?"})
    assert set(back) == set(drawn)
    assert all(back[name].shape == (SIDE, SIDE) for name in drawn)
    assert np.array_equal(back["picture 0"], small(thumb(drawn["picture 0"])))


SETS = {
    "membrane": ("membrane/train/image/*.png", 20),
    "nuclei": ("nuclei/images/*.png", 60),
    "cats": ("cats/cat_data/Train/input/*.jpg", 60),
}


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="needs ../shared/data or $HANDFUL_DATA")
@pytest.mark.parametrize("name", SETS)
def test_on_real_images(name):
    pattern, most = SETS[name]
    files = sorted(REAL.glob(pattern), key=lambda file: (len(file.stem), file.stem))[:most]
    images = {file.stem: Image.open(file) for file in files}
    learnt = {stem: thumb(images[stem]) for stem in list(images)[::2]}
    # Every second membrane slice lies between two that are known: a neighbour is no copy.
    assert find_known({stem: thumb(image) for stem, image in images.items() if stem not in learnt}, learnt) == {}
    right = total = 0
    for change in CHANGES.values():
        found = find_known({stem: thumb(change(images[stem])) for stem in learnt}, learnt)
        right += sum(found.get(stem, ("",))[0] == stem for stem in learnt)
        assert all(stem == other for stem, (other, _) in found.items())
        total += len(learnt)
    assert right >= 0.99 * total
