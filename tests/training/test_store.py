"""Images on demand are, pixel for pixel, those that are kept ready; few are kept at a time."""

import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from discs import draw_discs
from handful.augment import Colour, Geometry
from handful.data.check import check_data
from handful.data.region import Region, whole_regions
from handful.data.sample import SamplesOnDemand, look_at_some, open_samples, read_samples
from handful.machine import Machine
from handful.plan import make_plan
from handful.training import store as module
from handful.training.pool import Pool
from handful.training.store import OnDemand, Ready, make_store

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def audit(tmp_path_factory):
    """Six images of two sizes, the last without an object."""
    root = tmp_path_factory.mktemp("data")
    for part in ("images", "masks"):
        (root / part).mkdir()
    for number in range(6):
        image, mask = draw_discs(number, side=64 + 16 * (number % 2))
        Image.fromarray(image).save(root / "images" / f"{number}.png")
        Image.fromarray(mask * (number < 5)).save(root / "masks" / f"{number}.png")
    return check_data(root)


def stores(audit, regions=None, **overrides):
    regions = regions or list(whole_regions(audit).values())
    samples = read_samples(audit, regions)
    machine = Machine("cpu", 1 << 30, False, "")
    plan = make_plan(samples, audit.reading, machine, seconds=60, overrides={"patch": 32, **overrides})
    both = samples, SamplesOnDemand(audit, regions)
    made = [make_store(one, plan, audit.reading, seed=0, device=CPU) for one in both]
    assert isinstance(made[0], Ready)
    assert isinstance(made[1], OnDemand)
    return made


@pytest.mark.parametrize(
    "overrides",
    [{}, {"scale": "factor 0.5"}, {"loss": "weighted_dice"}, {"task": "boundaries"}, {"normalisation": "dataset"}],
    ids=str,
)
def test_on_demand_is_pixel_for_pixel_what_is_ready(audit, overrides):
    ready, demand = stores(audit, **overrides)
    assert list(demand.shapes) == list(ready.shapes)
    assert demand.weighted == ready.weighted == ("loss" in overrides)
    assert torch.equal(demand.count(), ready.count())
    for index in range(6):
        assert torch.equal(demand.planes(index), ready.planes(index))
        assert torch.equal(demand.mask(index), ready.mask(index))
    for value, holders in ready.holders.items():
        assert set(holders) <= set(demand.holders[value])
        for index in holders:
            found, remembered = demand.places(index, value), ready.places(index, value)
            assert set(remembered) <= set(found)
            assert len(remembered) == min(len(found), module.PLACES)


def test_a_part_of_an_image_is_that_part(audit):
    parts = [Region("0", (8, 40), (0, 64)), Region("1", (0, 80), (16, 48))]
    ready, demand = stores(audit, parts)
    for index in range(2):
        assert torch.equal(demand.planes(index), ready.planes(index))


def test_batches_are_drawn_and_the_least_recent_images_are_forgotten(audit, monkeypatch):
    monkeypatch.setattr(module, "DECODED", 3 * 2 * 80 * 80)
    _, demand = stores(audit)
    chances = {"geometry": Geometry(), "colour": Colour(), "focus": 0.5, "hardness": 0.4, "seed": 0}
    pool = Pool(demand, patch=(32, 32), batch=4, **chances, device=CPU)
    share = np.mean([float((pool.draw(step).target == 1).float().mean()) for step in range(30)])
    assert 0.1 < share < 0.6
    assert 1 < len(demand._kept) < 6
    assert demand._bytes == sum(kept.size for kept in demand._kept.values()) <= module.DECODED
    image = next(iter(demand._kept.values())).image
    assert image.dtype == np.uint8  # as stored
    assert torch.equal(pool.draw(7).image, pool.draw(7).image)


def test_another_process_decodes_for_itself(audit):
    _, demand = stores(audit)
    expected = demand.planes(0)
    there = pickle.loads(pickle.dumps(demand.on(torch.device("meta"))))
    assert len(pickle.dumps(there)) < 20_000
    there.take([], CPU)
    assert torch.equal(there.planes(0), expected)


def test_few_images_are_read_at_once_and_many_when_asked_for(audit, monkeypatch):
    regions = list(whole_regions(audit).values())
    assert isinstance(open_samples(audit, regions), list)
    monkeypatch.setattr("handful.data.sample.READY", 200_000)
    monkeypatch.setattr("handful.data.sample.LEAST_READY", 2)
    monkeypatch.setattr("handful.data.sample.LOOKED_AT", 3)
    many = open_samples(audit, regions)
    assert isinstance(many, SamplesOnDemand)
    assert [one.name for one in many] == [region.name for region in regions]
    assert [one.name for one in look_at_some(many)] == ["0", "2", "4"]
    assert len(many[:4]) == 4
    assert many.classes[5] == (0,)
    monkeypatch.setattr("handful.data.sample.LEAST_READY", 64)  # of images this large so few would fit
    assert isinstance(open_samples(audit, regions), list)
