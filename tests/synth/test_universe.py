"""Generated tasks: every family keeps to types and ranges, has an answer, and a look that its pictures share."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy import ndimage

from handful.cli import main
from handful.errors import SettingsError
from handful.synth.families import FAMILIES
from handful.synth.universe import draw_family, draw_tasks
from handful.synth.universe.cells import cells, membranes
from handful.synth.universe.draws import Draws
from handful.synth.universe.fields import bodies, noise, places, scattered
from handful.synth.universe.lines import vessels
from handful.synth.universe.objects import objects
from handful.synth.universe.scene import borders, topmost

every = pytest.mark.parametrize("family", FAMILIES)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draws(tasks: int = 3, pictures: int = 2, size: tuple[int, int] = (48, 64), seed: int = 0) -> Draws:
    return Draws(tasks, pictures, size, seeded(seed))


@every
def test_types_ranges_and_shapes(family):
    tasks = draw_family(family, 3, 2, (40, 56), seeded())
    assert tasks.images.shape == (3, 2, 3, 40, 56)
    assert tasks.masks.shape == (3, 2, 40, 56)
    assert tasks.images.dtype == torch.float32
    assert tasks.masks.dtype == torch.uint8
    assert tasks.images.min() >= 0
    assert tasks.images.max() <= 1
    assert tasks.images.isfinite().all()
    assert set(tasks.masks.unique().tolist()) <= {0, 1}
    assert {name for name, _ in tasks.questions} == {family}


@every
def test_the_same_seed_draws_the_same_and_another_others(family):
    first, again, other = (draw_family(family, 2, 2, (32, 32), seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.masks, again.masks)
    assert first.questions == again.questions
    assert not torch.equal(first.images, other.images)


@every
def test_questions_have_answers_in_nearly_every_picture(family):
    masks = draw_family(family, 12, 3, (64, 64), seeded(3)).masks.float()
    share = masks.mean((2, 3))
    assert ((share > 0.001) & (share < 0.95)).float().mean() > 0.85
    assert len({tuple(mask.flatten().tolist()) for mask in masks.flatten(0, 1)}) > 30  # no two pictures alike


def contrast(image: np.ndarray, mask: np.ndarray) -> float:
    """How far what is asked for stands out, in colour or in roughness: differences of means over deviations."""
    rough = ndimage.gaussian_filter(np.abs(image - ndimage.gaussian_filter(image, (0, 2, 2))), (0, 1, 1))
    planes, inside = np.concatenate([image, rough]), mask == 1
    apart = np.abs(planes[:, inside].mean(1) - planes[:, ~inside].mean(1))
    spread = (planes[:, inside].std(1) + planes[:, ~inside].std(1)) / 2 + 0.01
    return float((apart / spread).max())


@every
def test_masks_belong_to_their_images(family):
    """What is asked for looks different from the rest, more so than under the mask of another picture."""
    tasks = draw_family(family, 16, 2, (64, 64), seeded(5))
    own, others = [], []
    for images, masks in zip(tasks.images.numpy(), tasks.masks.numpy(), strict=True):
        if all(0 < mask.mean() < 1 for mask in masks):
            own.append(contrast(images[0], masks[0]))
            others.append(contrast(images[0], masks[1]))
    assert len(own) >= 12
    assert np.median(own) > 1.25 * np.median(others)


@every
def test_pictures_of_a_task_look_alike_and_tasks_differ(family):
    """Means of colour vary less within a task than between tasks (the F of an analysis of variance)."""
    means = draw_family(family, 12, 4, (64, 64), seeded(7)).images.mean((3, 4))
    within = means.var(1).mean()
    between = means.mean(1).var(0).mean()
    assert 4 * between > 3 * within


def test_tasks_of_several_families_come_in_turn_and_families_can_be_left_out():
    tasks = draw_tasks(5, 1, 32, seeded(), families=("cells", "worms"))
    assert [name for name, _ in tasks.questions] == ["cells"] * 3 + ["worms"] * 2
    assert {name for name, _ in draw_tasks(len(FAMILIES), 1, 32, seeded()).questions} == set(FAMILIES)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [((0, 1, 32), "at least one task"), ((1, 0, 32), "at least one task"), ((1, 1, 8), "16 pixels a side")],
)
def test_tasks_that_cannot_be(arguments, words):
    with pytest.raises(SettingsError, match=words):
        draw_tasks(*arguments, seeded())
    with pytest.raises(SettingsError, match="Did you mean cells"):
        draw_tasks(1, 1, 32, seeded(), families=("cell",))


def test_noise_has_the_wavelength_asked_for():
    drawn = draws(1, 8, (128, 128))
    waves = noise(drawn, torch.full((8,), 16.0), band=torch.ones(8, dtype=torch.bool))
    power = np.abs(np.fft.fft2(waves.numpy())) ** 2
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(128), np.fft.fftfreq(128)))
    assert 1 / np.average(frequency, weights=power.mean(0)) == pytest.approx(16, rel=0.15)
    assert waves.std((1, 2)).numpy() == pytest.approx(np.ones(8), abs=1e-3)


def test_points_without_jitter_are_the_middles_of_squares():
    drawn = draws(1, 1, (40, 40))
    rows, columns = (plane.expand(1, 40, 40) for plane in places(drawn))
    nearest, second, number = scattered(drawn, rows, columns, torch.tensor([8.0]), torch.tensor([0.0]))
    middle = (np.arange(40) / 8) % 1 - 0.5
    expected = np.hypot(middle[:, None], middle[None])
    assert nearest[0].numpy() == pytest.approx(expected, abs=1e-5)
    assert (second >= nearest).all()
    assert len(number[0, 4::8, 4::8].unique()) == 25


def test_bodies_are_as_large_as_asked_for():
    drawn = draws(1, 1, (101, 101), seed=4)
    rows, columns = (plane.expand(1, 101, 101) for plane in places(drawn))
    one = {"boxy": torch.tensor([0.0]), "stretch": torch.tensor([1.0])}
    inside = bodies(drawn, rows, columns, torch.full((1, 40), 9.0), **one)[0] < 1
    whole = [body for body in inside.numpy() if not (body[[0, -1]].any() or body[:, [0, -1]].any())]
    assert [body.sum() for body in whole] == pytest.approx([np.pi * 81] * len(whole), rel=0.03)


def test_topmost_and_borders_on_a_drawn_row():
    distance = torch.tensor([[[[0.0, 0.5, 0.9, 2.0]], [[2.0, 2.0, 0.2, 0.4]]]])
    labels, depth = topmost(distance)
    assert labels.tolist() == [[[1, 1, 2, 2]]]
    assert depth[0, 0].tolist() == pytest.approx([1.0, 0.5, 0.8, 0.6])
    thin = borders(torch.tensor([[[0, 0, 0, 5, 5, 5]]]), torch.tensor([False]))
    wide = borders(torch.tensor([[[0, 0, 0, 5, 5, 5]]]), torch.tensor([True]))
    assert thin.int().tolist() == [[[0, 0, 1, 1, 0, 0]]]
    assert wide.int().tolist() == [[[0, 1, 1, 1, 1, 0]]]


def test_questions_of_a_scene_agree_with_each_other():
    for seed in range(3):
        scene = cells(draws(seed=seed))
        assert torch.equal(scene.questions["cells"], scene.labels > 0)
        assert not (scene.questions["nuclei"] & ~scene.questions["cells"]).any()
        assert not (scene.questions["nuclei"] & scene.questions["rims"]).any()
        scene = membranes(draws(seed=seed))
        assert torch.equal(scene.questions["walls"], ~scene.questions["cells"])
        scene = vessels(draws(seed=seed))
        assert not (scene.questions["wide strips"] & ~scene.questions["strips"]).any()
        scene = objects(draws(seed=seed))
        assert not (scene.questions["cores"] & ~scene.questions["objects"]).any()
        assert not (scene.questions["objects"] & ~scene.questions["all objects"]).any()
        assert not scene.labels[~scene.questions["all objects"]].any()


def test_tasks_from_the_command_line_are_data_sets_of_their_own(tmp_path, capsys):
    out = tmp_path / "tasks"
    write = ["synth", "tasks", "-n", "2", "-o", str(out), "--size", "48", "--set", "families=cells,discs"]
    assert main([*write, "--set", "pictures=3", "--sheet", str(tmp_path / "sheet.png")]) == 0
    folders = sorted(out.iterdir())
    assert [folder.name.split("_")[1] for folder in folders] == ["cells", "discs"]
    assert len(list((folders[0] / "images").iterdir())) == 3
    assert (tmp_path / "sheet.png").is_file()
    capsys.readouterr()
    assert main(["check", str(folders[1])]) == 0
    assert "255 shapes" in capsys.readouterr().out
    assert main([*write[:5], str(tmp_path / "no"), "--set", "families=cell"]) == 2
    assert "Did you mean cells" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


def test_pictures_without_tasks_do_not_load_torch():
    code = "import sys, handful.synth, handful.verbs.synth; list(handful.synth.generate('drawings', 1)); "
    code += "assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
