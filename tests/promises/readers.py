"""Every reader of files that strangers write: valid files to begin with, and what handful does with one."""

from __future__ import annotations

import base64
import io
import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import tifffile
from mutations import spoil, spoil_value
from PIL import Image

Make = Callable[[], list[bytes]]
SIDE = 24


@dataclass(frozen=True)
class Reader:
    """valid: makes files; read: what handful does with one; change: other ways to spoil it than by its bytes."""

    name: str
    file: str
    valid: Callable[[], list[bytes]]
    read: Callable[[Path], Any]
    change: Callable[[bytes, Random], bytes] | None = None

    @property
    def plain_name(self) -> str:
        """The name as a file's or a folder's."""
        return self.name.replace(" ", "_").replace(",", "")

    def spoilt(self, rng: Random) -> bytes:
        files = self.files()
        raw = files[rng.randrange(len(files))]
        if self.change is not None and rng.random() < 0.7:
            return self.change(raw, rng)
        return spoil(raw, rng, files)

    def files(self) -> list[bytes]:
        return _files(self.valid)


@cache
def _files(valid: Make) -> list[bytes]:
    return valid()


READERS: dict[str, Reader] = {}


def add(name: str, file: str, valid: Make, read: Callable[[Path], Any], change: Any = None) -> None:
    READERS[name] = Reader(name, file, valid, read, change)


# ---- pictures


def grey(kind: str = "u1", seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 200, (SIDE, SIDE + 3)).astype(kind)


def save(picture: Image.Image, kind: str, **more: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **more)
    return out.getvalue()


def pictures(kind: str, modes: str) -> Make:
    def make() -> list[bytes]:
        turned = Image.Exif()
        turned[0x0112] = 6
        more: dict[str, Any] = {"exif": turned} if kind in ("JPEG", "PNG", "WEBP") else {}
        base = Image.fromarray(grey())
        made = [save(base.convert(mode), kind, **more) for mode in modes.split()]
        if kind == "PNG":
            made.append(save(Image.fromarray(grey("u2")), kind))
            made.append(save(base.convert("P"), kind, transparency=3))
        return made

    return make


def read_whole(path: Path) -> None:
    """As an image, as a mask, by windows, and all that is asked of a file beside its pixels."""
    from handful.data.decode import ImageFile, count_pages, picture_size
    from handful.data.image import read_picture
    from handful.data.maskfile import read_raw_mask, tally_mask
    from handful.data.pairs import Pair
    from handful.data.pixelsize import read_pixel_size
    from handful.data.windows import open_windows

    file = ImageFile(path)
    count_pages(path)
    read_pixel_size(path)
    one_after_another(
        lambda: read_picture(file),
        lambda: read_picture(ImageFile(path, 1)),
        lambda: picture_size(file),
        lambda: tally_mask(read_raw_mask(Pair("a", file, (file,))), "a"),
        lambda: read_windows(file),
        lambda: open_windows(file, memory=1 << 16).__exit__(None, None, None),
    )


def one_after_another(*calls: Callable[[], Any]) -> None:
    """Each, though the one before it refused the file; the first refusal is raised where all refuse."""
    from handful.errors import HandfulError

    refusals: list[HandfulError] = []
    for call in calls:
        try:
            call()
        except HandfulError as error:
            refusals.append(error)
    if refusals and len(refusals) == len(calls):
        raise refusals[0]


def read_windows(file: Any) -> None:
    from handful.data.windows import open_windows

    with open_windows(file) as windows:
        for _ in windows.bands():
            pass


add("png", "a.png", pictures("PNG", "1 L LA P RGB RGBA"), read_whole)
add("jpeg", "a.jpg", pictures("JPEG", "L RGB CMYK"), read_whole)
add("bmp", "a.bmp", pictures("BMP", "1 L P RGB"), read_whole)
add("gif", "a.gif", pictures("GIF", "L P"), read_whole)
add("webp", "a.webp", pictures("WEBP", "RGB RGBA"), read_whole)
add("pnm", "a.ppm", pictures("PPM", "1 L RGB"), read_whole)


def tiffs() -> list[bytes]:
    def write(pixels: np.ndarray, **more: Any) -> bytes:
        out = io.BytesIO()
        tifffile.imwrite(out, pixels, **more)
        return out.getvalue()

    flat, wide = grey(), grey("u2")
    colours = np.stack([flat, flat[::-1], flat], -1)
    palette = np.random.default_rng(0).integers(0, 65535, (3, 256)).astype("u2")
    return [
        write(flat),
        write(wide, byteorder=">"),
        write(flat, compression="zlib", predictor=True),
        write(wide, tile=(16, 16), compression="zlib"),
        write(np.stack([flat] * 3), photometric="minisblack", imagej=True, resolution=(2.0, 2.0)),
        write(np.stack([wide] * 4), photometric="minisblack", ome=True, metadata={"axes": "ZYX", "PhysicalSizeX": 0.3}),
        write(colours, photometric="rgb", planarconfig="separate"),
        write(np.dstack([colours, flat]), photometric="rgb", extrasamples=["unassalpha"]),
        write(flat, photometric="palette", colormap=palette),
        write(flat > 90, photometric="miniswhite"),
        write(flat.astype("f4") / 255, bigtiff=True),
        save(Image.fromarray(flat), "TIFF", compression="tiff_lzw"),
        save(Image.fromarray(colours), "TIFF", compression="jpeg"),
    ]


add("tiff", "a.tif", tiffs, read_whole)


def arrays() -> list[bytes]:
    made = []
    for pixels in (grey(), grey("u2"), np.stack([grey()] * 3), grey("f8"), grey() > 90, np.dstack([grey()] * 3)):
        out = io.BytesIO()
        np.save(out, pixels)
        made.append(out.getvalue())
    return made


add("npy", "a.npy", arrays, read_whole)


def matlab() -> list[bytes]:
    from scipy.io import savemat

    def write(compress: bool, **content: Any) -> bytes:
        out = io.BytesIO()
        savemat(out, content, do_compression=compress)
        return out.getvalue()

    person = np.zeros((1, 1), [("Segmentation", object), ("Boundaries", object)])
    person[0, 0] = (grey("u2"), (grey() > 150).astype("u1"))
    cell = np.empty((1, 2), object)
    cell[0, 0] = cell[0, 1] = person
    return [
        write(False, mask=grey("u1") // 100),
        write(True, inst_map=grey("f8") // 50, type="x"),
        write(False, groundTruth=cell),
        write(True, groundTruth=cell),
    ]


def read_matlab(path: Path) -> None:
    from handful.data.decode import ImageFile
    from handful.data.maskfile import read_annotators, read_raw_mask, tally_mask
    from handful.data.pairs import Pair

    file = ImageFile(path)
    one_after_another(
        lambda: tally_mask(read_raw_mask(Pair("a", file, (file,))), "a"),
        lambda: read_annotators(path),
    )


add("mat", "a.mat", matlab, read_matlab)

# ---- annotations


def change_json(raw: bytes, rng: Random) -> bytes:
    return json.dumps(spoil_value(json.loads(raw), rng)).encode()


def as_json(*contents: Any) -> Make:
    return lambda: [json.dumps(one).encode() for one in contents]


def read_drawn(path: Path) -> None:
    """A folder of one image beside these annotations, up to its masks."""
    from handful.data.maskfile import read_raw_mask, tally_mask
    from handful.data.pairs import find_pairs

    image = path.with_name("image.png")
    if not image.exists():
        Image.fromarray(grey()).save(image)
    for pair in find_pairs(path.parent).pairs:
        tally_mask(read_raw_mask(pair), pair.name)


BOX = [3.0, 4.0, 15.0, 4.0, 15.0, 18.5, 3.0, 18.0]
POINTS = [[3.0, 4.0], [15.0, 4.5], [15.0, 18.0], [3.0, 17.0]]
COCO = {
    "images": [
        {"id": 1, "file_name": "image.png", "height": SIDE, "width": SIDE + 3},
        {"id": 2, "file_name": "b.png", "height": SIDE, "width": SIDE + 3},
    ],
    "categories": [{"id": 1, "name": "cell"}, {"id": 7, "name": "leaf"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [BOX], "iscrowd": 0, "bbox": [3, 4, 12, 14]},
        {"id": 2, "image_id": 1, "category_id": 7, "segmentation": [BOX, [1, 1, 5, 1, 5, 5]], "iscrowd": 0},
        {
            "id": 3,
            "image_id": 2,
            "category_id": 1,
            "segmentation": {"size": [SIDE, SIDE + 3], "counts": [100, 20, SIDE * (SIDE + 3) - 120]},
            "iscrowd": 1,
        },
    ],
}
add("coco", "a.json", as_json(COCO), read_drawn, change_json)


def labelme() -> list[bytes]:
    inside = base64.b64encode(save(Image.fromarray(grey()[:6, :5] > 90), "PNG")).decode()
    shapes = [
        {"label": "cell", "points": POINTS, "shape_type": "polygon", "group_id": None},
        {"label": "cell", "points": POINTS[:2], "shape_type": "rectangle", "group_id": 3},
        {"label": "leaf", "points": POINTS[:2], "shape_type": "circle", "group_id": 3},
        {"label": "leaf", "points": [[2, 3], [6, 8]], "shape_type": "mask", "mask": inside},
    ]
    content = {"imagePath": "image.png", "imageHeight": SIDE, "imageWidth": SIDE + 3, "shapes": shapes}
    return [json.dumps(content).encode()]


add("labelme", "a.json", labelme, read_drawn, change_json)


def label_studio() -> list[bytes]:
    about = {"original_width": SIDE + 3, "original_height": SIDE, "image_rotation": 0}
    count = SIDE * (SIDE + 3) * 4
    # Sizes of 12 bits; half of the values 0, half 255.
    half = f"100{count // 2 - 1:012b}"
    bits = f"{count:032b}{7:05b}{4 * f'{11:04b}'}{half}{0:08b}{half}{255:08b}"
    bits += "0" * (-len(bits) % 8)
    packed = [int(bits[place : place + 8], 2) for place in range(0, len(bits), 8)]
    brush = {"format": "rle", "rle": packed, "brushlabels": ["leaf"]}
    box = {"x": 10, "y": 10, "width": 50, "height": 30, "rotation": 20, "rectanglelabels": ["cell"]}
    round_one = {"x": 50, "y": 50, "radiusX": 20, "radiusY": 10, "rotation": 0, "ellipselabels": ["cell"]}
    results = [
        {"id": "a", "type": "polygonlabels", "value": {"points": POINTS, "polygonlabels": ["cell"]}, **about},
        {"id": "b", "type": "rectanglelabels", "value": box, **about},
        {"id": "c", "type": "ellipselabels", "value": round_one, **about},
    ]
    made = []
    for result in (results, [{"id": "d", "type": "brushlabels", "value": brush, **about}]):
        task = {"id": 1, "data": {"image": "/data/upload/1/image.png"}, "annotations": [{"result": result}]}
        made.append(json.dumps([task]).encode())
    return made


add("label studio", "a.json", label_studio, read_drawn, change_json)


def cvat() -> list[bytes]:
    runs = f"10,20,{12 * 10 - 30}"
    return [
        f"""<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version><meta><task><labels>
        <label><name>cell</name></label><label><name>leaf</name></label></labels></task></meta>
        <image id="0" name="image.png" width="{SIDE + 3}" height="{SIDE}">
        <polygon label="cell" points="3.0,4.0;15.0,4.0;15.0,18.0" z_order="1"></polygon>
        <box label="leaf" xtl="1" ytl="1" xbr="9" ybr="8" rotation="30" z_order="0"></box>
        <ellipse label="leaf" cx="9" cy="9" rx="4" ry="3" z_order="0"></ellipse>
        <mask label="cell" rle="{runs}" left="2" top="3" width="12" height="10" z_order="0"></mask>
        <points label="cell" points="1,1"></points></image></annotations>""".encode()
    ]


def change_xml(raw: bytes, rng: Random) -> bytes:
    """A value between quotes exchanged, or a tag doubled."""
    from mutations import ODD

    pieces = raw.decode().split('"')
    for _ in range(rng.randint(1, 3)):
        pieces[rng.randrange(len(pieces) // 2) * 2 + 1] = str(rng.choice(ODD)).replace("\ud800", "?")
    return '"'.join(pieces).encode()


add("cvat", "a.xml", cvat, read_drawn, change_xml)


def regions() -> list[bytes]:
    from roifile import ROI_TYPE, ImagejRoi

    outline = ImagejRoi.frompoints(np.array(POINTS, "f4"), name="cell 1")
    rectangle = ImagejRoi(roitype=ROI_TYPE.RECT, left=2, top=3, right=9, bottom=12, name="leaf 1", group=2)
    oval = ImagejRoi(roitype=ROI_TYPE.OVAL, left=2, top=3, right=9, bottom=12, name="leaf 2", group=2)
    several = ImagejRoi.frompoints(np.array(POINTS), name="a")
    return [one.tobytes() for one in (outline, rectangle, oval, several)]


def region_zips() -> list[bytes]:
    made = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as archive:
            for number, raw in enumerate(regions()):
                archive.writestr(f"../../{number}.roi", raw)
        made.append(out.getvalue())
    return made


add("roi", "image.roi", regions, read_drawn)
add("roi zip", "image.zip", region_zips, read_drawn)


def read_classes(path: Path) -> None:
    from handful.data.classlist import find_class_lists, read_class_list

    find_class_lists([path.parent])
    read_class_list(path)


CLASSES = {"labels": {"background": 0, "cell": 1, "leaf": [255, 0, 0], "x": {"id": 4, "color": "#00ff00"}}}
add("classes.json", "classes.json", as_json(CLASSES, [{"name": "a", "id": 1}]), read_classes, change_json)
add(
    "classes.txt", "classes.txt", lambda: [b"0 background\n1 cell\n64 128 64 leaf # green\n#ff0000 red\n"], read_classes
)
add("classes.csv", "classes.csv", lambda: [b"name,r,g,b\ncell,0,0,255\nleaf,0,255,0\n"], read_classes)

# ---- TOML


def settings_files() -> list[bytes]:
    return [SETTINGS.encode()]


SETTINGS = """task = "semantic"
scale = "factor 0.5"
normalisation = "image"
net = "quick"
net_settings = {width = 8, depth = 2}
loss = "cross_entropy+dice"
loss_settings = {}
patch = [64, 64]
batch = 4
optimiser = "muon"
learning_rate = 0.02
precision = "float32"
seed = 0
[geometry]
rotation = 180.0
zoom = 1.5
flip = true
[colour]
brightness = 0.3
"""


def read_plan(path: Path) -> None:
    """As `handful train --settings` does, up to the plan."""
    from handful.verbs.asked import check_asked
    from handful.verbs.settings_file import read_settings

    check_asked(read_settings(path), device="cpu")


def change_toml(raw: bytes, rng: Random) -> bytes:
    """A value behind an equals sign exchanged."""
    from mutations import ODD

    lines = raw.decode().split("\n")
    for _ in range(rng.randint(1, 3)):
        number = rng.randrange(len(lines))
        name, sign, _ = lines[number].partition(" = ")
        if sign:
            value = rng.choice([one for one in ODD if not isinstance(one, dict)])
            text = "nan" if value != value else str(value) if isinstance(value, float) else json.dumps(value)
            lines[number] = name + sign + text.replace("null", '""')
    return "\n".join(lines).encode("utf-8", "replace")


add("settings.toml", "settings.toml", settings_files, read_plan, change_toml)

COMPARISON = """title = "A comparison"
about = ["words"]
seconds = 20
score = "dice"
measures = ["objects"]
apply = ["pictures"]
[data]
synth = "shapes"
count = 8
seed = 1
[split]
test = 0.3
seed = 0
[settings]
net = "quick"
[axes]
loss = ["dice", {label = "two", loss = "cross_entropy", seconds = 5}]
seed = [0, 1]
[starts.other]
data = "elsewhere"
seconds = 10
[tests.more]
data = {synth = "shapes", count = 3}
part = "test"
[[probes]]
name = "contrast"
setting = "contrast"
values = [0.1, 0.2]
data = {synth = "shapes", count = 3}
"""


def read_comparison(path: Path) -> None:
    from handful.experiments.file import read_experiment

    read_experiment(path)


add("comparison.toml", "comparison.toml", lambda: [COMPARISON.encode()], read_comparison, change_toml)

# ---- models and what runs leave


def models() -> list[bytes]:
    """The net of a few channels that calls bright what is bright, as tasks of both kinds."""
    import tempfile

    from bright import save_bright_model

    with tempfile.TemporaryDirectory() as folder:
        return [save_bright_model(Path(folder) / "model.safetensors").read_bytes()]


def change_card(raw: bytes, rng: Random) -> bytes:
    """The card or the header around it changed as JSON, the file whole again."""
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    if rng.random() < 0.8:
        card = spoil_value({**json.loads(header["__metadata__"]["handful"]), **FULL_CARD}, rng)
        header["__metadata__"]["handful"] = json.dumps(card)
    else:
        header = spoil_value(header, rng)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + raw[8 + length :]


# Parts that the model of these tests does not have, and a trained one does.
FULL_CARD = {
    "threshold": 0.4,
    "bridge": 0.2,
    "temperature": 1.2,
    "object_confidence": {"slope": 1.0, "offset": 0.1},
    "scale": {"kind": "factor", "value": 0.5},
    "postprocessing": {"min_size": 4, "smoothing": 1.0, "h": 0.5},
    "likeness": {"images": [[0.1, 0.2], [0.3, 0.1]], "unlike": 2.0},
    "training": {"seconds": 20.0, "steps": 3, "seed": 0, "images": {"a": "b"}, "versions": {"torch": "2"}, "known": {}},
    "reading": {"description": "words"},
    "scores": {"scores": {"dice_per_image": {"value": 0.5, "low": 0.4, "high": 0.6, "n": 3}}, "images": []},
}


def read_model(path: Path) -> None:
    """Described, and used on a picture with everything that can be written."""
    from handful.modelfile import describe_model
    from handful.outputs.prediction import SAVED
    from handful.verbs.predict import predict

    image = path.with_name("image.png")
    if not image.exists():
        Image.fromarray(grey()).save(image)
    one_after_another(
        lambda: describe_model(path),
        lambda: predict(path, [image], out=path.with_name("out"), save=SAVED, overwrite=True),
    )


add("model", "model.safetensors", models, read_model, change_card)


SPLIT = {
    "reason": "by chance",
    "seed": 0,
    "outside": False,
    "leaks": [],
    "train": [{"name": "a", "rows": [0, 24], "columns": [0, 27], "content": "ab"}],
    "validation": [],
    "test": [{"name": "b", "rows": [0, 24], "columns": [0, 27], "content": "cd"}],
}


def read_split_again(path: Path) -> None:
    from handful.verbs.runfolder import read_split

    read_split(path.parent)


add("split.json", "split.json", as_json(SPLIT), read_split_again, change_json)


def checkpoints() -> list[bytes]:
    import tempfile

    from training_runs import short_run

    with tempfile.TemporaryDirectory() as folder:
        run = short_run()
        run.take_step()
        run.save(Path(folder) / "checkpoint.safetensors")
        return [(Path(folder) / "checkpoint.safetensors").read_bytes()]


def change_facts(raw: bytes, rng: Random) -> bytes:
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    facts = spoil_value(json.loads(header["__metadata__"]["facts"]), rng)
    header["__metadata__"]["facts"] = json.dumps(facts)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + raw[8 + length :]


def go_on(path: Path) -> None:
    """As --resume does: take up the state and train on for two steps."""
    from training_runs import short_run

    from handful.training.loop import fit

    fit(short_run(), checkpoint=path, resume=True)


add("checkpoint", "checkpoint.safetensors", checkpoints, go_on, change_facts)

STATE = [0, 10**18]  # size and time of the image
WORK = {"model": "ab", "save": ["mask"], "flips": False, "precision": "auto", "device": "cpu"}


def begun_work(path: Path) -> None:
    from handful.data.decode import ImageFile
    from handful.verbs.journal import FOLDER, Journal

    folder = path.parent / FOLDER
    folder.mkdir(exist_ok=True)
    for name in ("work.json", "done.jsonl"):
        content = path.read_bytes() if path.name == name else json.dumps(WORK).encode() if name == "work.json" else b""
        (folder / name).write_bytes(content)
    image = path.with_name("image.png")
    image.touch()
    os.utime(image, ns=(STATE[1], STATE[1]))
    journal = Journal(path.parent)
    if journal.start(WORK, resume=True) and (written := journal.done(ImageFile(image), "image")) is not None:
        len(written.entry["messages"])


def done_lines() -> list[bytes]:
    """A line about an empty image.png in the working folder."""
    entry = {"name": "image", "files": {}, "messages": []}
    line = {"key": f"image|{Path('image.png').resolve()}|None", "state": STATE, "entry": entry, "lists": {}}
    return [json.dumps(line).encode() + b"\n"]


def change_line(raw: bytes, rng: Random) -> bytes:
    return change_json(raw, rng) + b"\n"


add("journal, work", "work.json", as_json(WORK), begun_work, change_json)
add("journal, done", "done.jsonl", done_lines, begun_work, change_line)


def read_finished(path: Path) -> None:
    from handful.verbs.predict import finished_before

    finished_before(path)


INDEX = {"images": [{"name": "a", "files": {"mask": "masks/a.png"}}], "failed": {"b": "why"}}
add("predictions.json", "predictions.json", as_json(INDEX), read_finished, change_json)


def zarr_stores(version: int) -> Make:
    def make() -> list[bytes]:
        import tempfile

        import zarr

        with tempfile.TemporaryDirectory() as folder:
            store = Path(folder) / "a.zarr"
            array = zarr.create_array(store, shape=(SIDE, 27), chunks=(8, 8), dtype="u1", zarr_format=version)
            array[:] = grey()
            return [(store / ("zarr.json" if version == 3 else ".zarray")).read_bytes()]

    return make


def read_store(path: Path) -> None:
    """The metadata without chunks; its first rows, as a store without chunks may be of any size."""
    from handful.data.decode import ImageFile
    from handful.data.windows import open_windows
    from handful.data.zarrwindows import count_slices

    def first_band() -> None:
        with open_windows(ImageFile(path.parent)) as windows:
            next(windows.bands())

    one_after_another(lambda: count_slices(path.parent), first_band)


add("zarr 3", "zarr.json", zarr_stores(3), read_store, change_json)
add("zarr 2", ".zarray", zarr_stores(2), read_store, change_json)
