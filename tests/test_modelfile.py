"""The model file: what goes in comes out, and a damaged or forged file is refused in one sentence."""

import json
import re

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from handful import models
from handful.errors import ModelFileError, OutputError, SettingsError
from handful.modelfile import ModelCard, describe_model, load_model, read_card, save_model


class TinyNet(nn.Module):
    def __init__(self, in_channels, classes, *, width=4):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.head = nn.Conv2d(width, classes, 1)
        self.register_buffer("fixed", torch.arange(3.0), persistent=False)

    def forward(self, x):
        return self.head(self.norm(self.conv(x)).relu())


def build_tiny(name, *, in_channels, classes, **settings):
    if name != "tiny":
        raise SettingsError(f"--net {name}: no such net.")
    return TinyNet(in_channels, classes, **settings)


@pytest.fixture(autouse=True)
def tiny_net(monkeypatch):
    monkeypatch.setattr(models, "build_net", build_tiny)


def make_card(**changes):
    values = {
        "net": "tiny",
        "net_settings": {"width": 4},
        "channels": 3,
        "classes": ("background", "leaf"),
        "outputs": 2,
        "normalisation": {"kind": "image", "per_channel": True},
        "training": {
            "seed": 1,
            "steps": 20,
            "seconds": 3.5,
            "images": {"a": "00ff"},
            "fingerprint": "abcdef0123456789ff",
        },
        "scores": {"scores": {"dice_per_image": {"value": 0.9, "low": 0.85, "high": 0.93, "n": 4, "left_out": 0}}},
        "reading": {"description": "0 is background, 255 is leaf"},
    }
    return ModelCard(**(values | changes))


@pytest.fixture
def net():
    torch.manual_seed(0)
    return TinyNet(3, 2)


@pytest.fixture
def saved(tmp_path, net):
    save_model(tmp_path / "model.safetensors", net, make_card())
    return tmp_path / "model.safetensors"


def test_weights_and_card_come_back(saved, net):
    loaded, card = load_model(saved)
    assert card == make_card()
    assert not loaded.training
    x = torch.rand(1, 3, 9, 9)
    assert torch.equal(loaded(x), net.eval()(x))


def test_a_run_folder_stands_for_its_model(saved):
    assert load_model(saved.parent)[1] == read_card(saved.parent) == make_card()


def test_same_weights_and_card_give_the_same_bytes(saved, net, tmp_path):
    shuffled = make_card(training=dict(reversed(make_card().training.items())))
    save_model(tmp_path / "again", load_model(saved)[0], shuffled)
    assert (tmp_path / "again").read_bytes() == saved.read_bytes()


def test_loading_leaves_the_random_numbers_alone(saved):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    load_model(saved)
    assert torch.equal(torch.rand(3), expected)


def test_a_card_holds_what_json_holds():
    card = make_card(
        net_settings={"width": np.int64(4), "kernel": (3, 3)}, scores={"dice": float("nan"), "table": np.ones(2)}
    )
    assert card.net_settings == {"width": 4, "kernel": [3, 3]}
    assert card.scores == {"dice": None, "table": [1.0, 1.0]}
    assert ModelCard.from_dict(json.loads(json.dumps(card.to_dict()))) == card


def test_channels_last_weights_are_saved_alike(saved, net, tmp_path):
    save_model(tmp_path / "last", net.to(memory_format=torch.channels_last), make_card())
    assert (tmp_path / "last").read_bytes() == saved.read_bytes()


def test_the_description_is_in_words(saved):
    text = describe_model(saved)
    for line in (
        "net: tiny (width 4)",
        "classes: 0 background, 1 leaf",
        "dice_per_image: 0.900",
        "0.850 to 0.930",
        "n = 4",
    ):
        assert line in text


WRONG_CARDS = {
    "classes": (["one"], "classes"),
    "outputs": (3, "outputs"),
    "channels": (0, "channels"),
    "tile": (10**9, "tile"),
    "halo": (200, "halo"),
    "background": (2, "background"),
    "threshold": (1.5, "threshold"),
    "multiple": (4000, "multiple"),
    "task": ("dream", "task"),
    "net_settings": ({"width": 10**9}, "net_settings"),
    "normalisation": ({"kind": "dataset", "mean": [0.5], "std": [0.1]}, "normalisation.mean"),
    "scale": ({"kind": "factor", "value": 1e9}, "scale.value"),
    "mirrored": (["z"], "mirrored"),
    "sizes": ([0.8, 100.0], "sizes"),
    "bridge": (0, "bridge"),
    "temperature": (0, "temperature"),
    "object_confidence": ({"slope": 0, "offset": 1}, "object_confidence"),
    "likeness": ({"images": [[1.0], [1.0, 2.0]], "unlike": 1.5}, "likeness.images"),
    "format": (2, "format"),
    "scores": ([], "scores"),
}


@pytest.mark.parametrize("key", WRONG_CARDS)
def test_a_wrong_card_is_refused_by_name(key):
    value, named = WRONG_CARDS[key]
    with pytest.raises(ModelFileError, match=named):
        ModelCard.from_dict(make_card().to_dict() | {key: value})


def test_what_a_model_knows_of_itself_comes_back_and_older_files_know_nothing():
    likeness = {"images": [[1.5, -2.0], [0.25, 3.0]], "unlike": 1.75}
    curve = {"slope": 2.0, "offset": -0.5}
    known = {"bridge": 0.2, "temperature": 1.5, "object_confidence": curve, "likeness": likeness}
    card = make_card(mirrored=["x"], sizes=[0.8], **known)
    values = json.loads(json.dumps(card.to_dict()))
    assert ModelCard.from_dict(values) == card
    for name in ("mirrored", "sizes", "bridge", "temperature", "object_confidence", "likeness"):
        del values[name]
    older = ModelCard.from_dict(values)
    assert older.mirrored == older.sizes == ()
    assert older.bridge is older.temperature is None
    assert older.likeness == older.object_confidence == {}
    with pytest.raises(ModelFileError, match=r"likeness\.unlike"):
        make_card(likeness=likeness | {"unlike": 0})


def test_a_multiple_larger_than_that_of_its_net_is_refused(tmp_path, net):
    """Found by fuzzing: images of 24 pixels were padded to 4000, for gigabytes and ten seconds."""
    save_model(tmp_path / "forged.safetensors", net, make_card(multiple=1000))
    with pytest.raises(ModelFileError, match="multiple 1000, its net 1"):
        load_model(tmp_path / "forged.safetensors")


def test_keys_too_many_and_too_few_are_named():
    values = make_card().to_dict()
    with pytest.raises(ModelFileError, match=r"'clases'.*classes"):
        ModelCard.from_dict(values | {"clases": []})
    del values["tile"]
    with pytest.raises(ModelFileError, match="lacks tile"):
        ModelCard.from_dict(values)


def with_header(content, **changes):
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header = json.dumps(header | changes).encode()
    return len(header).to_bytes(8, "little") + header + content[8 + length :]


def with_card(content, **changes):
    length = int.from_bytes(content[:8], "little")
    card = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["handful"])
    return with_header(content, __metadata__={"handful": json.dumps(card | changes)})


DAMAGES = {
    "empty": (lambda content: b"", "empty"),
    "one byte": (lambda content: b"x", "not a safetensors file"),
    "zeros": (lambda content: bytes(len(content)), "zeros"),
    "text": (lambda content: b"hello, this is no model at all\n", "not a safetensors file"),
    "zip": (lambda content: b"PK\x03\x04" + content, "a zip file"),
    "pickle": (lambda content: b"\x80\x04\x95aaaaaaaaaaaa", "a pickle"),
    "picture": (lambda content: b"\x89PNG\r\n\x1a\n" + content, "PNG"),
    "cut in the header": (lambda content: content[:100], "cut short"),
    "cut in the weights": (lambda content: content[:-10], "cut short"),
    "appended": (lambda content: content + b"123", "appended"),
    "header no JSON": (lambda content: content[:9] + b"\xff\xfe" + content[11:], "header is damaged"),
    "huge header": (lambda content: (2**62).to_bytes(8, "little") + content[8:], "not a safetensors file"),
    "another program": (lambda content: with_header(content, __metadata__={"format": "pt"}), "another program"),
    "absurd tensor": (
        lambda content: with_header(content, extra={"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}),
        "cut short",
    ),
    "negative place": (
        lambda content: with_header(content, extra={"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}),
        "header is damaged",
    ),
    "overlapping tensors": (
        lambda content: with_header(content, **{"head.bias": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}}),
        "weights cannot be read",
    ),
    "unknown net": (lambda content: with_card(content, net="huge"), "no such net"),
    "unknown setting": (lambda content: with_card(content, net_settings={"breadth": 3}), "breadth"),
    "other width": (lambda content: with_card(content, net_settings={"width": 5}), "shape"),
    "absurd width": (lambda content: with_card(content, net_settings={"width": 60_000}), "shape"),
    "too many classes": (lambda content: with_card(content, classes=["a", "b", "c"], outputs=3), "shape"),
    "newer format": (lambda content: with_card(content, format=9), "Update handful"),
    "not a number": (lambda content: content[:-4] + np.float32(np.nan).tobytes(), "not a number"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_refused_in_one_sentence(saved, damage):
    change, message = DAMAGES[damage]
    saved.write_bytes(change(saved.read_bytes()))
    with pytest.raises(ModelFileError, match=message) as refused:
        load_model(saved)
    assert str(saved) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_weight_is_named(tmp_path, net):
    tensors = {name: tensor for name, tensor in net.state_dict().items() if name != "head.bias"}
    save_file(tensors, tmp_path / "m", {"handful": json.dumps(make_card().to_dict())})
    with pytest.raises(ModelFileError, match=re.escape("head.bias of net 'tiny' is missing")):
        load_model(tmp_path / "m")


@pytest.mark.parametrize("path", ["nowhere.safetensors", ".", "a" * 300, "zero\0byte"])
def test_a_missing_file_is_named(tmp_path, path):
    with pytest.raises(ModelFileError):
        load_model(tmp_path / path)


def test_a_model_is_written_whole_or_not_at_all(saved, net, monkeypatch):
    before = saved.read_bytes()

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OutputError, match="the disk is full"):
        save_model(saved, TinyNet(3, 2), make_card())
    assert [file.name for file in saved.parent.iterdir()] == ["model.safetensors"]
    assert saved.read_bytes() == before


def test_a_missing_folder_is_an_output_error(tmp_path, net):
    with pytest.raises(OutputError, match="nowhere"):
        save_model(tmp_path / "nowhere" / "m.safetensors", net, make_card())
