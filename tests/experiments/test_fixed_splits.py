"""Test images are the same in every cell; training sets are nested within a seed; folds test every image once."""

from __future__ import annotations

from pathlib import Path

import pytest

from discs import write_discs
from handful.data.audit import Audit
from handful.data.check import check_data
from handful.data.split import Split
from handful.errors import SettingsError
from handful.experiments import fixed_splits, split_of


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    return check_data(write_discs(tmp_path_factory.mktemp("splits") / "discs", 24))


def names(split: Split, side: str) -> set[str]:
    return {region.name for region in getattr(split, side)}


def trained(split: Split) -> set[str]:
    return names(split, "train") | names(split, "validation")


@pytest.mark.parametrize(("test", "count"), [(0.25, 6), (10, 10)])
def test_share_and_number_of_test_images(audit: Audit, test: float, count: int) -> None:
    (split,) = fixed_splits(audit, test=test)
    assert len(split.test) == count
    assert not trained(split) & names(split, "test")
    assert fixed_splits(audit, test=test) == (split,)


@pytest.mark.parametrize("seed", range(3))
def test_training_sets_of_a_seed_are_nested_and_the_test_is_the_same(audit: Audit, seed: int) -> None:
    (split,) = fixed_splits(audit, test=0.25)
    smaller: set[str] = set()
    for count in (1, 2, 4, 8, 13, 18):
        made = split_of(audit, split, count, seed)
        assert made.test == split.test
        assert len(trained(made)) == count
        assert smaller < trained(made) <= trained(split)
        assert not trained(made) & names(split, "test")
        assert set(made.contents) == trained(made) | names(split, "test")
        smaller = trained(made)


def test_seeds_draw_other_images(audit: Audit) -> None:
    (split,) = fixed_splits(audit, test=0.25)
    assert len({frozenset(trained(split_of(audit, split, 4, seed))) for seed in range(5)}) == 5


def test_all_images_is_the_split_itself(audit: Audit) -> None:
    (split,) = fixed_splits(audit, test=0.25)
    assert split_of(audit, split, None, 3) is split


def test_more_images_than_there_are_is_refused(audit: Audit) -> None:
    (split,) = fixed_splits(audit, test=0.25)
    with pytest.raises(SettingsError, match="only 18 images are left"):
        split_of(audit, split, 19, 0)
    with pytest.raises(SettingsError, match="has only 24 images"):
        fixed_splits(audit, test=24)


@pytest.mark.parametrize("folds", [2, 5])
def test_folds_test_every_image_once(audit: Audit, folds: int) -> None:
    splits = fixed_splits(audit, folds=folds)
    tested = [region.name for split in splits for region in split.test]
    assert sorted(tested) == sorted(pair.name for pair in audit.pairs)
    for split in splits:
        assert trained(split) | names(split, "test") == set(tested)
        assert not trained(split) & names(split, "test")


def test_a_test_set_of_its_own_is_the_same_for_every_number(audit: Audit, tmp_path: Path) -> None:
    others = check_data(write_discs(tmp_path / "others", 5, first_seed=100))
    (split,) = fixed_splits(audit, others=others)
    made = split_of(audit, split, 3, 0, others)
    assert made.test == split.test
    assert made.test_contents == split.test_contents
    assert made.outside
    assert len(trained(made)) == 3
