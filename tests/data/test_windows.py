"""Windows of a file are the windows of the image that is read whole, whatever the format."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from handful.data.decode import ImageFile
from handful.data.image import read_image
from handful.data.windows import Blocks, is_zarr, open_windows
from handful.errors import DataError

SHAPE = (75, 94)
WINDOWS = [((0, 75), (0, 94)), ((0, 1), (0, 1)), ((70, 75), (80, 94)), ((13, 49), (31, 33)), ((30, 34), (15, 81))]


def noise(*shape, kind=np.uint8):
    rng = np.random.default_rng(0)
    return rng.integers(0, 250, shape).astype(kind) if np.dtype(kind).kind in "ui" else rng.random(shape).astype(kind)


def tiff(pixels, **options):
    return lambda path: tifffile.imwrite(path, pixels, **options)


def palette_tiff(path):
    colours = np.zeros((3, 256), np.uint16)
    colours[0], colours[1] = np.arange(256) * 257, 65535 - np.arange(256) * 257
    tifffile.imwrite(path, noise(*SHAPE), photometric="palette", colormap=colours, tile=(16, 32))


def alpha_tiff(opaque):
    pixels = noise(*SHAPE, 4)
    if opaque:
        pixels[:, :, 3] = 255
    return tiff(pixels, photometric="rgb", extrasamples=["unassalpha"], tile=(16, 16))


FILES = {
    "mapped.tif": tiff(noise(*SHAPE)),
    "tiled.tif": tiff(noise(*SHAPE), tile=(16, 32)),
    "striped.tif": tiff(noise(*SHAPE), rowsperstrip=7, compression="zlib"),
    "one_strip.tif": tiff(noise(*SHAPE), rowsperstrip=75, compression="zlib"),
    "predictor.tif": tiff(noise(*SHAPE, kind=np.uint16), tile=(16, 16), compression="zlib", predictor=2),
    "colour.tif": tiff(noise(*SHAPE, 3), tile=(32, 16), compression="zlib", photometric="rgb"),
    "planar.tif": tiff(noise(3, *SHAPE), photometric="rgb", planarconfig="separate", tile=(16, 16)),
    "big_endian.tif": tiff(noise(*SHAPE, kind=np.uint16), byteorder=">"),
    "bigtiff.tif": tiff(noise(*SHAPE, kind=np.float32), bigtiff=True, rowsperstrip=9, compression="zlib"),
    "double.tif": tiff(noise(*SHAPE, kind=np.float64), tile=(16, 16)),
    "bits.tif": tiff(noise(*SHAPE) > 120),
    "white_is_zero.tif": tiff(noise(*SHAPE), photometric="miniswhite", tile=(16, 16)),
    "channels.ome.tif": tiff(noise(4, *SHAPE, kind=np.uint16), metadata={"axes": "CYX"}, tile=(16, 16)),
    "channels_mapped.ome.tif": tiff(noise(4, *SHAPE, kind=np.uint16), metadata={"axes": "CYX"}),
    "imagej.tif": tiff(noise(2, *SHAPE, kind=np.uint16), imagej=True, metadata={"axes": "CYX"}),
    "palette.tif": palette_tiff,
    "opaque.tif": alpha_tiff(True),
    "infrared.tif": alpha_tiff(False),
    "plain.npy": lambda path: np.save(path, noise(*SHAPE)),
    "first.npy": lambda path: np.save(path, noise(3, *SHAPE, kind=np.float32)),
    "grey.png": lambda path: Image.fromarray(noise(*SHAPE)).save(path),
    "photo.jpg": lambda path: Image.fromarray(noise(*SHAPE, 3)).save(path),
}


@pytest.mark.parametrize("name", FILES)
def test_windows_are_those_of_the_whole_image(tmp_path, name):
    FILES[name](tmp_path / name)
    file = ImageFile(tmp_path / name)
    whole = read_image(file)
    with open_windows(file, cache=3000) as windows:
        assert (windows.shape, windows.channels, windows.dtype) == (whole.shape[:2], whole.shape[2], whole.dtype)
        assert windows.whole == name.endswith(("png", "jpg"))
        for rows, columns in WINDOWS:
            found = windows.read(rows, columns)
            assert found.dtype == whole.dtype
            assert np.array_equal(found, whole[slice(*rows), slice(*columns)])
        assert np.array_equal(np.concatenate([band for _, band in windows.bands()]), whole)


@pytest.mark.parametrize("options", [{"tile": (16, 16)}, {}, {"compression": "zlib", "rowsperstrip": 10}])
def test_a_slice_of_a_stack(tmp_path, options):
    stack = noise(5, *SHAPE)
    tifffile.imwrite(tmp_path / "stack.tif", stack, metadata={"axes": "ZYX"}, **options)
    with open_windows(ImageFile(tmp_path / "stack.tif", 3)) as windows:
        assert np.array_equal(windows.read((3, 70), (5, 90))[:, :, 0], stack[3, 3:70, 5:90])


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("axes", ["YX", "CYX", "TCZYX", "YXC"])
def test_zarr(tmp_path, version, axes):
    zarr = pytest.importorskip("zarr")
    sizes = {"T": 1, "C": 2, "Z": 1, "Y": SHAPE[0], "X": SHAPE[1]}
    pixels = noise(*(sizes[axis] for axis in axes), kind=np.uint16)
    path = tmp_path / "image.zarr"
    if axes == "YXC":  # a bare array without names
        array = zarr.create_array(path, shape=pixels.shape, chunks=(32, 32, 2), dtype="u2", zarr_format=version)
    else:
        root = zarr.open_group(path, mode="w", zarr_format=version)
        scales = [{"datasets": [{"path": "0"}], "axes": [{"name": axis.lower()} for axis in axes]}]
        root.attrs.update({"ome": {"multiscales": scales}} if version == 3 else {"multiscales": scales})
        chunks = tuple(32 if axis in "YX" else 1 for axis in axes)
        array = root.create_array("0", shape=pixels.shape, chunks=chunks, dtype="u2")
    array[:] = pixels
    assert is_zarr(path)
    order = [axes.index(axis) for axis in "YXC" if axis in axes]
    whole = np.moveaxis(pixels, order, range(len(order))).reshape(*SHAPE, -1)
    with open_windows(ImageFile(path)) as windows:
        for rows, columns in WINDOWS:
            assert np.array_equal(windows.read(rows, columns), whole[slice(*rows), slice(*columns)])


def test_what_can_only_be_decoded_whole_is_refused_before_it_is(tmp_path):
    Image.fromarray(noise(1000, 1000)).save(tmp_path / "large.png")
    with pytest.raises(DataError, match=r"decoded whole, which takes 4 MB where 1 MB are left of --memory.*tiled TIFF"):
        open_windows(ImageFile(tmp_path / "large.png"), memory=1_000_000)


@pytest.mark.parametrize("cut", [200, 3000])
def test_a_file_that_is_cut_short_is_said_to_be(tmp_path, cut):
    tifffile.imwrite(tmp_path / "a.tif", noise(*SHAPE), tile=(16, 16), compression="zlib")
    content = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(content[:cut])
    with pytest.raises(DataError, match=r"a\.tif: "), open_windows(ImageFile(tmp_path / "a.tif")) as windows:
        windows.read((0, 75), (0, 94))


def test_blocks_are_decoded_again_only_when_they_had_to_go():
    made = []
    blocks = Blocks(250)

    def get(key):
        return blocks.get(key, lambda: made.append(key) or np.zeros(100, np.uint8))

    for key in "abab":
        get(key)
    assert made == ["a", "b"]
    for key in "ca":
        get(key)
    assert made == ["a", "b", "c", "a"]
