"""Folds: every image tested exactly once, copies together, stretches of a stack, strips of a single image."""

import numpy as np
import pytest
from PIL import Image

from discs import draw_discs, write_discs
from handful.data.check import check_data
from handful.data.folds import advice, fold_words, make_folds
from handful.data.split import make_split
from handful.errors import SettingsError


def pixels(regions, audit):
    """How often each pixel is in one of the regions, by image."""
    counts = {name: np.zeros((facts.height, facts.width), int) for name, facts in audit.facts.items()}
    for region in regions:
        counts[region.name][slice(*region.rows), slice(*region.columns)] += 1
    return counts


def write_one(folder, side=(64, 96)):
    write_discs(folder, 0)
    image, mask = draw_discs(3, side=max(side))
    Image.fromarray(image[: side[0], : side[1]]).save(folder / "images" / "a.png")
    Image.fromarray(mask[: side[0], : side[1]]).save(folder / "masks" / "a.png")
    return folder


@pytest.mark.parametrize("folds", [2, 3, 5, "loo"])
def test_every_pixel_is_tested_once_and_never_trained_on_in_that_fold(tmp_path, folds):
    audit = check_data(write_discs(tmp_path / "discs", 7))
    splits = make_folds(audit, folds)
    assert len(splits) == (7 if folds == "loo" else folds)
    assert all((seen == 1).all() for seen in pixels([r for split in splits for r in split.test], audit).values())
    for split in splits:
        assert all((seen == 1).all() for seen in pixels([*split.train, *split.test], audit).values())
    sizes = [len(split.test) for split in splits]
    assert max(sizes) - min(sizes) <= 1


def test_the_only_image_is_cut_into_strips(tmp_path):
    audit = check_data(write_one(tmp_path / "one"))
    splits = make_folds(audit, 3)
    assert [split.test[0].columns for split in splits] == [(0, 32), (32, 64), (64, 96)]
    assert len(splits[1].train) == 2
    for split in splits:
        assert (pixels([*split.train, *split.test], audit)["a"] == 1).all()
    assert "strips" in fold_words(splits)
    with pytest.raises(SettingsError, match="2 to 6 strips"):
        make_folds(audit, 7)


def test_copies_stay_together(tmp_path):
    folder = write_discs(tmp_path / "discs", 5)
    for kind in ("images", "masks"):
        (folder / kind / "copy.png").write_bytes((folder / kind / "disc_2.png").read_bytes())
    audit = check_data(folder)
    for split in make_folds(audit, "loo"):
        names = {region.name for region in split.test}
        assert ("copy" in names) == ("disc_2" in names)
    with pytest.raises(SettingsError, match="of which 5 differ"):
        make_folds(audit, 6)


def test_slices_are_held_back_in_stretches(tmp_path):
    import tifffile

    rng = np.random.default_rng(0)
    volume = np.cumsum(rng.normal(size=(9, 48, 48)), axis=0)
    volume = np.uint8(255 * (volume - volume.min()) / np.ptp(volume))
    tifffile.imwrite(tmp_path / "train-volume.tif", volume)
    tifffile.imwrite(tmp_path / "train-labels.tif", np.uint8(255 * (volume > 128)))
    audit = check_data(tmp_path)
    assert audit.stack
    order = [pair.name for pair in audit.pairs]
    for split in make_folds(audit, 3):
        places = sorted(order.index(region.name) for region in split.test)
        assert places == list(range(places[0], places[0] + 3))


def test_names_and_order_do_not_matter(tmp_path):
    one = check_data(write_discs(tmp_path / "a", 6))
    folder = write_discs(tmp_path / "b", 6)
    for kind in ("images", "masks"):
        for number in range(6):
            (folder / kind / f"disc_{number}.png").rename(folder / kind / f"x{5 - number}.png")
    other = check_data(folder)

    def contents(audit):
        return {frozenset(audit.facts[region.name].content for region in split.test) for split in make_folds(audit, 3)}

    assert contents(one) == contents(other)


def test_folds_are_advised_where_few_images_are_held_back(tmp_path):
    few = check_data(write_discs(tmp_path / "few", 8))
    assert "--folds 5 scores all 8" in advice(few, make_split(few))
    four = check_data(write_discs(tmp_path / "four", 4))
    assert "--folds loo scores all 4" in advice(four, make_split(four))
    one = check_data(write_one(tmp_path / "one"))
    assert advice(one, make_split(one)) == ""
