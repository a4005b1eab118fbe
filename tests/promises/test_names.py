"""Names out of files and of files lead to no place but the folder for results."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handful.outputs.files import file_names

EVIL = [
    "../../etc/passwd",
    "/etc/passwd",
    "..",
    ".",
    "",
    "a/../../b.png",
    "C:\\x.png",
    "\\\\host\\share\\a.png",
    "a\0b.png",
]
DEVICES = ["CON", "nul.png", "Com1.tif", "LPT9", "aux.tar.png", "PRN."]


@pytest.mark.parametrize("name", EVIL + DEVICES)
def test_names_stay_in_their_folder(name: str) -> None:
    (made,) = file_names([name])
    assert made not in ("", ".", "..")
    assert not set(made) & set('/\\:\0<>"|?*')
    assert not made.startswith("..")
    assert made.partition(".")[0].upper() not in {"CON", "NUL", "COM1", "LPT9", "AUX", "PRN"}


def test_names_that_only_begin_like_a_device_stay() -> None:
    assert file_names(["console.png", "nullify.tif", "auxin"]) == ("console", "nullify", "auxin")


@given(st.lists(st.text(string.ascii_letters + "./\\:* _-\0\n€", max_size=12), min_size=1, max_size=6))
def test_any_names_become_as_many_that_differ(names: list[str]) -> None:
    made = file_names(names)
    assert len({one.casefold() for one in made}) == len(names)
    assert all(one and "/" not in one and one not in (".", "..") for one in made)
