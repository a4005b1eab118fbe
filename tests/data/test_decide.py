"""How masks are read: what can be read in one way only is, and what cannot is refused with the flag that settles it."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from handful.data import VOID, MaskReading, check_data, read_mask
from handful.errors import DataError, SettingsError

Plant = Callable[..., Path]


def blocks(*values: int, side: int = 32, dtype: str = "uint8", seed: int = 0) -> np.ndarray:
    """A mask whose first value fills the ground and each other value two separate squares."""
    rng = np.random.default_rng(seed)
    mask = np.full((side, side), values[0], dtype)
    cells = rng.permutation([(r, c) for r in range(0, side - 4, 6) for c in range(0, side - 4, 6)])
    for place, value in enumerate(np.repeat(values[1:], 2)):
        row, column = cells[place]
        mask[row : row + 4, column : column + 4] = value
    return mask


def disc(side: int = 48, radius: int = 12) -> np.ndarray:
    rows, columns = np.mgrid[:side, :side]
    return ((rows - side / 2) ** 2 + (columns - side / 2) ** 2 < radius**2).astype(np.uint8)


def cells(count: int, side: int = 64, dtype: str = "uint16", seed: int = 0) -> np.ndarray:
    """Instance labels 1..count, a square each."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((side, side), dtype)
    places = rng.permutation([(r, c) for r in range(1, side - 6, 8) for c in range(1, side - 6, 8)])
    for number in range(count):
        row, column = places[number]
        mask[row : row + 5, column : column + 5] = number + 1
    return mask


def reading_of(root: Path, **flags: str) -> MaskReading:
    reading = check_data(root, **flags).reading
    assert MaskReading.from_dict(json.loads(json.dumps(reading.to_dict()))) == reading
    return reading


def classes_of(root: Path, number: int = 0, **flags: str) -> np.ndarray:
    audit = check_data(root, **flags)
    return read_mask(audit.pairs[number], audit.reading).classes


# ------------------------------------------------------------------------------------------------- two classes


@pytest.mark.parametrize("values", [(0, 1), (0, 255), (0, 128), (38, 75), (1, 2), (254, 255)])
def test_two_values(values: tuple[int, int], plant_masks: Plant) -> None:
    root = plant_masks([blocks(*values, seed=n) for n in range(3)])
    reading = reading_of(root)
    assert (reading.kind, reading.classes, reading.background) == ("values", ("background", "foreground"), 0)
    assert (classes_of(root) == (blocks(*values) == values[1])).all()


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".gif", ".tif", ".npy", ".webp"])
def test_two_values_in_every_format(suffix: str, plant_masks: Plant) -> None:
    options = {"lossless": True} if suffix == ".webp" else {}
    root = plant_masks([disc() * 255, disc(radius=8) * 255], suffix, **options)
    assert (classes_of(root) == disc()).all()


def test_one_bit_masks(plant_masks: Plant) -> None:
    root = plant_masks([disc().astype(bool), disc(radius=8).astype(bool)])
    assert (classes_of(root) == disc()).all()


@pytest.mark.parametrize("swapped", [False, True])
def test_gif_palette_of_black_and_white(swapped: bool, plant_masks: Plant) -> None:
    """Carvana and DRIVE: the index says nothing, black and white do."""
    palette = (255, 255, 255, 0, 0, 0) if swapped else (0, 0, 0, 255, 255, 255)
    index = 1 - disc() if swapped else disc()
    root = plant_masks([index, index], ".gif", palette=palette)
    assert (classes_of(root) == disc()).all()


def test_inverted_polarity_is_said(plant_masks: Plant) -> None:
    root = plant_masks([(1 - disc()) * 255, (1 - disc(radius=9)) * 255])
    audit = check_data(root)
    assert audit.reading.background == 1
    assert audit.reading.classes == ("foreground", "background")
    assert "Inverted" in audit.reading.description
    assert (read_mask(audit.pairs[0], audit.reading).classes == 1 - disc()).all()  # predictions look like the files
    told = check_data(root, foreground="255").reading
    assert (told.background, told.classes) == (0, ("background", "foreground"))
    assert check_data(root, foreground="dark").reading.background == 1


def test_jpeg_masks_are_cut_at_128(plant_masks: Plant) -> None:
    root = plant_masks([disc() * 255, disc(radius=8) * 255], ".jpg", quality=60)
    reading = reading_of(root)
    assert (reading.kind, reading.threshold) == ("threshold", 128)
    assert (classes_of(root) == disc()).mean() > 0.99


def test_soft_edges_are_cut_at_128(plant_masks: Plant) -> None:
    big = Image.fromarray(disc(192, 60) * 255).resize((48, 48), Image.Resampling.BICUBIC)
    root = plant_masks([np.asarray(big)] * 2)
    reading = reading_of(root)
    assert (reading.kind, reading.threshold) == ("threshold", 128)
    assert "soft edges" in reading.description


def test_jpeg_with_a_third_grey_is_refused(plant_masks: Plant) -> None:
    mask = disc() * 255
    mask[:12] = 128
    with pytest.raises(DataError, match=r"masks/0\.jpg: value \d+ at row \d+, column \d+.*--mask-kind threshold"):
        check_data(plant_masks([mask, mask], ".jpg", quality=60))


# ------------------------------------------------------------------------------------------------- what is ambiguous


@pytest.mark.parametrize("values", [(0, 255, 7), (0, 255, 128), (0, 255, 1, 254), (0, 100, 255)])
def test_mixtures_are_refused_with_the_flag(values: tuple[int, ...], plant_masks: Plant) -> None:
    root = plant_masks([blocks(*values, seed=n) for n in range(2)])
    with pytest.raises(DataError) as caught:
        check_data(root)
    message = str(caught.value)
    assert message.startswith("masks/")
    assert "row" in message
    assert "column" in message
    assert '--values "0=background,255=leaf,7=void"' in message


def test_values_flag_settles_it(plant_masks: Plant) -> None:
    root = plant_masks([blocks(0, 255, 7, seed=n) for n in range(2)])
    reading = reading_of(root, values="0=background,255=leaf,7=void")
    assert (reading.classes, reading.background, reading.void_values) == (("background", "leaf"), 0, (7,))
    classes = classes_of(root, values="0=background,255=leaf,7=void")
    expected = blocks(0, 255, 7)
    assert ((classes == VOID) == (expected == 7)).all()
    assert ((classes == 1) == (expected == 255)).all()


def test_values_flag_may_join_values(plant_masks: Plant) -> None:
    root = plant_masks([blocks(0, 1, 2, 3, seed=n) for n in range(2)])
    reading = reading_of(root, values="0=ground,1-2=plant,3=stone")
    assert reading.classes == ("ground", "plant", "stone")
    assert set(np.unique(classes_of(root, values="0=ground,1-2=plant,3=stone"))) == {0, 1, 2}


@pytest.mark.parametrize(
    "text",
    ["0", "0=a", "0=a,x=b", "0=a,0=b", "=a,1=b", "0=void,1=void", "0=a,1="],
)
def test_values_flag_that_cannot_be_read(text: str, plant_masks: Plant) -> None:
    root = plant_masks([blocks(0, 255)])
    with pytest.raises(SettingsError, match="--values"):
        check_data(root, values=text)


def test_values_flag_must_name_all(plant_masks: Plant) -> None:
    root = plant_masks([blocks(0, 255, 7)])
    with pytest.raises(DataError, match=r"value 7 at row .* is not named in --values"):
        check_data(root, values="0=background,255=leaf")


def test_a_few_strays_are_void_and_said(plant_masks: Plant) -> None:
    masks = [disc() * 255 for _ in range(6)]
    masks[4] = masks[4].copy()
    masks[4][3, 5] = 7
    audit = check_data(plant_masks(masks))
    strays = [problem for problem in audit.problems if "value 7" in problem.message]
    assert [problem.where for problem in strays] == ["masks/4.png"]
    assert "row 3, column 5" in strays[0].message
    assert audit.facts["4"].void_pixels == 1


def test_one_value_only(plant_masks: Plant) -> None:
    with pytest.raises(DataError, match="all 2 masks are empty"):
        check_data(plant_masks([disc() * 0, disc() * 0]))


def test_one_class_only(plant_masks: Plant) -> None:
    with pytest.raises(DataError, match="one class only"):
        check_data(plant_masks([disc() * 0 + 255]))


def test_bad_kind(plant_masks: Plant) -> None:
    root = plant_masks([blocks(0, 255)])
    with pytest.raises(SettingsError, match="--mask-kind magic: not known"):
        check_data(root, mask_kind="magic")
    with pytest.raises(SettingsError, match="--foreground cow: no such class"):
        check_data(root, foreground="cow")


# ------------------------------------------------------------------------------------------------- class numbers


def test_class_numbers(plant_masks: Plant) -> None:
    root = plant_masks([blocks(0, 1, 2, 3, seed=n) for n in range(4)])
    reading = reading_of(root)
    assert (reading.kind, reading.background) == ("values", 0)
    assert reading.classes == ("class 0", "class 1", "class 2", "class 3")
    assert (classes_of(root) == blocks(0, 1, 2, 3)).all()


@pytest.mark.parametrize("values", [(0, 1, 255), (0, 1, 2, 255), (0, 3, 7, 12, 255)])
def test_255_beside_small_numbers_is_void(values: tuple[int, ...], plant_masks: Plant) -> None:
    root = plant_masks([blocks(*values, seed=n) for n in range(3)])
    reading = reading_of(root)
    assert reading.void_values == (255,)
    assert len(reading.classes) == len(values) - 1
    assert ((classes_of(root) == VOID) == (blocks(*values) == 255)).all()


def test_even_grey_levels(plant_masks: Plant) -> None:
    root = plant_masks([blocks(0, 85, 170, 255, seed=n) for n in range(3)])
    assert reading_of(root).classes == ("class 0", "class 85", "class 170", "class 255")


def narrow_png(path: Path, mask: np.ndarray, bits: int) -> None:
    """A grey PNG of 2 or 4 bits a pixel (Pillow reads these but does not write them)."""
    height, width = mask.shape
    packed = np.packbits(np.unpackbits(mask[:, :, None], axis=2)[:, :, 8 - bits :].reshape(height, -1), axis=1)
    rows = b"".join(b"\0" + row.tobytes() for row in packed)

    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("bits", [2, 4])
def test_narrow_png(bits: int, plant_masks: Plant) -> None:
    """Pillow spreads 2 and 4 bit over 0..255; the class numbers are wanted as stored."""
    root = plant_masks([blocks(0, 1, 2, 3, seed=n) for n in range(3)])
    for number in range(3):
        narrow_png(root / "masks" / f"{number}.png", blocks(0, 1, 2, 3, seed=number), bits)
    assert reading_of(root).classes == ("class 0", "class 1", "class 2", "class 3")
    assert (classes_of(root) == blocks(0, 1, 2, 3)).all()


def test_sixteen_bit_class_numbers(plant_masks: Plant) -> None:
    root = plant_masks([blocks(0, 1, 2, seed=n, dtype="uint16") for n in range(5)])
    reading = reading_of(root)
    assert (reading.instances, len(reading.classes)) == (False, 3)


def test_float_and_signed_masks(plant_masks: Plant) -> None:
    root = plant_masks([blocks(0, 1, 2, seed=n).astype(np.float32) for n in range(3)], ".tif")
    assert (classes_of(root) == blocks(0, 1, 2)).all()


def test_minus_one_is_void(plant_masks: Plant) -> None:
    root = plant_masks([blocks(0, 1, -1, seed=n, dtype="int16") for n in range(3)], ".npy")
    assert ((classes_of(root) == VOID) == (blocks(0, 1, -1, dtype="int16") == -1)).all()


def test_trimap(plant_masks: Plant) -> None:
    """Oxford-IIIT Pet: 1 is the animal, 2 the ground, 3 the rim."""
    picture = Image.new("L", (48, 48), 2)
    ImageDraw.Draw(picture).ellipse((10, 10, 38, 38), fill=1, outline=3, width=3)
    root = plant_masks([np.asarray(picture)] * 2)
    reading = reading_of(root)
    assert (reading.classes, reading.background) == (("background", "foreground"), 0)
    assert "trimap" in reading.description
    classes = classes_of(root)
    assert (classes[24, 24], classes[0, 0], classes[24, 11]) == (1, 0, VOID)


def test_foreground_of_many(plant_masks: Plant) -> None:
    root = plant_masks([blocks(0, 1, 2, 3, seed=n) for n in range(3)])
    reading = reading_of(root, foreground="2")
    assert reading.classes == ("background", "class 2")
    assert ((classes_of(root, foreground="2") == 1) == (blocks(0, 1, 2, 3) == 2)).all()


# ------------------------------------------------------------------------------------------------- palettes, colours

VOC_PALETTE = [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0, 0, 0, 128, 128, 0, 128]


def test_voc_palette(plant_masks: Plant) -> None:
    palette = [*VOC_PALETTE, *[7] * (3 * 255 - len(VOC_PALETTE)), 224, 224, 192]
    root = plant_masks([blocks(0, 2, 5, 255, seed=1), blocks(0, 1, 255, seed=2)], palette=palette)
    reading = reading_of(root)
    assert reading.kind == "palette"
    assert reading.classes == ("class 0", "class 1", "class 2", "class 5")
    assert reading.void_values == (255,)


def test_palettes_that_differ_are_read_as_colours(plant_masks: Plant, write: Callable[..., Path]) -> None:
    """Quantised files number their colours as they come; only the colours agree."""
    root = plant_masks([blocks(0, 1, 2)], palette=[0, 0, 0, 255, 0, 0, 0, 255, 0])
    write(root / "images" / "1.png", np.random.default_rng(9).integers(0, 255, (32, 32, 3), dtype=np.uint8))
    write(root / "masks" / "1.png", blocks(0, 2, 1), [0, 0, 0, 0, 255, 0, 255, 0, 0])
    reading = reading_of(root)
    assert reading.kind == "colours"
    assert reading.classes == ("#000000", "#00ff00", "#ff0000")
    assert (classes_of(root, 0) == classes_of(root, 1)).all()


def paint(mask: np.ndarray, colours: dict[int, tuple[int, ...]]) -> np.ndarray:
    picture = np.zeros((*mask.shape, len(next(iter(colours.values())))), np.uint8)
    for value, colour in colours.items():
        picture[mask == value] = colour
    return picture


COLOURS = {0: (128, 128, 128), 1: (128, 0, 0), 2: (0, 0, 0)}


def test_colours_without_a_list(plant_masks: Plant) -> None:
    root = plant_masks([paint(blocks(0, 1, 2, seed=n), COLOURS) for n in range(3)])
    reading = reading_of(root)
    assert (reading.kind, reading.classes) == ("colours", ("#000000", "#800000", "#808080"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("class_dict.csv", "name,r,g,b\nSky,128,128,128\nBuilding,128,0,0\nVoid,0,0,0\n"),
        ("label_colors.txt", "# colours\n128 128 128\tSky\n128 0 0\t\tBuilding // walls\n\n0 0 0\t\tVoid\n"),
        ("labelmap.txt", "# label:color_rgb:parts:actions\nSky:128,128,128::\nBuilding:128,0,0::\nVoid:0,0,0::\n"),
        ("classes.json", '{"Sky": [128, 128, 128], "Building": [128, 0, 0], "Void": [0, 0, 0]}'),
        ("classes.txt", "#808080 Sky\n#800000 Building\n#000000 Void\n"),
    ],
)
def test_colour_tables(name: str, text: str, plant_masks: Plant) -> None:
    root = plant_masks([paint(blocks(0, 1, 2, seed=n), COLOURS) for n in range(3)])
    (root / name).write_text(text)
    reading = reading_of(root)
    assert (reading.classes, reading.background, reading.void_values) == (("Sky", "Building"), None, (0,)) or (
        reading.classes == ("Sky", "Building") and reading.void_values == (0,)
    )
    assert ((classes_of(root) == VOID) == (blocks(0, 1, 2) == 2)).all()
    assert name in reading.description


def test_colour_that_the_table_lacks(plant_masks: Plant) -> None:
    root = plant_masks([paint(blocks(0, 1, 2, seed=n), COLOURS) for n in range(3)])
    (root / "class_dict.csv").write_text("name,r,g,b\nSky,128,128,128\nBuilding,128,0,0\nCar,1,1,1\n")
    with pytest.raises(DataError, match=r"value #000000 at row \d+, column \d+ is not in class_dict\.csv"):
        check_data(root)


@pytest.mark.parametrize("alpha", ["opaque", "mask", "drawn"])
def test_rgba_masks(alpha: str, plant_masks: Plant) -> None:
    shape = disc()
    opaque = np.full_like(shape, 255)
    grey = {"opaque": shape * 255, "mask": opaque * 0, "drawn": shape * 255}[alpha]
    transparency = {"opaque": opaque, "mask": shape * 255, "drawn": shape * 255}[alpha]
    root = plant_masks([np.dstack([grey, grey, grey, transparency])] * 2)
    assert (classes_of(root) == shape).all()


def test_grey_saved_as_rgb(plant_masks: Plant) -> None:
    root = plant_masks([np.dstack([disc() * 255] * 3)] * 2)
    assert reading_of(root).form == "grey"


def test_two_colours(plant_masks: Plant) -> None:
    root = plant_masks([paint(disc(), {0: (0, 0, 0), 1: (255, 0, 0)})] * 2)
    assert (classes_of(root) == disc()).all()


@pytest.mark.parametrize("count", [2, 3])
def test_smeared_colours_are_read_as_the_nearest(count: int, plant_masks: Plant) -> None:
    """Masks painted in colours and saved as JPEG."""
    mask = np.zeros((64, 64), np.uint8)
    mask[8:40, 8:40] = 1
    mask[44:60, 20:60] = count - 1
    painted = paint(mask, {0: (0, 0, 0), 1: (255, 0, 0), 2: (0, 255, 0)})
    root = plant_masks([painted, painted[::-1]], ".jpg", quality=90, subsampling=0)
    reading = reading_of(root)
    assert (reading.kind, reading.nearest, len(reading.classes)) == ("colours", True, count)
    order = mask if count == 2 else np.array([0, 2, 1])[mask]  # green has the lesser number
    assert (classes_of(root) == order).mean() > 0.98
    (root / "class_dict.csv").write_text("name,r,g,b\nblack,0,0,0\nred,255,0,0\ngreen,0,255,0\n")
    assert reading_of(root).classes == ("black", "red", "green")


def test_some_files_with_1_and_some_with_255(plant_masks: Plant) -> None:
    audit = check_data(plant_masks([disc(), disc(radius=8) * 255, disc(radius=9) * 255]))
    assert (read_mask(audit.pairs[0], audit.reading).classes == disc()).all()
    assert audit.reading.classes == ("background", "foreground")
    assert [problem.where for problem in audit.of_severity("warning")] == ["masks/0.png"]


def test_many_class_numbers_with_gaps(plant_masks: Plant) -> None:
    """ADE20K: 150 classes, each image has some of them."""
    masks = [blocks(0, *range(3 + n, 150, 17), side=64, seed=n) for n in range(3)]
    assert reading_of(plant_masks(masks)).kind == "values"


# ------------------------------------------------------------------------------------------------- class lists


@pytest.mark.parametrize(
    ("name", "text", "classes", "void"),
    [
        ("classes.txt", "0 soil\n1 leaf\n2 stone\n3 void\n", ("soil", "leaf", "stone"), (3,)),
        ("classes.txt", "soil\nleaf\nstone\nignore\n", ("soil", "leaf", "stone"), (3,)),
        ("classes.txt", "leaf\nstone\nroot\n", ("background", "leaf", "stone", "root"), ()),
        (
            "_classes.csv",
            "Pixel Value, Class\n0, background\n1, leaf\n2, stone\n3, root\n",
            ("background", "leaf", "stone", "root"),
            (),
        ),
        ("classes.json", '["soil", "leaf", "stone", "root"]', ("soil", "leaf", "stone", "root"), ()),
        (
            "classes.json",
            '{"0": "soil", "1": "leaf", "2": "stone", "3": "root"}',
            ("soil", "leaf", "stone", "root"),
            (),
        ),
        (
            "dataset.json",
            '{"labels": {"background": 0, "leaf": 1, "stone": 2, "root": 3}}',
            ("background", "leaf", "stone", "root"),
            (),
        ),
        ("labels.txt", "1: big leaf\n2: stone\n3: root\n", ("background", "big leaf", "stone", "root"), ()),
    ],
)
def test_class_lists(name: str, text: str, classes: tuple[str, ...], void: tuple[int, ...], plant_masks: Plant) -> None:
    root = plant_masks([blocks(0, 1, 2, 3, seed=n) for n in range(3)])
    (root / name).write_text(text)
    reading = reading_of(root)
    assert (reading.classes, reading.void_values) == (classes, void)


def test_list_for_two_values(plant_masks: Plant) -> None:
    root = plant_masks([disc() * 255] * 2)
    (root / "classes.txt").write_text("soil\nleaf\n")
    assert reading_of(root).classes == ("soil", "leaf")
    (root / "classes.txt").write_text("leaf\n")
    assert reading_of(root).classes == ("background", "leaf")


def test_list_for_smeared_values(plant_masks: Plant) -> None:
    root = plant_masks([disc() * 255] * 2, ".jpg", quality=60)
    (root / "classes.txt").write_text("background\nleaf\n")
    assert (reading_of(root).kind, reading_of(root).classes) == ("threshold", ("background", "leaf"))


def test_list_of_something_else_is_passed_over(plant_masks: Plant) -> None:
    root = plant_masks([disc() * 255] * 2)
    (root / "classes.txt").write_text("a\nb\nc\nd\n")
    (root / "labels.txt").write_bytes(b"\xff\xfe\x00")
    (root / "labels.csv").write_text("id,label\n0,0\n1,1\n")
    (root / "label.csv").write_text("id,label\nx.png,0\ny.png,255\n")
    (root / "names.txt").write_text("first 0\nsecond 0\nthird 255\n")
    assert reading_of(root).classes == ("background", "foreground")


def test_more_classes_than_seen_are_kept(plant_masks: Plant) -> None:
    root = plant_masks([blocks(0, 1, seed=n) for n in range(3)])
    (root / "classes.txt").write_text("0 soil\n1 leaf\n2 stone\n")
    assert reading_of(root).classes == ("soil", "leaf", "stone")


# ------------------------------------------------------------------------------------------------- instances


@pytest.mark.parametrize("dtype", ["uint16", "uint8"])
def test_instance_labels(dtype: str, plant_masks: Plant) -> None:
    root = plant_masks([cells(count, dtype=dtype, seed=count) for count in (5, 9, 14, 22)])
    audit = check_data(root)
    assert (audit.reading.kind, audit.reading.instances) == ("labels", True)
    assert [facts.objects for facts in audit.facts.values()] == [5, 9, 14, 22]
    mask = read_mask(audit.pairs[1], audit.reading)
    assert mask.labels is not None
    assert (mask.labels == cells(9, seed=9)).all()
    assert (mask.classes == (mask.labels > 0)).all()


def test_instance_labels_of_one_image(plant_masks: Plant) -> None:
    assert reading_of(plant_masks([cells(40)])).kind == "labels"


def test_track_numbers_are_instances(plant_masks: Plant) -> None:
    """Cell Tracking Challenge: numbers go on over the frames and have gaps."""
    masks = [cells(6 + n % 3, seed=n) * 3 + np.uint16(0) for n in range(6)]
    masks = [np.where(mask > 0, mask + n, 0).astype(np.uint16) for n, mask in enumerate(masks)]
    assert reading_of(plant_masks(masks, ".tif")).kind == "labels"


def test_objects_in_colours(plant_masks: Plant) -> None:
    rng = np.random.default_rng(0)
    colours = {n: tuple(int(c) for c in rng.integers(20, 255, 3)) for n in range(1, 60)} | {0: (0, 0, 0)}
    root = plant_masks([paint(cells(count, seed=count), colours) for count in (20, 31, 44)])
    audit = check_data(root)
    assert audit.reading.kind == "labels"
    assert [facts.objects for facts in audit.facts.values()] == [20, 31, 44]


def test_few_numbers_of_single_pieces_are_refused(plant_masks: Plant) -> None:
    root = plant_masks([cells(3, dtype="uint8", seed=n) for n in range(2)])
    with pytest.raises(DataError, match="--mask-kind classes or --mask-kind instances"):
        check_data(root)
    assert reading_of(root, mask_kind="instances").kind == "labels"
    assert len(reading_of(root, mask_kind="classes").classes) == 4


def test_one_file_an_object(tmp_path: Path, write: Callable[..., Path]) -> None:
    big, small = np.zeros((32, 32), np.uint8), np.zeros((32, 32), np.uint8)
    big[2:20, 2:20], small[18:24, 18:24] = 255, 255
    for name in ("aa", "bb"):
        write(
            tmp_path / name / "images" / f"{name}.png",
            np.random.default_rng(len(name)).integers(0, 255, (32, 32), np.uint8),
        )
        write(tmp_path / name / "masks" / "1.png", big)
        write(tmp_path / name / "masks" / "2.png", small)
    audit = check_data(tmp_path)
    mask = read_mask(audit.pairs[0], audit.reading)
    assert audit.reading.kind == "objects"
    assert mask.labels is not None
    assert [int((mask.labels == n).sum()) for n in (1, 2)] == [18 * 18 - 4, 36]  # the smaller one wins where both are


# ------------------------------------------------------------------------------------------------- reading later


def test_unknown_value_later(plant_masks: Plant, write: Callable[..., Path]) -> None:
    root = plant_masks([blocks(0, 1, 2, seed=n) for n in range(3)])
    (root / "classes.txt").write_text("0 soil\n1 leaf\n2 stone\n")
    audit = check_data(root)
    odd = blocks(0, 1)
    odd[12, 30] = 3
    write(root / "masks" / "0.png", odd)
    with pytest.raises(DataError) as caught:
        read_mask(audit.pairs[0], audit.reading)
    assert "value 3 at row 12, column 30 is no class (0 soil, 1 leaf, 2 stone). Repaint it" in str(caught.value)


def test_damaged_record() -> None:
    with pytest.raises(DataError, match="damaged"):
        MaskReading.from_dict({"kind": "values"})
