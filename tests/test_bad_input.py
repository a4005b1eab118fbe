"""Every kind of bad input ends with one clear message and status 2, without a traceback, with nothing half written.

One test holds them all. A case is a function that makes the input under a folder and gives the command line; the words
behind it must occur in the message, so that it names the file or flag and says what to do.
"""

from __future__ import annotations

import errno
import os
import pickle
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from discs import draw_discs, write_discs
from handful.cli import main
from handful.modelfile import ModelCard, save_model

FEW_WEIGHTS = {"width": 4, "depth": 2}


@dataclass
class Place:
    """Where a case works: `data` is a good labelled folder, `model` a good model file, `out` does not exist yet."""

    root: Path
    model: Path
    patch: pytest.MonkeyPatch
    data: Path = field(init=False)
    out: Path = field(init=False)

    def __post_init__(self) -> None:
        self.out = self.root / "out"
        self.data = write_discs(self.root / "data")

    def image(self, name: str = "disc_0.png") -> Path:
        return self.data / "images" / name

    def mask(self, name: str = "disc_0.png") -> Path:
        return self.data / "masks" / name

    def alone(self) -> Place:
        """Only one pair stays, so that what is wrong with it leaves nothing to train on."""
        for folder in ("images", "masks"):
            for file in (self.data / folder).iterdir():
                if file.stem != "disc_0":
                    file.unlink()
        return self

    def masks(self, change: Callable[[np.ndarray], np.ndarray]) -> None:
        for file in (self.data / "masks").iterdir():
            Image.fromarray(change(np.array(Image.open(file)))).save(file)

    def train(self, *more: object) -> list[str]:
        return ["train", str(self.data), "-o", str(self.out), *map(str, more)]

    def predict(self, *more: object) -> list[str]:
        images = [str(one) for one in more] or [str(self.data / "images")]
        return ["predict", str(self.model), *images, "-o", str(self.out)]

    def evaluate(self, *more: object) -> list[str]:
        return ["evaluate", *map(str, more), "-o", str(self.out)]


Case = Callable[[Place], list[str]]
CASES: dict[str, tuple[Case, tuple[str, ...]]] = {}


def case(*words: str) -> Callable[[Case], Case]:
    """Register a case under its function's name, with words that its message must hold."""

    def register(make: Case) -> Case:
        CASES[make.__name__] = make, words
        return make

    return register


# ------------------------------------------------------------------------------------------ folders and files


@case("nowhere", "no such folder")
def missing_folder(place: Place) -> list[str]:
    return ["train", str(place.root / "nowhere"), "-o", str(place.out)]


@case("dat:", "no such folder", "Did you mean", "data")
def misspelt_folder(place: Place) -> list[str]:
    return ["check", str(place.root / "dat")]


@case("empty", "the folder is empty", "images/ beside masks/")
def empty_folder(place: Place) -> list[str]:
    (place.root / "empty").mkdir()
    return ["train", str(place.root / "empty"), "-o", str(place.out)]


@case("disc_0.png", "is a file", "a folder", "--images")
def a_file_for_a_folder(place: Place) -> list[str]:
    return ["check", str(place.image())]


@case("no data", "--images", "--masks")
def no_data(place: Place) -> list[str]:
    return ["train", "-o", str(place.out)]


@case("no image has a mask of a matching name", "--images GLOB --masks GLOB")
def no_partner(place: Place) -> list[str]:
    for number, file in enumerate(sorted((place.data / "masks").iterdir())):
        file.rename(file.with_name(f"{'kqzvwxyj'[number] * 5}.png"))
    return place.train()


@case("no masks found", "--images GLOB --masks GLOB")
def images_only(place: Place) -> list[str]:
    shutil.rmtree(place.data / "masks")
    return place.train()


@case("holds no image", ".csv")
def a_folder_of_tables(place: Place) -> list[str]:
    shutil.rmtree(place.data)
    place.data.mkdir()
    (place.data / "table.csv").write_text("a,b\n")
    return place.train()


@case("disc_0.png", "64x64", "64x32")
def sizes_that_differ(place: Place) -> list[str]:
    place.alone()
    Image.fromarray(draw_discs(0)[1][:32]).save(place.mask())
    return place.train()


@case("disc_0.png", "text")
def text_renamed_png(place: Place) -> list[str]:
    place.alone().image().write_text("this is no picture\n")
    return place.train()


@case("disc_0.jpg", "cut short")
def truncated_jpeg(place: Place) -> list[str]:
    place.alone().image().unlink()
    file = place.image("disc_0.jpg")
    Image.fromarray(draw_discs(0)[0]).save(file)
    file.write_bytes(file.read_bytes()[:700])
    return place.train()


@case("disc_0.png", "cut short")
def truncated_mask(place: Place) -> list[str]:
    file = place.alone().mask()
    file.write_bytes(file.read_bytes()[:120])
    return place.train()


@case("disc_0.png", "empty")
def zero_byte_file(place: Place) -> list[str]:
    place.alone().image().write_bytes(b"")
    return place.train()


@case("disc_0.png", "1x1", "smallest side")
def one_pixel(place: Place) -> list[str]:
    place.alone()
    for file in (place.image(), place.mask()):
        Image.fromarray(np.zeros((1, 1), np.uint8)).save(file)
    return place.train()


@case("disc_0.png", "20000x3", "smallest side")
def a_hair(place: Place) -> list[str]:
    place.alone()
    for file in (place.image(), place.mask()):
        Image.fromarray(np.tile(np.arange(20000, dtype=np.uint8), (3, 1)) % 2 * 255).save(file)
    return place.train()


@case("disc_0.tif", "NaN", "row 3")
def nan_in_a_tiff(place: Place) -> list[str]:
    place.alone().image().unlink()
    pixels = draw_discs(0)[0].astype(np.float32) / 255
    pixels[3, 4] = np.nan
    tifffile.imwrite(place.image("disc_0.tif"), pixels)
    return place.train()


@case("disc_0.png", "permission")
def no_permission(place: Place) -> list[str]:
    place.alone()
    if os.geteuid():
        place.image().chmod(0)
    else:  # root may read everything: let the system refuse by hand
        refuse(place, "disc_0.png", errno.EACCES)
    return place.train()


# ------------------------------------------------------------------------------------------ masks


@case("masks are empty", "nothing to learn", "disc_0.png")
def all_masks_empty(place: Place) -> list[str]:
    place.masks(np.zeros_like)
    return place.train()


@case("one class only")
def one_class_only(place: Place) -> list[str]:
    place.masks(lambda mask: np.full_like(mask, 255))
    return place.train()


@case("disc_0.png", "7", "--values")
def three_odd_values(place: Place) -> list[str]:
    def scribble(mask: np.ndarray) -> np.ndarray:
        mask[20:40, 20:40] = 7
        return mask

    place.masks(scribble)
    return place.train()


@case("--values", "255=leaf")
def values_that_do_not_occur(place: Place) -> list[str]:
    return place.train("--values", "leaf")


@case("--mask-kind", "sketch", "classes")
def unknown_mask_kind(place: Place) -> list[str]:
    return place.train("--mask-kind", "sketch")


@case("--foreground", "leaf", "background")
def unknown_foreground(place: Place) -> list[str]:
    return place.train("--foreground", "leaf")


@case("--masks is missing", "--images")
def images_without_masks(place: Place) -> list[str]:
    return place.train("--images", "images/*.png")


@case("--images", "nothing/*.png")
def a_glob_that_matches_nothing(place: Place) -> list[str]:
    return place.train("--images", "nothing/*.png", "--masks", "masks/*.png")


# ------------------------------------------------------------------------------------------ what training is told


@case("--seconds 1", "5 or more")
def one_second(place: Place) -> list[str]:
    return place.train("--seconds", 1)


@case("--seconds 0", "5 or more")
def no_seconds(place: Place) -> list[str]:
    return place.train("--seconds", 0)


@case("--seconds nan", "5 or more")
def seconds_not_a_number(place: Place) -> list[str]:
    return place.train("--seconds", "nan")


@case("--seconds", "number")
def seconds_in_words(place: Place) -> list[str]:
    return place.train("--seconds", "soon")


@case("--seconds", "--minutes", "one of them")
def seconds_and_minutes(place: Place) -> list[str]:
    return place.train("--seconds", 60, "--minutes", 1)


@case("--steps -3", "at least 1")
def negative_steps(place: Place) -> list[str]:
    return place.train("--steps", -3)


@case("--net quik", "Did you mean quick?")
def unknown_net(place: Place) -> list[str]:
    return place.train("--net", "quik")


@case("--loss dise", "Did you mean dice?")
def unknown_loss(place: Place) -> list[str]:
    return place.train("--loss", "dise")


@case("--loss", "'x'", "no number")
def a_loss_weighed_by_a_word(place: Place) -> list[str]:
    return place.train("--loss", "x*dice")


@case("--task instance", "Did you mean instances?")
def unknown_task(place: Place) -> list[str]:
    return place.train("--task", "instance")


@case("'tpu'", "auto, cpu or cuda")
def unknown_device(place: Place) -> list[str]:
    return place.train("--device", "tpu")


@case("'cuda'", "no GPU", "auto or cpu")
def a_gpu_where_there_is_none(place: Place) -> list[str]:
    place.patch.setattr("torch.cuda.is_available", lambda: False)
    return place.train("--device", "cuda")


@case("'cuda'", "no GPU", "auto or cpu")
def a_gpu_to_predict_with(place: Place) -> list[str]:
    place.patch.setattr("torch.cuda.is_available", lambda: False)
    return [*place.predict(), "--device", "cuda"]


@case("pach", "Did you mean patch?")
def unknown_setting(place: Place) -> list[str]:
    return place.train("--set", "pach=64")


@case("--set patch", "NAME=VALUE")
def a_setting_without_a_value(place: Place) -> list[str]:
    return place.train("--set", "patch")


@case("patch", "-5", "1 to 16384")
def a_patch_below_nothing(place: Place) -> list[str]:
    return place.train("--set", "patch=-5")


@case("learning_rate", "nan", "expected")
def a_learning_rate_not_a_number(place: Place) -> list[str]:
    return place.train("--set", "learning_rate=nan")


@case("batch", "'many'", "int")
def a_setting_of_another_kind(place: Place) -> list[str]:
    return place.train("--set", "batch=many")


@case("width = -1", "from 1")
def a_net_of_no_width(place: Place) -> list[str]:
    return place.train("--set", "net_settings={width = -1}")


@case("width_of_net")
def a_net_setting_that_does_not_exist(place: Place) -> list[str]:
    return place.train("--set", "net_settings.width_of_net=3")


@case("gone.toml", "cannot be read")
def settings_missing(place: Place) -> list[str]:
    return place.train("--settings", place.root / "gone.toml")


@case("settings.toml", "no TOML")
def settings_not_toml(place: Place) -> list[str]:
    (place.root / "settings.toml").write_text("patch: 64\n")
    return place.train("--settings", place.root / "settings.toml")


@case("--test-fraction 1.5", "less than 1")
def a_fraction_of_one_and_a_half(place: Place) -> list[str]:
    return place.train("--test-fraction", 1.5)


@case("--test-fraction", "--test", "one of them")
def two_ways_to_hold_back(place: Place) -> list[str]:
    return place.train("--test-fraction", 0.3, "--test", write_discs(place.root / "test", 2, first_seed=50))


@case("nothing", "no such folder")
def a_test_folder_that_is_missing(place: Place) -> list[str]:
    return place.train("--test", place.root / "nothing")


@case("test", "classes", "Give masks of the same kind")
def a_test_set_with_other_classes(place: Place) -> list[str]:
    test = write_discs(place.root / "test", 3)
    for number, file in enumerate(sorted((test / "masks").iterdir())):
        mask = np.array(Image.open(file)) // 255
        mask[10 * number + 5 : 10 * number + 20, 40:60] = 2
        mask[45:60, 5:20] = 3
        Image.fromarray(mask).save(file)
    return place.train("--test", test, "--steps", 1)


@case("--resume", "checkpoint.safetensors", "without --resume")
def nothing_to_resume(place: Place) -> list[str]:
    return place.train("--resume")


@case("gone.safetensors", "no such model file")
def a_start_model_that_is_missing(place: Place) -> list[str]:
    return place.train("--init", place.root / "gone.safetensors")


@case("--init", "quick", "unet", "the same net")
def a_start_model_of_another_net(place: Place) -> list[str]:
    return place.train("--init", place.model, "--net", "unet")


# ------------------------------------------------------------------------------------------ where results go


@case("out", "a file is in the way", "-o")
def the_run_is_a_file(place: Place) -> list[str]:
    place.out.write_text("")
    return place.train("--steps", 1)


@case("out", "other things", "thesis.txt", "-o")
def a_run_folder_with_other_things(place: Place) -> list[str]:
    place.out.mkdir()
    (place.out / "thesis.txt").write_text("years of work")
    return place.train("--steps", 1)


@case("out", "a file is in the way", "Name a folder")
def predictions_into_a_file(place: Place) -> list[str]:
    place.out.write_text("")
    return place.predict()


@case("disc_0.png", "already there", "--overwrite")
def predictions_already_there(place: Place) -> list[str]:
    (place.out / "masks").mkdir(parents=True)
    (place.out / "masks" / "disc_0.png").write_bytes(b"mine")
    return place.predict()


@case("scores.json", "already there", "--overwrite")
def scores_already_there(place: Place) -> list[str]:
    place.out.mkdir()
    (place.out / "scores.json").write_bytes(b"{}")
    return place.evaluate(place.model, place.data)


@case("deep", "permission denied", "Name a folder")
def a_read_only_output(place: Place) -> list[str]:
    locked = place.root / "locked"
    locked.mkdir()
    place.out = locked / "deep"
    if os.geteuid():
        locked.chmod(0o500)
    else:
        refuse(place, "deep", errno.EACCES)
    return place.train("--steps", 1)


@case("the disk is full", "Free some space")
def a_full_disk_for_a_run(place: Place) -> list[str]:
    place.out = full_disk(place) / "run"
    return place.train("--steps", 1)


@case("model.safetensors", "the disk is full", "Free some space")
def a_disk_that_fills_up_while_training(place: Place) -> list[str]:
    def no_room(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    place.patch.setattr("os.fsync", no_room)
    return place.train("--steps", 1, "--set", "net_settings={width = 4, depth = 2}")


@case("the disk is full", "Free some space")
def a_full_disk_for_predictions(place: Place) -> list[str]:
    place.out = full_disk(place) / "predictions"
    return place.predict()


# ------------------------------------------------------------------------------------------ models


def model_of(place: Place, content: bytes) -> list[str]:
    place.model = place.root / "spoilt.safetensors"
    place.model.write_bytes(content)
    return place.predict()


@case("gone.safetensors", "no such model file")
def model_missing(place: Place) -> list[str]:
    place.model = place.root / "gone.safetensors"
    return place.predict()


@case("data", "without model.safetensors")
def model_folder_without_a_model(place: Place) -> list[str]:
    place.model = place.data
    return place.predict()


@case("spoilt.safetensors", "begins with zeros", "Copy it again")
def model_of_zeros(place: Place) -> list[str]:
    return model_of(place, bytes(5000))


@case("spoilt.safetensors", "empty")
def model_empty(place: Place) -> list[str]:
    return model_of(place, b"")


@case("spoilt.safetensors", "cut short", "Copy it again")
def model_cut_short(place: Place) -> list[str]:
    return model_of(place, place.model.read_bytes()[:-1000])


@case("spoilt.safetensors", "cut short within its header")
def model_cut_in_its_header(place: Place) -> list[str]:
    return model_of(place, place.model.read_bytes()[:200])


@case("spoilt.safetensors", "pickle")
def model_is_a_pickle(place: Place) -> list[str]:
    return model_of(place, pickle.dumps({"weights": list(range(100))}))


@case("spoilt.safetensors", "zip")
def model_is_a_zip(place: Place) -> list[str]:
    with zipfile.ZipFile(place.root / "model.pt", "w") as archive:
        archive.writestr("data.pkl", b"x" * 100)
    return model_of(place, (place.root / "model.pt").read_bytes())


@case("spoilt.safetensors", "another program", "handful trained")
def model_of_another_program(place: Place) -> list[str]:
    from safetensors.numpy import save

    return model_of(place, save({"weight": np.zeros((3, 3), np.float32)}))


@case("spoilt.safetensors", "format 99", "Update handful")
def model_of_the_future(place: Place) -> list[str]:
    spoilt = place.model.read_bytes().replace(rb"\"format\":1", rb"\"format\":99", 1)
    length = int.from_bytes(spoilt[:8], "little") + 1
    return model_of(place, length.to_bytes(8, "little") + spoilt[8:])


@case("text.txt", "not a")
def describe_a_text(place: Place) -> list[str]:
    (place.root / "text.txt").write_text("dear diary, " * 50)
    return ["describe", str(place.root / "text.txt")]


# ------------------------------------------------------------------------------------------ prediction


@case("five.tif", "5 channels")
def five_channels(place: Place) -> list[str]:
    pixels = np.random.default_rng(0).integers(0, 255, (40, 40, 5), np.uint8)
    tifffile.imwrite(place.root / "five.tif", pixels, photometric="minisblack", planarconfig="contig")
    return place.predict(place.root / "five.tif")


@case("gone.png", "no such file")
def image_missing(place: Place) -> list[str]:
    return place.predict(place.root / "gone.png")


@case("IMAGES")
def no_images(place: Place) -> list[str]:
    return ["predict", str(place.model), "-o", str(place.out)]


@case("out", "-o")
def no_place_for_predictions(place: Place) -> list[str]:
    return ["predict", str(place.model), str(place.image())]


@case("texts", "holds no image")
def a_folder_of_texts(place: Place) -> list[str]:
    (place.root / "texts").mkdir()
    (place.root / "texts" / "a.txt").write_text("a")
    return place.predict(place.root / "texts")


@case("*.png", "matches no picture")
def a_glob_without_pictures(place: Place) -> list[str]:
    return place.predict(place.root / "masks" / "*.png")


@case("report.pdf", "not read", "PNG")
def a_document(place: Place) -> list[str]:
    (place.root / "report.pdf").write_bytes(b"%PDF-1.4")
    return place.predict(place.root / "report.pdf")


@case("disc_0.png", "text")
def only_broken_images(place: Place) -> list[str]:
    for file in (place.data / "images").iterdir():
        file.write_text("this is no picture\n")
    return place.predict()


@case("--save picture", "mask", "overlay")
def unknown_output(place: Place) -> list[str]:
    return [*place.predict(), "--save", "mask,picture"]


@case("--save", "mask")
def nothing_to_save(place: Place) -> list[str]:
    return [*place.predict(), "--save", ""]


# ------------------------------------------------------------------------------------------ evaluation


@case("evaluate", "MODEL", "--predicted")
def evaluate_nothing(place: Place) -> list[str]:
    return place.evaluate()


@case("no data", "--images")
def evaluate_without_data(place: Place) -> list[str]:
    return place.evaluate(place.model)


@case("MODEL", "--predicted")
def evaluate_a_model_and_masks(place: Place) -> list[str]:
    return place.evaluate(place.model, place.data, "--predicted", place.data / "masks")


@case("--predicted", "--true")
def predicted_without_true(place: Place) -> list[str]:
    return place.evaluate("--predicted", place.data / "masks")


@case("nowhere", "no such folder")
def predicted_folder_missing(place: Place) -> list[str]:
    return place.evaluate("--predicted", place.root / "nowhere", "--true", place.data)


@case("disc_0.png", "32x64", "64x64", "size")
def predicted_sizes_that_differ(place: Place) -> list[str]:
    shutil.copytree(place.data / "masks", place.root / "answers")
    Image.fromarray(draw_discs(0)[1][:, :32]).save(place.root / "answers" / "disc_0.png")
    return place.evaluate("--predicted", place.root / "answers", "--true", place.data)


@case("answers", "no file there has the name of an image")
def predicted_names_that_differ(place: Place) -> list[str]:
    (place.root / "answers").mkdir()
    shutil.copy(place.mask(), place.root / "answers" / "zebra.png")
    return place.evaluate("--predicted", place.root / "answers", "--true", place.data)


@case("disc_0.png", "text")
def predicted_masks_that_are_none(place: Place) -> list[str]:
    shutil.copytree(place.data / "masks", place.root / "answers")
    (place.root / "answers" / "disc_0.png").write_text("no mask\n")
    return place.evaluate("--predicted", place.root / "answers", "--true", place.data)


@case("classes", "those of the model")
def evaluate_on_other_classes(place: Place) -> list[str]:
    return place.evaluate(place.model, place.data, "--values", "0=soil,255=leaf")


@case("demo", "other things", "-o")
def demo_into_a_full_folder(place: Place) -> list[str]:
    place.out = place.root / "demo"
    place.out.mkdir()
    (place.out / "thesis.txt").write_text("years of work")
    return ["demo", "-o", str(place.out)]


@case("No such option", "--secnds")
def unknown_option(place: Place) -> list[str]:
    return place.train("--secnds", 5)


@case("No such command", "trian")
def unknown_verb(place: Place) -> list[str]:
    return ["trian", str(place.data)]


@case("many: has 5 channels where 1 was expected")
def channels_to_test_on_that_no_training_image_has(place: Place) -> list[str]:
    test = write_discs(place.root / "many", count=2)
    for file in sorted((test / "images").iterdir()):
        pixels = np.repeat(np.array(Image.open(file))[:, :, None], 5, axis=2)
        pixels[:, :, 1] //= 2
        tifffile.imwrite(file.with_suffix(".tif"), pixels, photometric="minisblack", planarconfig="contig")
        file.unlink()
    return place.train("--test", test)


# ------------------------------------------------------------------------------------------ the test


@pytest.mark.parametrize("name", CASES)
def test_bad_input(name: str, place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    make, words = CASES[name]
    command = make(place)
    there, before = place.out.exists(), files_under(place.out)
    assert main(command) == 2
    place.patch.undo()  # the disk is as it was
    said = capsys.readouterr()
    assert said.out == ""
    assert "Traceback" not in said.err
    message = the_message(said.err)
    for word in words:
        assert word in message, message
    assert files_under(place.out) == before
    assert [file.name for file in place.root.rglob("*.part")] == []
    assert place.out.exists() == there


def the_message(stderr: str) -> str:
    """The one message on stderr, told from the lines about progress before it; its lines joined."""
    if "Usage:" in stderr:  # of the command line's own parser, in a frame
        assert stderr.count("Error") == 1
        return " ".join(re.sub(r"[│╭╮╰╯─]", " ", stderr).split())
    begins = [number for number, line in enumerate(stderr.splitlines()) if line.startswith("handful: ")]
    assert len(begins) == 1, stderr
    return "\n".join(stderr.splitlines()[begins[0] :])


def files_under(folder: Path) -> dict[str, bytes] | None:
    """Every file under a folder with its content; None where there is no folder."""
    if not folder.is_dir():
        return None
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 40


# ------------------------------------------------------------------------------------------ the places


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file of the quick net, untrained, for grey images."""
    import torch

    from handful.models import build_net

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = build_net("quick", in_channels=1, classes=2, **FEW_WEIGHTS)
    card = ModelCard(
        net="quick",
        net_settings=FEW_WEIGHTS,
        channels=1,
        classes=("background", "foreground"),
        outputs=2,
        normalisation={"kind": "image", "per_channel": False},
    )
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    save_model(path, net, card)
    return path


@pytest.fixture
def place(tmp_path: Path, small_model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    made = Place(tmp_path, small_model, monkeypatch)
    monkeypatch.chdir(tmp_path)
    yield made
    if os.path.ismount(tmp_path / "full"):
        subprocess.run(["umount", str(tmp_path / "full")], check=True)


def refuse(place: Place, name: str, number: int) -> None:
    """Let the system refuse every file and folder of this name, as it would somebody who is not root."""

    def guarded(call: Callable[..., object]) -> Callable[..., object]:
        def refusing(path: object, *more: object, **named: object) -> object:
            if isinstance(path, str | Path) and Path(path).name == name:
                raise PermissionError(number, os.strerror(number), str(path))
            return call(path, *more, **named)

        return refusing

    for target in ("builtins.open", "io.open", "os.mkdir"):
        module, _, function = target.rpartition(".")
        place.patch.setattr(target, guarded(getattr(__import__(module), function)))


def full_disk(place: Place) -> Path:
    """A folder on a disk with no byte left: a small one in memory where this user may mount, else a pretended one."""
    folder = place.root / "full"
    folder.mkdir()
    mounted = False
    if os.geteuid() == 0 and shutil.which("mount"):
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=20", "tmpfs", str(folder)], capture_output=True
        )
        mounted = made.returncode == 0
    if mounted:
        (folder / "ballast").write_bytes(bytes(4096))
        return folder

    def no_room(path: Path, *_: object) -> int:
        path.touch()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    place.patch.setattr("pathlib.Path.write_bytes", no_room)
    return folder
