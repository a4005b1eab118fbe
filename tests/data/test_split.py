"""Laws of the split: nothing is lost or used twice, like stays with like, and only contents and seed decide."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from handful.data import (
    Audit,
    ImageFacts,
    ImageFile,
    MaskReading,
    Pair,
    Region,
    Split,
    check_data,
    keep_split,
    make_split,
)
from handful.data.mask import read_mask
from handful.data.split import LEAST_FOR_VALIDATION
from handful.errors import DataError, SettingsError

READING = MaskReading("values", ("background", "foreground"), 0, "grey", ((0, 0), (1, 1)))


def facts(name: str, content: int, mean: float = 0.5, share: float = 0.2, size: int = 64) -> ImageFacts:
    pixels = size * size
    return ImageFacts(
        name, size, size, 3, "uint8", 8, f"{content:064x}", f"{content:064x}", 0, 1, mean, 0.2, False,
        (round(pixels * (1 - share)), round(pixels * share)), 0, 1, (10.0, 10, 10),
    )  # fmt: skip


def audit_of(
    images: list[ImageFacts],
    parts: list[str] | None = None,
    twins: tuple[tuple[str, ...], ...] = (),
    runs: tuple[tuple[str, ...], ...] = (),
) -> Audit:
    parts = parts or ["all"] * len(images)
    pairs = tuple(
        Pair(image.name, ImageFile(Path(image.name)), (ImageFile(Path(image.name)),), part)
        for image, part in zip(images, parts, strict=True)
    )
    return Audit("data", "drawn", READING, pairs, {i.name: i for i in images}, (), bool(runs), twins, 3, "f", runs)


def names(regions: tuple[Region, ...]) -> set[str]:
    return {region.name for region in regions}


@st.composite
def audits(draw: st.DrawFn) -> Audit:
    count = draw(st.integers(2, 40))
    seed = draw(st.integers(0, 999))
    rng = np.random.default_rng(seed)
    images = [
        facts(f"i{n}", seed * 1000 + n, float(rng.uniform()), float(rng.uniform(0.05, 0.6))) for n in range(count)
    ]
    order = rng.permutation(count)
    twins: list[tuple[str, ...]] = []
    at = 0
    while at < count and draw(st.booleans()):
        size = draw(st.integers(2, 4))
        group = tuple(sorted(f"i{n}" for n in order[at : at + size]))
        if len(group) > 1:
            twins.append(group)
        at += size
    run = draw(st.booleans())
    runs = (tuple(f"i{n}" for n in range(count // 2)),) if run and count >= 12 else ()
    return audit_of(images, twins=tuple(twins), runs=runs)


@settings(max_examples=80, deadline=None)
@given(audits(), st.sampled_from([None, 0.1, 0.2, 0.5]), st.integers(0, 5))
def test_laws(audit: Audit, fraction: float | None, seed: int) -> None:
    if any(len(group) == len(audit.pairs) for group in audit.twins):
        return  # one picture many times: cut inside it, tested below
    split = make_split(audit, test_fraction=fraction, seed=seed)
    everything = {pair.name for pair in audit.pairs}
    train, validation, test = names(split.train), names(split.validation), names(split.test)
    assert train | validation | test == everything
    assert len(split.train) + len(split.validation) + len(split.test) == len(everything)
    assert train
    assert test
    for group in audit.twins:
        assert (
            len({"train" if n in train else "validation" if n in validation else "test" for n in group}) == 1
            or audit.runs
        )
        assert not (set(group) & test and set(group) - test)
    if not audit.twins and not audit.runs:
        assert len(test) == max(1, min(len(everything) - 1, round((fraction or 0.2) * len(everything))))
    if len(train | validation) < LEAST_FOR_VALIDATION:
        assert not validation
    assert Split.from_dict(json.loads(json.dumps(split.to_dict()))) == split
    assert make_split(audit, test_fraction=fraction, seed=seed) == split
    assert keep_split(split, audit) == split


@settings(max_examples=30, deadline=None)
@given(audits(), st.randoms(use_true_random=False))
def test_names_and_order_do_not_matter(audit: Audit, chance: object) -> None:
    if audit.runs or any(len(group) == len(audit.pairs) for group in audit.twins):
        return  # the order of a sequence is what its names say; one picture many times is cut inside
    images = list(audit.facts.values())
    chance.shuffle(images)  # type: ignore[attr-defined]
    new = {image.name: f"z{n}" for n, image in enumerate(images)}
    renamed = audit_of(
        [ImageFacts(**{**vars(image), "name": new[image.name]}) for image in images],
        twins=tuple(tuple(new[name] for name in group) for group in audit.twins),
    )
    one, two = make_split(audit), make_split(renamed)
    assert {new[name] for name in names(one.test)} == names(two.test)
    assert {new[name] for name in names(one.validation)} == names(two.validation)


def test_a_run_is_held_back_as_a_block() -> None:
    order = tuple(f"s{n:02d}" for n in range(20))
    audit = audit_of([facts(name, n) for n, name in enumerate(order)], runs=(order,))
    split = make_split(audit)
    places = sorted(order.index(name) for name in names(split.test))
    assert places == list(range(places[0], places[0] + 4))
    assert "blocks of consecutive images" in split.reason


def test_the_test_resembles_the_whole() -> None:
    """30 dark and 10 bright images: 6 and 2 of them are held back, for nearly every seed."""
    images = [facts(f"d{n}", n, 0.1) for n in range(30)] + [facts(f"b{n}", 100 + n, 0.9) for n in range(10)]
    bright = [sum(name.startswith("b") for name in names(make_split(audit_of(images), seed=s).test)) for s in range(10)]
    assert set(bright) <= {1, 2, 3}
    assert bright.count(2) >= 8


def test_seeds_differ() -> None:
    audit = audit_of([facts(f"i{n}", n) for n in range(20)])
    assert len({frozenset(names(make_split(audit, seed=seed).test)) for seed in range(6)}) >= 4


@pytest.mark.parametrize(("count", "validation"), [(2, 0), (14, 0), (15, 2), (20, 2), (30, 3), (60, 6), (400, 16)])
def test_validation_is_small(count: int, validation: int) -> None:
    assert len(make_split(audit_of([facts(f"i{n}", n) for n in range(count)])).validation) == validation


def test_parts_of_the_folders() -> None:
    images = [facts(f"i{n}", n) for n in range(12)]
    parts = ["train"] * 8 + ["val"] * 2 + ["test"] * 2
    split = make_split(audit_of(images, parts))
    assert (names(split.test), names(split.validation)) == ({"i10", "i11"}, {"i8", "i9"})
    more = [facts(f"i{n}", n) for n in range(16)]
    alone = make_split(audit_of(more, ["train"] * 12 + ["val"] * 4))
    assert names(alone.test) == {"i12", "i13", "i14", "i15"}
    assert len(alone.validation) == 2
    assert "val" in alone.reason
    assert len(make_split(audit_of(images, ["train"] * 12)).test) == 2
    assert len(make_split(audit_of(images, ["test"] * 12)).test) == 2


def test_copies_in_train_and_test_are_said() -> None:
    images = [facts(f"i{n}", n) for n in range(4)]
    split = make_split(audit_of(images, ["train", "train", "test", "test"], twins=(("i1", "i2"),)))
    assert split.leaks == ("i1",)
    assert "careful: 1 image to train on (i1) is in the test too" in split.reason


def test_no_more_is_held_back_than_narrows_the_interval() -> None:
    many = audit_of([facts(f"{n}", n, mean=n / 3000) for n in range(3000)])
    assert len(make_split(many).test) == 200
    assert len(make_split(many, test_fraction=0.2).test) == 600


def test_everything_trains_when_asked() -> None:
    images = [facts(f"i{n}", n) for n in range(30)]
    split = make_split(audit_of(images, ["train"] * 20 + ["test"] * 10), test_fraction=0)
    assert (len(split.train), split.validation, split.test) == (30, (), ())
    assert "no honest score" in split.reason


def test_another_folder_as_test() -> None:
    images = audit_of([facts(f"i{n}", n) for n in range(10)])
    other = audit_of([facts("i0", 99), facts("x", 98)])
    split = make_split(images, test=other)
    assert split.outside
    assert (names(split.test), split.leaks) == ({"i0", "x"}, ())
    assert len(split.train) + len(split.validation) == 10
    assert Split.from_dict(json.loads(json.dumps(split.to_dict()))) == split
    assert keep_split(split, images, test=other) == split
    assert keep_split(split, images) is None
    with pytest.raises(SettingsError, match="exclude each other"):
        make_split(images, test=other, test_fraction=0.3)


def test_what_is_trained_on_is_left_out_of_another_folder() -> None:
    """One slice to train on, and the folder it comes from as the test."""
    one = audit_of([facts("3", 3)])
    split = make_split(one, test=audit_of([facts(str(n), n) for n in range(5)]))
    assert names(split.test) == {"0", "1", "2", "4"}
    assert "leaving out 1 that are trained on" in split.reason
    same = make_split(one, test=one)
    assert same.leaks == ("3",)
    assert "careful" in same.reason


@pytest.mark.parametrize("fraction", [-0.1, 1.0, 2])
def test_impossible_fractions(fraction: float) -> None:
    with pytest.raises(SettingsError, match="--test-fraction"):
        make_split(audit_of([facts("a", 1), facts("b", 2)]), test_fraction=fraction)


# ------------------------------------------------------------------------------------------------- keeping


def test_kept_under_new_names() -> None:
    old = make_split(audit_of([facts(f"i{n}", n) for n in range(10)]))
    moved = audit_of([facts(f"other_{n}", n) for n in range(10)] + [facts("new", 77)])
    kept = keep_split(old, moved)
    assert kept is not None
    assert names(kept.test) == {name.replace("i", "other_") for name in names(old.test)}
    assert "new" in names(kept.train)
    assert "1 image new since then" in kept.reason
    assert keep_split(old, audit_of([facts(f"i{n}", n) for n in range(9)])) is None


def test_damaged_file() -> None:
    with pytest.raises(DataError, match=r"split\.json is damaged"):
        Split.from_dict({"train": [{"name": "a"}]})


# ------------------------------------------------------------------------------------------------- one image


def one_image(root: Path, mask: np.ndarray, copies: int = 1) -> Audit:
    for n in range(copies):
        for kind in ("images", "masks"):
            (root / kind).mkdir(exist_ok=True)
        image = np.random.default_rng(0).integers(0, 255, (*mask.shape, 3), np.uint8)
        Image.fromarray(image).save(root / "images" / f"{n}.png")
        Image.fromarray(mask).save(root / "masks" / f"{n}.png")
    return check_data(root)


def area(regions: tuple[Region, ...]) -> int:
    return sum((r.rows[1] - r.rows[0]) * (r.columns[1] - r.columns[0]) for r in regions)


@pytest.mark.parametrize("place", [(0, 0), (60, 0), (0, 60), (60, 60), (30, 30)])
def test_one_image_is_cut_so_that_both_sides_have_every_class(place: tuple[int, int], tmp_path: Path) -> None:
    mask = np.zeros((100, 96), np.uint8)
    mask[place[0] : place[0] + 36, place[1] : place[1] + 36] = 255
    audit = one_image(tmp_path, mask)
    split = make_split(audit)
    assert split.reason.startswith("there is only one image: its")
    assert split.validation == ()
    covered = np.zeros(mask.shape, int)
    classes = read_mask(audit.pairs[0], audit.reading).classes
    for regions in (split.train, split.test):
        seen = set()
        for region in regions:
            block = (slice(*region.rows), slice(*region.columns))
            covered[block] += 1
            seen |= set(np.unique(classes[block]))
        assert seen == {0, 1}
    assert (covered == 1).all()
    assert 0.2 < area(split.test) / mask.size < 0.3
    assert Split.from_dict(json.loads(json.dumps(split.to_dict()))) == split
    assert keep_split(split, audit) == split


def test_one_picture_many_times(tmp_path: Path) -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[10:50, 10:50] = 255
    split = make_split(one_image(tmp_path, mask, copies=3))
    assert "the same picture" in split.reason
    assert {(r.rows, r.columns) for r in split.test} == {(split.test[0].rows, split.test[0].columns)}
    assert len(split.test) == 3


def test_one_small_image(tmp_path: Path) -> None:
    mask = np.zeros((20, 20), np.uint8)
    mask[5:12, 5:12] = 255
    split = make_split(one_image(tmp_path, mask))
    assert split.test == ()
    assert "too small" in split.reason


@pytest.mark.slow
def test_real_slices_in_a_block(shared_data: Path) -> None:
    split = make_split(check_data(shared_data / "membrane" / "train"))
    places = sorted(int(name) for name in names(split.test))
    assert places == list(range(places[0], places[0] + 4))
