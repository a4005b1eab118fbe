"""What the plan chooses for drawn samples, and the words it gives for it."""

import numpy as np
import pytest

from handful.data.mask import MaskReading
from handful.data.sample import Sample
from handful.errors import SettingsError
from handful.machine import Machine, look_at_machine
from handful.plan import (
    choose_batch,
    choose_patch,
    choose_scale,
    make_plan,
    measure_thickness,
    read_scale,
    thickness,
    up_matters,
    working_thickness,
)
from handful.start import NO_START, STARTER, Start

READING = MaskReading("values", ("background", "thing"), 0, "grey")
CPU = Machine("cpu", 8 << 30, False, "2 CPU cores")


def scale_of(samples):
    return choose_scale(measure_thickness(samples, READING), READING)


def sample(mask, image=None, labels=None):
    if image is None:
        image = np.random.default_rng(mask.sum()).integers(0, 255, (1, *mask.shape)).astype(np.uint8)
    return Sample("drawn", image, mask.astype(np.uint8), labels)


def disc(size, radius, row=None, column=None):
    rows, columns = np.mgrid[:size, :size]
    row, column = (size // 2 if place is None else place for place in (row, column))
    return (rows - row) ** 2 + (columns - column) ** 2 <= radius**2


def plan_of(samples, reading=READING, machine=CPU, **given):
    return make_plan(samples, reading, machine, seconds=60, **given)


# ---- thickness


@pytest.mark.parametrize("width", [4, 10, 30])
def test_a_strip_is_as_thick_as_it_is_wide(width):
    mask = np.zeros((64, 80), bool)
    mask[:, 20 : 20 + width] = True  # from edge to edge: the image's own edge is none of the object
    assert thickness(mask) == pytest.approx(width + 2, abs=0.1)
    assert thickness(mask.T) == thickness(mask)


@pytest.mark.parametrize("radius", [10, 40])
def test_a_disc_counts_as_two_thirds_of_its_diameter(radius):
    assert thickness(disc(100, radius)) == pytest.approx(2 / 3 * 2 * radius + 2, abs=1.5)


def test_nothing_has_no_thickness_and_everything_that_of_the_image():
    assert thickness(np.zeros((9, 9), bool)) == 0
    assert thickness(np.ones((30, 50), bool)) == 30


# ---- scale


def test_thin_things_are_seen_as_they_are():
    scale, reason = scale_of([sample(disc(100, 12))] * 3)
    assert scale == "none"
    assert "'thing' is about" in reason


def test_thick_things_are_shrunk():
    scale, reason = scale_of([sample(disc(900, 300))] * 3)
    kind, value = scale.split()
    assert kind == "factor"
    assert 0.05 < float(value) < 0.2
    assert "shrunk" in reason


def test_what_grows_with_the_picture_is_brought_to_one_size():
    scale, reason = scale_of([sample(disc(size, size // 3)) for size in (300, 400, 600, 800, 1000)])
    assert scale.startswith("side ")
    assert "grows with the picture" in reason


def test_empty_masks_are_no_reason_to_shrink():
    assert scale_of([sample(np.zeros((20, 20), np.uint8))]) == ("none", "no object was seen in the masks")


def test_scales_are_read_and_others_refused():
    assert read_scale("none") == {"kind": "none"}
    assert read_scale("factor 0.5") == {"kind": "factor", "value": 0.5}
    assert read_scale("side 160") == {"kind": "side", "value": 160}
    for text in ("factor", "factor 0", "side 3", "half", "none 2", "side x", None):
        with pytest.raises(SettingsError, match="expected none, factor F"):
            read_scale(text)


# ---- up


def outdoors(seed):
    """Bright sky above, dark ground below, in each with noise; a thing that stands on the ground."""
    rng = np.random.default_rng(seed)
    image = rng.normal(90, 20, (1, 60, 60))
    image[0, : rng.integers(20, 40)] += 80
    return sample(disc(60, 8, row=45, column=rng.integers(10, 50)), image.clip(0, 255).astype(np.uint8))


def tissue(seed):
    rng = np.random.default_rng(seed)
    mask = disc(60, 8, *rng.integers(10, 50, 2))
    return sample(mask, (rng.normal(90, 20, (1, 60, 60)) + 60 * mask).clip(0, 255).astype(np.uint8))


def test_up_matters_where_the_sky_is_always_above():
    assert up_matters([outdoors(seed) for seed in range(12)], READING) > 0


def test_up_does_not_matter_in_random_pictures():
    found = [up_matters([tissue(20 * trial + n) for n in range(12)], READING) for trial in range(12)]
    assert sum(strength > 0 for strength in found) <= 1  # twelve discs can lie on one side by chance


def test_a_few_images_do_not_tell_up():
    assert up_matters([outdoors(seed) for seed in range(3)], READING) == 0


def test_one_nan_does_not_decide_for_all():
    samples = [outdoors(seed) for seed in range(12)]
    image = samples[3].image.astype(np.float32)
    image[0, 5, 5] = np.nan
    samples[3] = Sample("nan", image, samples[3].mask, None)
    assert up_matters(samples, READING) > 0


# ---- the plan


def test_every_choice_has_its_reason():
    plan = plan_of([tissue(n) for n in range(8)])
    assert plan.task == "semantic"
    assert plan.scale == {"kind": "none"}
    assert plan.training.patch == (64, 64)
    assert plan.training.geometry.upside_down
    names = [line.name for line in plan.lines]
    assert {"task", "scale", "normalisation", "net", "loss", "patch", "batch", "geometry"} <= set(names)
    assert all(line.reason for line in plan.lines)


@pytest.mark.parametrize(
    ("device", "seconds", "classes", "expected"),
    [
        ("cpu", 300, 2, {"width": 16}),
        ("cpu", 600, 2, {"width": 24, "top": 16}),
        ("cpu", 20, 3, {"width": 16}),
        ("cpu", 60, 3, {"width": 24, "top": 16}),
        ("cpu", 300, 3, {"width": 32}),
        ("cuda", 20, 2, {"width": 48}),
    ],
)
def test_the_net_is_as_wide_as_time_and_classes_want_it(device, seconds, classes, expected):
    machine = Machine(device, 8 << 30, False, device)
    reading = MaskReading("values", ("background", "thing", "other")[:classes], 0, "grey")
    plan = make_plan([tissue(0)], reading, machine, seconds=seconds)
    assert plan.training.net_settings == expected


def test_pictures_with_a_sky_are_not_turned_over():
    plan = plan_of([outdoors(n) for n in range(12)])
    assert not plan.training.geometry.upside_down
    assert "up matters" in next(line.reason for line in plan.lines if line.name == "geometry")


def test_the_masks_say_what_the_task_is():
    single = MaskReading("labels", ("background", "thing"), 0, "grey", instances=True)
    lines = MaskReading("boundaries", ("background", "boundary"), 0, "boundaries")
    assert plan_of([tissue(0)], single).task == "instances"
    assert plan_of([tissue(0)], lines).task == "boundaries"


def test_what_is_given_is_not_chosen():
    given = {"task": "boundaries", "patch": (32, 48), "geometry.zoom": 2.0, "batch": 3, "net": "fcn", "loss": None}
    plan = plan_of([tissue(0)], overrides=given)
    assert plan.task == "boundaries"
    assert plan.training.patch == (32, 48)
    assert plan.training.geometry.zoom == 2
    assert plan.training.batch == 3
    assert {line.reason for line in plan.lines if line.name in ("task", "patch", "batch", "net")} == {"as told"}


@pytest.mark.parametrize(
    ("given", "geometry", "colour"),
    [
        ({}, "mirrored, any turn, zoom to 1.3, shear, elastic", "brightness, contrast, noise, blur"),
        ({"augment": "none"}, "none", "none"),
        ({"augment": "flip+noise"}, "mirrored, upside down", "noise"),
        ({"augment": "flip+rotation", "geometry.rotation": 20}, "mirrored, upside down, turns to 20 degrees", "none"),
        ({"augment": "shift"}, "shift to 0.1 of the sides", "none"),
    ],
)
def test_the_plan_tells_the_augmentation_that_is_really_done(given, geometry, colour):
    told = {line.name: line for line in plan_of([tissue(n) for n in range(8)], overrides=given).lines}
    assert (told["geometry"].value, told["colour"].value) == (geometry, colour)
    assert (told["geometry"].reason == "as told") == (told["colour"].reason == "as told") == bool(given)


@pytest.mark.parametrize(
    ("given", "paste"),
    [({}, 0), ({"paste": 0.5}, 0.5), ({"augment": "paste"}, 0.25), ({"augment": "flip"}, 0), ({"augment": "all"}, 0)],
)
def test_objects_are_put_before_other_grounds_where_that_is_named(given, paste):
    assert plan_of([tissue(n) for n in range(4)], overrides=given).training.paste == paste


@pytest.mark.parametrize(
    ("count", "init", "far"), [(1, STARTER, 25), (8, STARTER, 32), (9, STARTER, 0), (4, NO_START, 0)]
)
def test_a_few_images_are_not_followed_to_the_end(count, init, far):
    plan = plan_of([tissue(n) for n in range(count)], start=Start(init, net="quick"))
    assert plan.training.init_feature_steps == far
    told = [line.reason for line in plan.lines if line.name == "init_feature_steps"]
    assert len(told) == bool(far)
    assert all(f"than {count} image" in words for words in told)


@pytest.mark.parametrize(
    ("count", "given", "share"),
    [
        (1, {}, 0),
        (2, {}, 0.5),
        (8, {}, 0.5),
        (9, {}, 0),
        (4, {"init_feature_steps": 40}, 0),
        (4, {"init_rehearsal": 0.2}, 0.2),
        (4, {"init_rehearsal": 0}, 0),
        (4, {"init_feature_steps": 40, "init_rehearsal": 0.2}, 0.2),
    ],
)
def test_a_few_images_are_tried_out_where_nobody_says_how_far_to_follow_them(count, given, share):
    plan = plan_of([tissue(n) for n in range(count)], overrides=given, start=Start(STARTER, net="quick"))
    assert plan.training.init_rehearsal == share


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"task": "instance"}, "Did you mean instances"),
        ({"scale": "half"}, "expected none, factor F"),
        ({"normalisation": "none"}, "normalisation"),
        ({"ptach": 32}, "Did you mean patch"),
        ({"batch": 0}, "batch = 0"),
        ({"net_settings": "wide"}, r"expected parts, such as \{NAME = 1\} or net_settings.NAME=1"),
        ({"patch": 0}, "patch = 0x0"),
        ({"learning_rate": -1.0}, "learning_rate = -1"),
        ({"optimiser": "sgd"}, "muon and adamw"),
        ({"precision": "float8"}, "float32 and bfloat16"),
    ],
)
def test_what_makes_no_sense_is_refused(given, said):
    with pytest.raises(SettingsError, match=said):
        plan_of([tissue(0)], overrides=given)


@pytest.mark.parametrize(
    ("sizes", "thick", "patch"),
    [
        ([(1, 1)], 0, (16, 16)),
        ([(100, 500)], 5, (112, 128)),
        ([(100, 500)], 45, (112, 176)),
        ([(400, 500)], 80, (256, 256)),
        ([(64, 64), (20, 90), (64, 64)], 5, (64, 64)),
    ],
)
def test_a_patch_shows_the_surroundings_of_what_is_thick_in_multiples_of_16(sizes, thick, patch):
    chosen, reason = choose_patch(sizes, thick)
    assert chosen == patch
    assert reason


def test_a_batch_has_the_same_pixels_whatever_the_patch_and_few_whole_images():
    large = [(500, 500)]
    assert [choose_batch(CPU, (side, side), large)[0] for side in (256, 176, 128)] == [4, 8, 16]
    assert choose_batch(CPU, (128, 128), [(128, 128)])[0] == 8
    assert choose_batch(CPU, (32, 32), large)[0] == 16


def test_thickness_is_told_at_the_size_that_the_net_works_at():
    found = measure_thickness([sample(disc(300, 90))], READING)
    full = working_thickness(found, {"kind": "none"})
    assert full == pytest.approx(2 / 3 * 180 + 2, rel=0.05)
    assert working_thickness(found, {"kind": "factor", "value": 0.5}) == pytest.approx(full / 2, rel=0.02)
    assert working_thickness(found, {"kind": "side", "value": 100}) == pytest.approx(full / 3, rel=0.02)
    assert working_thickness({}, {"kind": "none"}) == 0


def test_a_machine_is_looked_at():
    machine = look_at_machine("cpu")
    assert machine.device == "cpu"
    assert machine.memory > 1 << 20
    assert "CPU core" in machine.name
