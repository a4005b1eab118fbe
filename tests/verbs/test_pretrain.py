"""`pretrain` writes a model that `train` starts from."""

from __future__ import annotations

from pathlib import Path

import pytest

import handful
from discs import write_discs
from handful.errors import OutputError, SettingsError
from handful.modelfile import load_model, read_card
from handful.verbs.pretrain import pretrain

TINY = {"width": 4, "size": 32, "families": "discs"}


def test_start_weights_are_written_in_half_precision_and_trained_from(tmp_path: Path) -> None:
    file = pretrain(tmp_path / "start.safetensors", rounds=1, settings=TINY)
    net, card = load_model(file)
    assert file.stat().st_size < 2.5 * sum(t.numel() for t in net.state_dict().values()) + 20_000
    assert card.training["rounds"] == 1
    assert card.training["pretraining"]["families"] == ["discs"]
    write_discs(tmp_path / "discs", count=4)
    model = handful.train(tmp_path / "discs", out=tmp_path / "run", steps=2, init=file)
    assert model.card.net_settings == {"width": 4, "top": 16}
    assert model.card.training["start"]["fresh"] == ["head.weight", "head.bias"]


def test_pieces_go_on_where_the_last_one_stopped(tmp_path: Path) -> None:
    file = tmp_path / "start.safetensors"
    pretrain(file, rounds=2, seconds=1e-3, settings=TINY)
    done = read_card(file).training["rounds"]
    assert done < 2
    pretrain(file, rounds=2, resume=True, settings=TINY)
    assert read_card(file).training["rounds"] == 2


def test_what_cannot_be_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    with pytest.raises(OutputError, match="--overwrite"):
        pretrain(tmp_path / "there")
    with pytest.raises(OutputError, match="no such folder"):
        pretrain(tmp_path / "nowhere" / "start")
    with pytest.raises(SettingsError, match="there is no 'cell'"):
        pretrain(tmp_path / "start", settings={"families": "cell"})
    with pytest.raises(SettingsError, match="widht"):
        pretrain(tmp_path / "start", settings={"widht": 8})
    with pytest.raises(SettingsError, match="--rounds 0"):
        pretrain(tmp_path / "start", rounds=0)
    with pytest.raises(SettingsError, match="--seconds -5"):
        pretrain(tmp_path / "start", seconds=-5)
    for name, value in (("size", 120), ("batch", 0), ("width", 0)):
        with pytest.raises(SettingsError, match=f"{name} = {value}"):
            pretrain(tmp_path / "start", settings={name: value})
