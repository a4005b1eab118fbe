"""The audit: every problem found and named, nothing read twice, the same whatever files are called."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from discs import write_discs
from handful.data import Audit, check_data, read_sample, summary_lines
from handful.data import check as check_module
from handful.errors import DataError

Write = Callable[..., Path]


def picture(seed: int, height: int = 40, width: int = 48) -> np.ndarray:
    """Blobs, so that thumbnails of different seeds differ."""
    rng = np.random.default_rng(seed)
    small = rng.integers(30, 225, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))


def square(height: int = 40, width: int = 48, at: int = 5) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    mask[at : at + 12, at : at + 12] = 255
    return mask


@pytest.fixture
def plain(tmp_path: Path, write: Write) -> Path:
    """Four good pairs, 0 to 3."""
    for n in range(4):
        write(tmp_path / "images" / f"{n}.png", picture(n))
        write(tmp_path / "masks" / f"{n}.png", square(at=5 + n))
    return tmp_path


def found(audit: Audit, severity: str) -> list[str]:
    return [str(problem) for problem in audit.of_severity(severity)]


def test_a_clean_set(plain: Path) -> None:
    calls: list[tuple[int, int]] = []
    audit = check_data(plain, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [pair.name for pair in audit.pairs] == ["0", "1", "2", "3"]
    assert audit.problems == ()
    assert audit.channels == 3
    assert audit.sizes == (((40, 48), 4),)
    assert audit.class_pixels == (4 * (40 * 48 - 144), 4 * 144)
    assert sum(audit.class_shares) == pytest.approx(1)
    assert (audit.objects, audit.object_area) == (4, 144)
    assert (audit.dtypes, audit.bit_depths) == (("uint8",), (8,))
    facts = audit.facts["0"]
    pixels = picture(0) / 255
    assert (facts.mean, facts.std) == (pytest.approx(pixels.mean()), pytest.approx(pixels.std()))
    assert (facts.low, facts.high) == (pytest.approx(pixels.min()), pytest.approx(pixels.max()))
    assert json.loads(json.dumps(audit.to_dict()))["fingerprint"] == audit.fingerprint
    sample = read_sample(audit.pairs[0], audit.reading, audit.channels)
    assert (sample.image.shape, sample.mask.shape, sample.labels) == ((3, 40, 48), (40, 48), None)


def test_each_file_is_read_once(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    original = Image.open

    def counting(path: Path, *arguments: object, **options: object) -> object:
        opened.append(str(path))
        return original(path, *arguments, **options)

    monkeypatch.setattr(Image, "open", counting)
    check_data(plain)
    assert len(opened) == len(set(opened)) == 8


def test_what_is_not_read_in_time_is_left_out_and_said(tmp_path: Path) -> None:
    folder = write_discs(tmp_path / "discs", 12)
    whole = check_data(folder)
    some, again = (check_data(folder, until=0.0) for _ in range(2))
    assert len(some.facts) == check_module.LEAST_READ
    assert list(some.facts) == list(again.facts) == [name for name in whole.facts if name in some.facts]
    assert [str(one) for one in some.problems if "left out" in one.message] == [
        "discs: 4 of 12 images were left out: reading them all would take too much of the time. Give more of it to use "
        "them"
    ]
    assert check_data(folder, until=float("inf")).to_dict() == whole.to_dict()


def test_names_and_places_do_not_matter(plain: Path, tmp_path_factory: pytest.TempPathFactory, write: Write) -> None:
    other = tmp_path_factory.mktemp("elsewhere")
    for n in range(4):
        write(other / "img" / f"z{9 - n}.tif", picture(n))
        write(other / "gt" / f"z{9 - n}.npy", square(at=5 + n))
    one, two = check_data(plain), check_data(other)
    assert one.fingerprint == two.fingerprint
    write(plain / "masks" / "0.png", square(at=9))
    assert check_data(plain).fingerprint != one.fingerprint


# ------------------------------------------------------------------------------------------------- one bad file


def _size(root: Path, write: Write) -> None:
    write(root / "masks" / "0.png", square(30, 48))


def _turned(root: Path, write: Write) -> None:
    write(root / "masks" / "0.png", square().T.copy())


def _text(root: Path, write: Write) -> None:
    (root / "images" / "0.png").write_text("hello")


def _empty_file(root: Path, write: Write) -> None:
    (root / "masks" / "0.png").write_bytes(b"")


def _truncated(root: Path, write: Write) -> None:
    path = write(root / "images" / "0.jpg", picture(0))
    (root / "images" / "0.png").unlink()
    path.write_bytes(path.read_bytes()[:300])


def _tiny(root: Path, write: Write) -> None:
    write(root / "images" / "0.png", picture(0)[:1, :1])
    write(root / "masks" / "0.png", square()[:1, :1])


def _thin(root: Path, write: Write) -> None:
    write(root / "images" / "0.png", np.tile(picture(0)[:3], (1, 400, 1)))
    write(root / "masks" / "0.png", np.tile(square()[:3], (1, 400)))


def _nan(root: Path, write: Write) -> None:
    values = picture(0).astype(np.float32) / 255
    values[3, 7] = np.nan
    (root / "images" / "0.png").unlink()
    write(root / "images" / "0.tif", values, photometric="rgb")


def _no_mask(root: Path, write: Write) -> None:
    (root / "masks" / "0.png").unlink()


ERRORS: list[tuple[Callable[[Path, Write], None], str, str]] = [
    (_size, "images/0.png", r"is 48x40 but its mask 0\.png is 48x30"),
    (_turned, "images/0.png", "turned by 90 degrees"),
    (_text, "images/0.png", "it holds text"),
    (_empty_file, "masks/0.png", r"empty \(0 bytes\)"),
    (_truncated, "images/0.jpg", "cut short"),
    (_tiny, "images/0.png", "1x1 pixels; the smallest side that can be used is 16"),
    (_thin, "images/0.png", "19200x3 pixels"),
    (_nan, "images/0.tif", r"3 values are NaN \(first at row 3, column 7\)"),
    (_no_mask, "images/0.png", "image without a mask"),
]


@pytest.mark.parametrize(("spoil", "where", "words"), ERRORS)
def test_a_bad_pair_is_left_out_and_named(
    spoil: Callable[[Path, Write], None], where: str, words: str, plain: Path, write: Write
) -> None:
    import re

    spoil(plain, write)
    audit = check_data(plain)
    assert [pair.name for pair in audit.pairs] == ["1", "2", "3"]
    (problem,) = audit.of_severity("error")
    assert problem.where == where
    assert re.search(words, problem.message)
    assert str(plain) not in str(problem)


@pytest.mark.parametrize(("spoil", "where", "words"), ERRORS)
def test_only_bad_pairs_are_refused(
    spoil: Callable[[Path, Write], None], where: str, words: str, plain: Path, write: Write
) -> None:
    import re

    for n in (1, 2, 3):
        (plain / "images" / f"{n}.png").unlink()
        (plain / "masks" / f"{n}.png").unlink()
    spoil(plain, write)
    with pytest.raises(DataError) as caught:
        check_data(plain)
    if spoil is not _no_mask:
        assert where in str(caught.value)
        assert re.search(words, str(caught.value))


# ------------------------------------------------------------------------------------------------- warnings


def test_empty_and_full_masks(plain: Path, write: Write) -> None:
    write(plain / "masks" / "0.png", square() * 0)
    write(plain / "masks" / "1.png", square() * 0 + 255)
    warnings = found(check_data(plain, foreground="255"), "warning")
    assert warnings[0].startswith("masks/0.png: empty mask")
    assert warnings[1].startswith("masks/1.png: full mask")


def test_flat_image(plain: Path, write: Write) -> None:
    write(plain / "images" / "2.png", np.full((40, 48, 3), 90, np.uint8))
    assert found(check_data(plain), "warning")[0].startswith("images/2.png: is almost constant")


def test_odd_size_and_type(plain: Path, write: Write) -> None:
    write(plain / "images" / "2.png", picture(2, 400, 480))
    write(plain / "masks" / "2.png", square(400, 480))
    (plain / "images" / "3.png").unlink()
    write(plain / "images" / "3.tif", picture(3).astype(np.uint16) * 200)
    warnings = found(check_data(plain), "warning")
    assert "images/2.png: is 480x400, 1e+02 times larger than is usual in this set" in warnings
    assert any(text.startswith("images/3.tif: is uint16 where most images are uint8") for text in warnings)


def _copy(image: np.ndarray) -> np.ndarray:
    return image


def _brighter(image: np.ndarray) -> np.ndarray:
    return np.minimum(image * 1.1, 255).astype(np.uint8)


def _mirrored(image: np.ndarray) -> np.ndarray:
    return image[:, ::-1].copy()


def _upside_down(image: np.ndarray) -> np.ndarray:
    return image[::-1, ::-1].copy()


@pytest.mark.parametrize("change", [_copy, _brighter, _mirrored, _upside_down])
def test_twins(change: Callable[[np.ndarray], np.ndarray], plain: Path, write: Write) -> None:
    write(plain / "images" / "9.png", change(picture(1)))
    write(plain / "masks" / "9.png", square())
    audit = check_data(plain)
    assert audit.twins == (("1", "9"),)
    word = "the same picture as" if change is _copy else "nearly the same picture as"
    assert any(text.startswith(f"images/9.png: {word} images/1.png") for text in found(audit, "warning"))


def test_two_dark_pictures_are_no_twins(plain: Path, write: Write) -> None:
    for n in range(4):
        write(plain / "images" / f"{n}.png", (picture(n) // 40).astype(np.uint8))
    assert check_data(plain).twins == ()


def test_grey_stored_as_colour_needs_one_channel(plain: Path, write: Write) -> None:
    for n in range(4):
        write(plain / "images" / f"{n}.png", np.repeat(picture(n)[:, :, :1], 3, axis=2))
    audit = check_data(plain)
    assert audit.channels == 1
    assert "grey (stored as colour)" in summary_lines(audit)[1]
    assert read_sample(audit.pairs[0], audit.reading, 1).image.shape == (1, 40, 48)


def test_four_channels_of_sixteen_bit(tmp_path: Path, write: Write) -> None:
    for n in range(3):
        tile = np.dstack([picture(n), picture(n + 9)[:, :, :1]]).astype(np.uint16) * 100
        write(tmp_path / "images" / f"{n}.tif", tile, photometric="rgb")
        write(tmp_path / "masks" / f"{n}.tif", square())
    audit = check_data(tmp_path)
    assert (audit.channels, audit.dtypes, audit.bit_depths) == (4, ("uint16",), (16,))


def test_a_test_set_is_read_as_the_training_set_was(
    plain: Path, tmp_path_factory: pytest.TempPathFactory, write: Write
) -> None:
    """Alone its masks would look inverted, or empty."""
    reading = check_data(plain).reading
    other = tmp_path_factory.mktemp("test")
    write(other / "images" / "0.png", picture(30))
    write(other / "masks" / "0.png", 255 - square())
    assert check_data(other).reading.background == 1
    assert check_data(other, reading=reading).reading == reading
    write(other / "masks" / "0.png", square() * 0)
    assert check_data(other, reading=reading).class_pixels == (40 * 48, 0)
    write(other / "masks" / "0.png", square() // 2)
    with pytest.raises(DataError, match=r"masks/0\.png: value 127 at row 5, column 5 is no class"):
        check_data(other, reading=reading)


# ------------------------------------------------------------------------------------------------- stacks


def test_stacks(tmp_path: Path) -> None:
    volume = np.stack([picture(n)[:, :, 0] for n in range(8)])
    labels = np.stack([square(at=5 + n) for n in range(8)])
    tifffile.imwrite(tmp_path / "train-volume.tif", volume, photometric="minisblack")
    tifffile.imwrite(tmp_path / "train-labels.tif", labels, photometric="minisblack")
    tifffile.imwrite(tmp_path / "test-volume.tif", volume, photometric="minisblack")
    audit = check_data(tmp_path)
    assert audit.stack
    assert [pair.name for pair in audit.pairs][:2] == ["train-volume_00", "train-volume_01"]
    sample = read_sample(audit.pairs[3], audit.reading, audit.channels)
    assert (sample.image[0] == volume[3]).all()
    assert (sample.mask == labels[3] // 255).all()


def test_stacks_of_different_length(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "train-volume.tif", np.zeros((8, 40, 48), np.uint8), photometric="minisblack")
    tifffile.imwrite(tmp_path / "train-labels.tif", np.zeros((7, 40, 48), np.uint8), photometric="minisblack")
    with pytest.raises(DataError, match=r"train-volume\.tif: holds 8 slices but train-labels\.tif holds 7"):
        check_data(tmp_path)


def test_channels_of_a_picture_are_no_slices(tmp_path: Path, write: Write) -> None:
    bands = np.stack([picture(n)[:, :, 0] for n in range(6)])
    for n in range(2):
        write(tmp_path / "images" / f"{n}.tif", bands + n, photometric="minisblack")
        write(tmp_path / "masks" / f"{n}.png", square(at=5 + n))
    audit = check_data(tmp_path)
    assert (len(audit.pairs), audit.channels) == (2, 6)


# ------------------------------------------------------------------------------------------------- no torch, quick


def test_never_loads_torch() -> None:
    import subprocess
    import sys

    code = (
        "import sys, handful.data.check, handful.data.split, handful.data.sample; "
        "heavy = {'torch', 'skimage', 'scipy', 'PIL', 'tifffile', 'matplotlib'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ------------------------------------------------------------------------------------------------- real data

REAL = {
    "membrane": ("values", 2, 1, (), True, 20),
    "nuclei_kaggle_layout": ("objects", 2, 0, (), False, 12),
    "cats/cat_data": ("threshold", 2, 0, (), False, 81),
    "camvid": ("values", 11, None, (11,), True, 157),
    "objects": ("palette", 8, 0, (255,), False, 331),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_real_data_are_read_without_a_flag(name: str, shared_data: Path) -> None:
    kind, classes, background, void, stack, pairs = REAL[name]
    audit = check_data(shared_data / name)
    reading = audit.reading
    assert (reading.kind, len(reading.classes), reading.background, reading.void_values) == (
        kind,
        classes,
        background,
        void,
    )
    assert (audit.stack, len(audit.pairs), audit.of_severity("error"), audit.twins) == (stack, pairs, (), ())


@pytest.mark.slow
def test_nuclei_in_under_ten_seconds(shared_data: Path) -> None:
    import time

    start = time.perf_counter()
    audit = check_data(shared_data / "nuclei")
    assert time.perf_counter() - start < 10
    assert (audit.reading.kind, audit.objects, len(audit.pairs), audit.twins) == ("labels", 19664, 450, ())


@pytest.mark.slow
def test_boundaries_of_several_people(shared_data: Path, tmp_path: Path) -> None:
    from handful.data import read_annotators, read_mask

    for kind, ending in (("images", "jpg"), ("groundTruth", "mat")):
        files = sorted((shared_data / "boundaries" / "bsds500" / kind / "train").glob(f"*.{ending}"))[:3]
        for file in files:
            (tmp_path / kind).mkdir(exist_ok=True)
            shutil.copy(file, tmp_path / kind / file.name)
    audit = check_data(tmp_path)
    assert audit.reading.kind == "boundaries"
    people = read_annotators(audit.pairs[0].masks[0].path)
    assert 4 <= len(people) <= 8
    assert (read_mask(audit.pairs[0], audit.reading).classes == people.max(axis=0)).all()


def test_problem_comes_from_one_place() -> None:
    from handful.data import Problem

    assert check_module.Problem is Problem
