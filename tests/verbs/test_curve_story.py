"""`handful curve`: scores at 1, 2, 4, ... images, what more should add, and files to show it."""

import csv
import json
import re
import time
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest

import handful
from discs import write_discs
from handful.cli import main
from handful.data.check import check_data
from handful.errors import DataError, SettingsError
from handful.verbs.curve import collect, make_plan_of_runs, plan_repeats, sizes_of

FLAGS = ("--device", "cpu", "--set", "patch=[32,32]")


def test_sizes_double_and_end_with_all():
    assert [sizes_of(n) for n in (1, 2, 5, 7, 8, 12, 13)] == [
        [1], [1, 2], [1, 2, 4], [1, 2, 4, 7], [1, 2, 4, 8], [1, 2, 4, 8, 12], [1, 2, 4, 8, 13]
    ]  # fmt: skip


def test_smaller_sets_lie_within_larger_ones_and_apart_from_the_test(tmp_path):
    audit = check_data(write_discs(tmp_path / "discs", 9))
    plan = plan_repeats(audit, None, 3, 0)
    for repeat in range(3):
        sets = [{region.name for region in split.train} for _, number, split in plan if number == repeat]
        tests = [{region.name for region in split.test} for _, number, split in plan if number == repeat]
        assert all(one < two for one, two in pairwise(sets))
        assert all(one == tests[0] and not one & train for one, train in zip(tests, sets, strict=True))
    tested = [region.name for size, _, split in plan if size == 1 for region in split.test]
    assert sorted(tested) == sorted(audit.facts)


def test_the_time_decides_the_repeats(tmp_path):
    audit = check_data(write_discs(tmp_path / "discs", 9))
    now = time.monotonic()
    repeats = [len({r for _, r, _ in make_plan_of_runs(audit, None, s, None, now, 0)}) for s in (30, 60, 300, 900)]
    assert repeats == sorted(repeats)
    assert repeats[0] == 1
    assert repeats[-1] == 5
    with pytest.raises(SettingsError, match="Give --seconds"):
        make_plan_of_runs(audit, None, 10, None, now, 0)


class Outside(HTMLParser):
    """Collects what a page would fetch."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        self.found += [value for key, value in attributes if key in ("src", "href") and value and value[0] != "#"]


def test_the_story(tmp_path, capsys):
    folder = write_discs(tmp_path / "discs", 6)
    out = tmp_path / "curve"
    command = ["curve", str(folder), "-o", str(out), "--steps", "1", "--test", str(write_discs(tmp_path / "t", 3, 50))]
    assert main([*command, *FLAGS, "--repeats", "1", "--json"]) == 0
    said = capsys.readouterr()
    result = json.loads(said.out)
    assert [point["images"] for point in result["points"]] == [1, 2, 4, 6]
    assert all(point["n"] == 3 for point in result["points"])
    assert result == {
        key: value for key, value in json.loads((out / "curve.json").read_text()).items() if key != "command"
    }
    assert len(result["runs"]) == 4
    rows = list(csv.DictReader((out / "curve.csv").read_text().splitlines()))
    assert {row["training_images"] for row in rows} == {"1", "2", "4", "6"}
    page = (out / "curve.html").read_text()
    assert result["sentence"] in page
    outside = Outside()
    outside.feed(page)
    assert outside.found == []
    assert not re.search(r"https?://(?!www\.w3\.org)", page)
    assert main([*command, *FLAGS]) == 2  # nothing is overwritten unasked
    assert "curve.json" in capsys.readouterr().err


def test_too_few_scored_images_are_said():
    rows = {size: {"a": [0.5 + 0.1 * size], "b": [0.4]} for size in (1, 2, 4)}
    found = collect(rows, [(size, 0, 0.5) for size in rows], 6, 20.0)
    assert "too few to tell" in found.sentence
    assert np.isfinite(found.gain.value)


def test_all_sizes_are_judged_on_the_same_images():
    rows = {size: {name: [0.5] for name in "abcd"} for size in (1, 2, 4)}
    rows[4] = {name: [0.9] for name in "abc"} | {"e": [0.0]}  # no time for d; e was scored here alone
    found = collect(rows, [(size, 0, 0.5) for size in rows], 6, 20.0)
    assert found.names == ("a", "b", "c")
    assert not np.isnan(found.table).any()


def test_one_image_makes_no_curve(tmp_path):
    with pytest.raises(DataError, match="at least 2"):
        handful.curve(write_discs(tmp_path / "one", 1), steps=1)


@pytest.mark.slow
def test_the_curve_rises_and_keeps_time(tmp_path):
    began = time.monotonic()
    found = handful.curve(write_discs(tmp_path / "discs", 8), seconds=60, device="cpu")
    assert time.monotonic() - began < 66
    assert found.points[-1].value > 0.8
    assert found.sizes[0] == 1
