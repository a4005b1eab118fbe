"""What `train` says in words: the plan as a table, the time that is left, settings to read again."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest

import handful
from handful.errors import DataError, OutputError, SettingsError
from handful.plan import Line, Plan
from handful.settings import TrainSettings
from handful.verbs.runfolder import check_run, free_run, open_run
from handful.verbs.settings_file import read_settings, settings_text
from handful.verbs.train import check_time, plan_lines, time_left

PLAN = Plan(
    "semantic",
    {"kind": "none"},
    {"kind": "image"},
    TrainSettings(net_settings={"width": 8}),
    (
        Line("task", "semantic", "the masks hold classes"),
        Line("patch", (96, 64), "the whole image"),
        Line("net_settings", {"width": 8}, "as told"),
        Line("geometry", "mirrored, any turn, zoom to 1.3", "turned freely"),
    ),
)


def test_the_plan_lines_up_and_long_values_have_their_reason_below():
    assert plan_lines(PLAN) == [
        "plan     task          semantic              the masks hold classes",
        "         patch         96 x 64               the whole image",
        "         net_settings  width 8               as told",
        "         geometry      mirrored, any turn, zoom to 1.3",
        "                                             turned freely",
    ]


def test_a_long_name_keeps_its_distance_from_its_value():
    lines = plan_lines(replace(PLAN, lines=(*PLAN.lines, Line("geometry.elastic_scale", 8, "as told"))))
    assert lines[-1] == "         geometry.elastic_scale  8                     as told"
    assert lines[0] == "plan     task                    semantic              the masks hold classes"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "0 s"), (99.4, "99 s"), (125, "2:05 min"), (4200, "1:10 h"), (7260, "2:01 h")]
)
def test_time_left_in_words(seconds, words):
    assert time_left(seconds) == words


def test_settings_are_read_as_they_were_written(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text(settings_text(PLAN, "handful train leaves"))
    assert (
        TrainSettings().with_values(
            {
                name: value
                for name, value in read_settings(file).items()
                if name not in ("task", "scale", "normalisation", "init")
            }
        )
        == PLAN.training
    )
    assert "as told" in file.read_text()
    assert tomllib.loads(file.read_text())["task"] == "semantic"


@pytest.mark.parametrize("seconds", [0, 1, -5, float("nan"), float("inf")])
def test_no_time_is_refused(seconds):
    with pytest.raises(SettingsError, match=r"--seconds .* 5 or more"):
        check_time(seconds, None)


def test_a_run_without_a_name_takes_a_free_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "leaves").mkdir(parents=True)
    assert str(free_run(tmp_path / "leaves")) == "runs/leaves-2"
    assert str(free_run(None)) == "runs/run"


def test_an_earlier_run_may_be_trained_into_again(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"")
    check_run(tmp_path)
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(OutputError, match=r"notes\.txt"):
        check_run(tmp_path)


def test_a_run_that_fails_before_training_leaves_no_folder(tmp_path):
    with pytest.raises(IsADirectoryError), open_run(tmp_path / "a" / "b"):
        (tmp_path / "a" / "b" / "split.json").write_text("{}") and (tmp_path / "a").write_text("")
    assert not (tmp_path / "a").exists()


def test_an_earlier_run_survives_one_that_fails(tmp_path):
    (tmp_path / "split.json").write_text("{}")
    with pytest.raises(RuntimeError), open_run(tmp_path):
        raise RuntimeError
    assert (tmp_path / "split.json").exists()


def test_reading_may_take_its_share_of_the_time_and_as_long_as_it_takes_where_steps_are_counted(tmp_path, monkeypatch):
    given = []

    def check(data, *, until=None, **rest):
        given.append(until)
        raise DataError("seen enough")

    monkeypatch.setattr("handful.verbs.train.check_data", check)
    for asked in ({"seconds": 50}, {"steps": 5}):
        with pytest.raises(DataError, match="seen enough"):
            handful.train(tmp_path, out=tmp_path / "run", started=1000.0, **asked)
    assert given == [1015.0, None]
