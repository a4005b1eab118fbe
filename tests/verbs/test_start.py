"""`--init`: what is started from, and a model's way from the first folder to the second model's card."""

import json
import re
import tomllib
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from handful.data.check import check_data
from handful.data.region import whole_regions
from handful.data.sample import read_samples
from handful.errors import SettingsError
from handful.modelfile import describe_model, load_model, read_card
from handful.start import ENCODER_RATE, RATE, feature_steps, known_steps
from handful.training.lessons import draw_round
from handful.training.pretraining import PretrainSettings
from handful.verbs.evaluate import evaluate
from handful.verbs.start import SHIPPED, choose_start
from handful.verbs.train import train
from heard import Heard
from walls import write_walls

# Of the pixels, what was asked first of each family's pictures in the first round.
SHARES = [0.368, 0.4084, 0.0706, 0.4431, 0.3698, 0.1348, 0.1305, 0.1799, 0.1039, 0.0976, 0.1657]
SMALL = {"net_settings": {"width": 4, "depth": 3}, "patch": 32, "batch": 2}


def write_pictures(folder, *, classes=2, channels=3, seed=0, number=8):
    """Noise with brighter squares, as many kinds of square as there are classes beside the background."""
    rng = np.random.default_rng(seed)
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for k in range(number):
        mask = np.zeros((40, 40), np.uint8)
        for one in range(1, classes):
            row, column = rng.integers(0, 24, 2)
            mask[row : row + 14, column : column + 14] = one
        image = (rng.normal(60, 10, (40, 40, channels)) + 60 * mask[..., None]).clip(0, 255).astype(np.uint8)
        Image.fromarray(image if channels == 3 else image[..., 0]).save(folder / "images" / f"{k}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{k}.png")
    return folder


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    root = tmp_path_factory.mktemp("first")
    train(write_pictures(root / "data"), out=root / "run", steps=4, settings=SMALL)
    return root / "run"


def test_a_model_for_other_classes_and_channels(first, tmp_path):
    """Nothing of the net is said: kind and settings come from the model; head and first convolution are new."""
    data = write_pictures(tmp_path / "data", classes=3, channels=1, seed=1)
    listener = Heard()
    settings = {"patch": 32, "batch": 2, "init_freeze": 1.0}
    model = train(data, out=tmp_path / "run", init=first, steps=3, settings=settings, listener=listener)
    assert model.card.net_settings == SMALL["net_settings"]
    (said,) = [line for line in listener.lines if line.startswith("start")]
    for word in ("stem.0.0.weight", "head.weight", "3 channels, now 1", str(first)):
        assert word in said
    start = model.card.training["start"]
    assert start["fresh"] == ["head.weight", "head.bias"]
    assert start["adapted"] == ["stem.0.0.weight"]
    old, _ = load_model(first)
    frozen = [name for name in old.state_dict() if name.startswith("down")]
    assert all(torch.equal(old.state_dict()[name], model.net.state_dict()[name]) for name in frozen)
    assert not torch.equal(model.net.state_dict()["up.0.squeeze.weight"], old.state_dict()["up.0.squeeze.weight"])
    assert any("init_freeze" in line for line in listener.lines)
    assert f"started from: {first}" in describe_model(tmp_path / "run")


def test_what_the_start_has_seen_is_no_test_image(first, tmp_path):
    """The second model was never trained on the first one's images, and yet they are no test of it."""
    other = write_pictures(tmp_path / "other", seed=5)
    train(other, out=tmp_path / "run", init=first, steps=2, settings={"patch": 32, "batch": 2})
    listener = Heard()
    evaluate(tmp_path / "run", first.parent / "data", listener=listener)
    assert any("known to its start" in line for line in listener.lines)


@pytest.mark.parametrize(
    ("init", "settings", "said"),
    [
        ("model", {"net": "unet"}, "--net quick"),
        ("model", {"net_settings": {"width": 5}}, "Leave net_settings out"),
        ("model", {"init_freeze": 1.5}, "init_freeze"),
        ("model", {"init_rate": -1.0}, "init_rate"),
        ("none", {"init_encoder_rate": 0.5}, "init_encoder_rate: nothing is started from"),
        ("none", {"init_freeze": 0.5}, r"init_freeze: nothing is started from \(as told\). Give --init"),
        (None, {"init_rate": 0.5, "net": "unet"}, "--init"),
        (None, {"patch": 16, "batch": 1}, "one single value"),  # once a traceback: the last layer was fitted before
        (None, {"init_rate": 0.5, "task": "boundaries"}, r"\(lines are learnt better from fresh weights\)"),
    ],
)
def test_what_cannot_be_started_is_refused(first, tmp_path, init, settings, said):
    data = write_pictures(tmp_path / "data", seed=1)
    init = first if init == "model" else init
    with pytest.raises(SettingsError, match=said):
        train(data, out=tmp_path / "run", init=init, steps=2, settings={"patch": 32, **settings})
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_settings_given_go_before_those_of_the_model(first, tmp_path):
    """A depth is given: the width still comes from the model, and the levels in common are taken over."""
    data = write_pictures(tmp_path / "data", seed=1)
    settings = {"patch": 32, "batch": 2, "net_settings": {"depth": 4}}
    model = train(data, out=tmp_path / "run", init=first, steps=2, settings=settings)
    assert model.card.net_settings == {"width": 4, "depth": 4}
    assert any(name.startswith("down.2") for name in model.card.training["start"]["fresh"])


# ---- the weights that ship


def test_the_shipped_weights_are_those_of_the_recipe():
    """`make starter` writes them: whoever changes what is learnt from learns them again."""
    training = read_card(SHIPPED).training
    recipe = json.loads(json.dumps(asdict(PretrainSettings())))
    assert training["pretraining"] == recipe
    (command,) = re.findall(r"handful pretrain .*--rounds (\d+)", (Path(__file__).parents[2] / "Makefile").read_text())
    assert training["rounds"] == int(command)
    assert len(training["dice_by_round"]) == int(command)
    assert SHIPPED.stat().st_size < 8e6


def test_the_pictures_are_those_that_the_shipped_weights_have_seen():
    """To the digits that differ between machines."""
    drawn = draw_round(0, 0, size=128, families=PretrainSettings().families, device=torch.device("cpu"))
    first = drawn.asked[:, 0]
    shares = [float(drawn.masks[first == number, 0].float().mean()) for number in first.unique()]
    assert shares == pytest.approx(SHARES, abs=2e-3)


def test_they_are_started_from_where_nothing_is_said(tmp_path):
    data = write_pictures(tmp_path / "data", channels=1)
    listener = Heard()
    model = train(data, out=tmp_path / "run", steps=2, settings={"patch": 32, "batch": 2}, listener=listener)
    assert model.card.net_settings == read_card(SHIPPED).net_settings
    assert model.card.training["start"]["from"] == "starter"
    assert model.card.training["start"]["adapted"] == ["stem.0.0.weight"]
    assert any(line.startswith("start    ") and "starter" in line for line in listener.lines)
    written = tomllib.loads((tmp_path / "run" / "settings.toml").read_text())
    assert (written["init"], written["init_rate"]) == ("starter", RATE)
    assert written["init_encoder_rate"] == ENCODER_RATE
    assert written["init_feature_steps"] == feature_steps(len(model.card.training["images"]))
    assert "few labels" in (tmp_path / "run" / "report.html").read_text()
    again = train(data, out=tmp_path / "again", steps=2, settings=written)
    assert torch.equal(again.net.state_dict()["head.weight"], model.net.state_dict()["head.weight"])


def test_a_new_last_layer_knows_the_features_before_the_first_step(first, tmp_path):
    """One step from what ships, and squares of another brightness are found; with a last layer of class shares none."""
    data = write_pictures(tmp_path / "data")
    model = train(data, out=tmp_path / "run", steps=1, settings={"patch": 32, "batch": 8})
    found = [np.asarray(Image.open(data / "masks" / f"{k}.png")) == 1 for k in range(8)]
    answers = [model.predict(np.asarray(Image.open(data / "images" / f"{k}.png"))).mask == 1 for k in range(8)]
    both = sum((one & other).sum() for one, other in zip(found, answers, strict=True))
    assert 2 * both / (sum(one.sum() for one in found) + sum(one.sum() for one in answers)) > 0.6


def test_a_few_images_rehearse_and_it_is_recorded(tmp_path):
    data = write_pictures(tmp_path / "data")
    settings = {"patch": 32, "batch": 8, "init_feature_steps": 1, "init_rehearsal": 1}
    heard = Heard()
    heard.progress = lambda what, done, detail="": heard.say(what)
    model = train(data, out=tmp_path / "run", steps=8, settings=settings, listener=heard)
    assert set(model.card.training["start"]["rehearsal"]) == {"near", "far"}
    assert heard.lines.count("rehearsing") == 8
    assert "\nrehearsed: Dice 0." in describe_model(tmp_path / "run")


def test_stopped_in_a_rehearsal_nothing_is_kept_and_nothing_is_said_to_be(tmp_path):
    def stop(what, done, detail=""):
        if what == "rehearsing":
            raise KeyboardInterrupt

    heard = Heard()
    heard.progress = stop
    settings = {"patch": 32, "batch": 8, "init_feature_steps": 1, "init_rehearsal": 1}
    with pytest.raises(KeyboardInterrupt):
        train(write_pictures(tmp_path / "data"), out=tmp_path / "run", steps=8, settings=settings, listener=heard)
    assert not (tmp_path / "run" / "model.safetensors").exists()
    assert not any("kept" in line for line in heard.lines if line.startswith("note"))


def test_how_fast_what_ships_may_learn_can_be_told_alone(tmp_path):
    """Once refused: there was nothing to start from, it said, where the plan would have taken what ships."""
    data = write_pictures(tmp_path / "data")
    settings = {"patch": 32, "batch": 2, "init_rate": 0.5}
    train(data, out=tmp_path / "run", steps=1, settings=settings)
    written = tomllib.loads((tmp_path / "run" / "settings.toml").read_text())
    assert (written["init"], written["init_rate"]) == ("starter", 0.5)


def test_a_misspelt_start_is_told_the_nearest(tmp_path):
    with pytest.raises(SettingsError, match=r"startr: no such model file\. Did you mean starter"):
        train(write_pictures(tmp_path / "data"), out=tmp_path / "run", init="startr", steps=1)


def test_none_is_none_whatever_the_settings_say(tmp_path):
    """A flag goes before the same line of a settings.toml, which once won without a word."""
    data = write_pictures(tmp_path / "data")
    settings = {"patch": 32, "batch": 2, "init": "starter", "loss": "dice"}
    model = train(data, out=tmp_path / "run", init="none", loss="cross_entropy", steps=1, settings=settings)
    assert tomllib.loads((tmp_path / "run" / "settings.toml").read_text())["loss"] == "cross_entropy"
    assert "start" not in model.card.training
    assert tomllib.loads((tmp_path / "run" / "settings.toml").read_text())["init"] == "none"


@pytest.mark.parametrize(
    ("overrides", "chosen"),
    [
        ({}, "starter"),
        ({"init": "none"}, "none"),
        ({"net": "quick"}, "starter"),
        ({"net": "unet"}, "none"),
        ({"net_settings": {"width": 8}}, "none"),
        ({"net_settings.width": 8}, "none"),
        ({"net_settings": {"width": 8}, "init": "starter"}, "starter"),
        ({"task": "boundaries"}, "none"),
    ],
)
def test_what_is_started_from(tmp_path, overrides, chosen):
    samples, reading = read_all(write_pictures(tmp_path / "data"))
    start = choose_start(overrides, samples, reading)
    assert start.init == chosen
    assert start.reason


def test_a_model_is_moved_little_by_few_images_that_are_new_to_it(first, tmp_path):
    """With those beside them that it has learnt from it is trained further."""
    samples, reading = read_all(write_pictures(tmp_path / "data", seed=1))
    known = list(read_card(first).training["images"].values())
    for contents, new in ((["new"] * 4, 4), ([*known, *"abcdefghijk"], 0), (known[:2], 2), ([], 0)):
        assert choose_start({"init": first}, samples, reading, contents).images == new
    assert choose_start({}, samples, reading, ["new"] * 4).images == 0
    assert known_steps(4, [(128, 128), (256, 512)], (128, 128)) == pytest.approx(0.4 * 4 * (1 + 8**0.5) / 2, abs=0.05)
    assert known_steps(10, [(30, 40)], (128, 128)) == 4


def test_walls_are_learnt_afresh(tmp_path):
    write_walls(tmp_path, 4)
    start = choose_start({}, *read_all(tmp_path))
    assert (start.init, start.reason) == ("none", "lines are learnt better from fresh weights")
    assert choose_start({"init": "starter"}, *read_all(tmp_path)).init == "starter"


def read_all(folder):
    audit = check_data(folder)
    return read_samples(audit, whole_regions(audit).values()), audit.reading
