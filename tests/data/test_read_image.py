"""Image files of every kind as (rows, columns, channels), and every way in which a file can be no image."""

from __future__ import annotations

import contextlib
import gc
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from handful.data import ImageFile, as_unit, find_images, match_channels, read_image
from handful.data.decode import count_pages, decode, upright
from handful.data.image import read_picture
from handful.errors import DataError

GREY = (np.arange(24 * 20).reshape(24, 20) % 251).astype(np.uint8)
RGB = np.dstack([GREY, 255 - GREY, GREY // 2])


def read(path: Path, page: int | None = None) -> np.ndarray:
    return read_image(ImageFile(path, page))


@pytest.mark.parametrize("ending", ["png", "bmp", "tif", "webp", "ppm", "tga"])
def test_lossless_colour(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{ending}"
    Image.fromarray(RGB).save(path, **({"lossless": True} if ending == "webp" else {}))
    assert (read(path) == RGB).all()


def test_grey_has_one_channel(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "a.png")
    assert (read(tmp_path / "a.png") == GREY[:, :, None]).all()


def test_sixteen_bits_stay(tmp_path: Path) -> None:
    wide = GREY.astype(np.uint16) * 257
    Image.fromarray(wide).save(tmp_path / "a.png")
    picture = read_picture(ImageFile(tmp_path / "a.png"))
    assert picture.pixels.dtype == np.uint16
    assert picture.bits == 16
    assert (picture.pixels[:, :, 0] == wide).all()


def test_one_bit_becomes_black_and_white(tmp_path: Path) -> None:
    Image.fromarray(GREY > 100).save(tmp_path / "a.png")
    assert set(np.unique(read(tmp_path / "a.png"))) == {0, 255}


def test_palette_becomes_its_colours(tmp_path: Path) -> None:
    picture = Image.fromarray(GREY % 3)
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    picture.save(tmp_path / "a.png")
    assert read(tmp_path / "a.png")[0, 1].tolist() == [255, 0, 0]
    picture.putpalette([9, 9, 9, 20, 20, 20, 30, 30, 30])
    picture.save(tmp_path / "b.gif")
    assert read(tmp_path / "b.gif").shape == (24, 20, 1)


def test_alpha(tmp_path: Path) -> None:
    Image.fromarray(np.dstack([RGB, np.full_like(GREY, 255)])).save(tmp_path / "opaque.png")
    Image.fromarray(np.dstack([RGB, GREY])).save(tmp_path / "seen.png")
    Image.fromarray(np.dstack([GREY, GREY])).save(tmp_path / "grey.png")
    assert read_picture(ImageFile(tmp_path / "opaque.png")).note == ""
    assert (read(tmp_path / "opaque.png") == RGB).all()
    assert "transparen" in read_picture(ImageFile(tmp_path / "seen.png")).note
    assert (read(tmp_path / "seen.png") == RGB).all()
    assert read(tmp_path / "grey.png").shape == (24, 20, 1)


def test_cmyk_jpeg(tmp_path: Path) -> None:
    Image.new("CMYK", (20, 24), (0, 255, 255, 0)).save(tmp_path / "a.jpg")
    red = read(tmp_path / "a.jpg")
    assert red.shape == (24, 20, 3)
    assert red[5, 5, 0] > 200 > 50 > red[5, 5, 1]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_are_turned_upright(orientation: int, tmp_path: Path) -> None:
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(RGB).save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as picture:
        expected = np.asarray(ImageOps.exif_transpose(picture))
    assert (read(tmp_path / "a.png") == expected).all()
    assert (upright(RGB, orientation) == expected).all()


# ------------------------------------------------------------------------------------------------- TIFF, .npy


def save_tiff(path: Path, array: np.ndarray, **options: object) -> Path:
    tifffile.imwrite(path, array, **options)
    return path


def test_tiff_types(tmp_path: Path) -> None:
    for dtype in ("uint8", "uint16", "int16", "uint32", "float32"):
        path = save_tiff(tmp_path / f"{dtype}.tif", GREY.astype(dtype))
        assert read(path).dtype == dtype
        assert (read(path)[:, :, 0] == GREY).all()


def test_four_channels_in_any_order(tmp_path: Path) -> None:
    """Satellite tiles: 16 bit, 4 channels, interleaved or planar."""
    tile = np.dstack([RGB, GREY]).astype(np.uint16) * 10
    mixed = save_tiff(tmp_path / "hwc.tif", tile, photometric="rgb")
    planes = save_tiff(tmp_path / "chw.tif", tile.transpose(2, 0, 1), photometric="rgb", planarconfig="separate")
    plain = save_tiff(tmp_path / "black.tif", tile, photometric="minisblack", planarconfig="contig")
    for path in (mixed, planes, plain):
        assert (read(path) == tile).all()


def test_pages_as_channels_only_where_asked(tmp_path: Path) -> None:
    bands = np.stack([GREY] * 6)
    path = save_tiff(tmp_path / "six.tif", bands, photometric="minisblack")
    assert count_pages(path).perhaps_channels
    assert read(path).shape == (24, 20, 6)
    assert len(find_images([path])) == 6
    assert len(find_images([path], channels=6)) == 1


def test_rows_columns_channels_written_as_pages(tmp_path: Path) -> None:
    tile = np.random.default_rng(0).integers(0, 255, (40, 30, 8), np.uint8)
    assert (read(save_tiff(tmp_path / "a.tif", tile, photometric="minisblack")) == tile).all()


@pytest.mark.parametrize("options", [{}, {"imagej": True}, {"metadata": None}, {"compression": "zlib"}])
def test_slices(options: dict[str, object], tmp_path: Path) -> None:
    stack = np.random.default_rng(0).integers(0, 255, (40, 24, 20), np.uint8)
    path = save_tiff(tmp_path / "a.tif", stack, photometric="minisblack", **options)
    assert count_pages(path).count == 40
    assert (read(path, 7)[:, :, 0] == stack[7]).all()
    with pytest.raises(DataError, match="40 slices"):
        read(path)
    with pytest.raises(DataError, match=r"a\.tif page 99"):
        read(path, 99)


def test_slices_with_channels(tmp_path: Path) -> None:
    stack = np.random.default_rng(0).integers(0, 255, (5, 3, 24, 20), np.uint8)
    path = save_tiff(tmp_path / "a.tif", stack, imagej=True, metadata={"axes": "ZCYX"})
    assert count_pages(path).count == 5
    assert (read(path, 2) == stack[2].transpose(1, 2, 0)).all()


def test_white_is_zero(tmp_path: Path) -> None:
    path = save_tiff(tmp_path / "a.tif", GREY, photometric="miniswhite")
    assert (read(path)[:, :, 0] == 255 - GREY).all()


def test_lzw_is_read_through_pillow(tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "a.tif", compression="tiff_lzw")
    Image.fromarray(GREY).save(tmp_path / "b.tif", compression="jpeg", quality=95)
    assert (read(tmp_path / "a.tif") == RGB).all()
    assert read(tmp_path / "b.tif").shape == (24, 20, 1)


def test_npy(tmp_path: Path) -> None:
    for name, array, shape in (
        ("grey", GREY, (24, 20, 1)),
        ("rgb", RGB, (24, 20, 3)),
        ("planes", RGB.transpose(2, 0, 1), (24, 20, 3)),
        ("flags", GREY > 9, (24, 20, 1)),
        ("double", GREY / 255, (24, 20, 1)),
    ):
        np.save(tmp_path / f"{name}.npy", array)
        assert read(tmp_path / f"{name}.npy").shape == shape
    assert read(tmp_path / "double.npy").dtype == np.float32
    np.save(tmp_path / "stack.npy", np.stack([GREY] * 9))
    assert count_pages(tmp_path / "stack.npy").count == 9


def test_npy_is_never_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"a\.npy"):
        read(tmp_path / "a.npy")


def test_a_zip_archive_named_npy_is_refused_and_closed(tmp_path: Path) -> None:
    """numpy would open it as .npz, and leave it open: a warning at the next collection, in whatever ran then."""
    np.savez(tmp_path / "a.npz", GREY)
    (tmp_path / "a.npz").rename(tmp_path / "a.npy")
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        with pytest.raises(DataError, match=r"a\.npy.*zip archive"):
            read(tmp_path / "a.npy")
        gc.collect()
    assert not given


# ------------------------------------------------------------------------------------------------- unit range


def test_the_range_follows_the_type() -> None:
    assert as_unit(np.array([0, 51, 255], np.uint8)).tolist() == pytest.approx([0, 0.2, 1])
    assert as_unit(np.array([0, 65535], np.uint16)).tolist() == pytest.approx([0, 1])
    assert as_unit(np.array([-32768, 32767], np.int16)).tolist() == pytest.approx([0, 1])
    assert as_unit(np.array([-3.5, 9], np.float32)).tolist() == [-3.5, 9]
    assert as_unit(np.array([True, False])).tolist() == [1, 0]
    assert as_unit(np.zeros((2, 2, 1), np.uint8)).dtype == np.float32


def test_match_channels() -> None:
    assert match_channels(GREY[:, :, None], 3, "a").shape == (24, 20, 3)
    assert (match_channels(np.dstack([GREY] * 3), 1, "a")[:, :, 0] == GREY).all()
    grey = np.asarray(Image.fromarray(RGB).convert("L")).astype(int)
    assert np.abs(match_channels(RGB, 1, "a")[:, :, 0].astype(int) - grey).max() <= 1
    assert match_channels(np.dstack([RGB, GREY]), 3, "a").shape == (24, 20, 3)
    with pytest.raises(DataError, match=r"a\.tif: has 7 channels where 3 were expected"):
        match_channels(np.zeros((4, 4, 7)), 3, "a.tif")


# ------------------------------------------------------------------------------------------------- no image


def spoil(path: Path, kind: str) -> None:
    suffix = path.suffix
    if kind == "text":
        path.write_text("this is no image\n" * 20)
    elif kind == "zero bytes":
        path.touch()
    elif kind == "web page":
        path.write_text("<!DOCTYPE html><html></html>")
    elif kind == "lfs pointer":
        path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    elif kind == "zeros":
        path.write_bytes(bytes(500))
    elif kind == "noise":
        path.write_bytes(np.random.default_rng(0).bytes(700))
    elif kind == "folder":
        path.mkdir()
    elif kind == "cut short":
        if suffix == ".npy":
            np.save(path, RGB)
        else:
            noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)
            Image.fromarray(noise).save(path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


SAID = {
    "text": "it holds text",
    "zero bytes": r"is empty \(0 bytes\)",
    "web page": "it holds a web page",
    "lfs pointer": "git lfs pull",
    "zeros": "only zeros|damaged|no image",
    "noise": "damaged|no image",
    "folder": "is a folder",
    "cut short": "cut short|damaged|truncated",
    "missing": "is not there",
}


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".bmp", ".gif", ".webp", ".npy"])
@pytest.mark.parametrize("kind", SAID)
def test_no_image(kind: str, suffix: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / f"a{suffix}"
    spoil(path, kind)
    with pytest.raises(DataError, match=SAID[kind]) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_any_cut_of_a_file_is_an_error_or_an_image(tmp_path: Path) -> None:
    """No decoder may let anything but a DataError out, wherever the file ends."""
    noise = np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)
    for suffix in (".png", ".jpg", ".tif", ".gif", ".bmp", ".webp"):
        whole = tmp_path / f"whole{suffix}"
        Image.fromarray(noise).save(whole)
        content = whole.read_bytes()
        for cut in range(1, len(content), max(1, len(content) // 25)):
            path = tmp_path / f"cut{suffix}"
            path.write_bytes(content[:cut])
            with contextlib.suppress(DataError):
                assert read(path).shape[:2] == (40, 40)


def test_bombs_are_refused_before_decoding(tmp_path: Path) -> None:
    Image.new("1", (20000, 10000)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="million pixels"):
        read(tmp_path / "a.png")
    huge = tifffile.memmap(tmp_path / "b.tif", shape=(4, 4), dtype=np.uint8)
    del huge
    np.lib.format.open_memmap(tmp_path / "c.npy", mode="w+", dtype=np.float64, shape=(30000, 30000))
    with pytest.raises(DataError, match="GB in memory"):
        read(tmp_path / "c.npy")


def test_large_but_legal_gives_no_warning(tmp_path: Path) -> None:
    Image.new("1", (10000, 9500)).save(tmp_path / "a.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read(tmp_path / "a.png").shape == (9500, 10000, 1)


def test_true_kind_counts_not_the_ending(tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "a.bmp")
    (tmp_path / "a.bmp").rename(tmp_path / "a.png")
    assert (read(tmp_path / "a.png") == RGB).all()
    assert decode(ImageFile(tmp_path / "a.png")).lossy is False


@pytest.fixture(autouse=True)
def _no_warning_leaks() -> Callable[[], None]:
    warnings.simplefilter("error")
    return lambda: None
