"""The plan: what the data and the machine say about how to train, each choice with its reason in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.augment import Colour, Geometry
from handful.data.mask import VOID, MaskReading
from handful.data.region import spread_out
from handful.data.sample import Sample
from handful.errors import SettingsError
from handful.interior import has_interior
from handful.limits import check_settings
from handful.machine import Machine
from handful.measure.lines import are_lines
from handful.names import nearest, plural
from handful.normalise import measure_normalisation
from handful.scale import working_size
from handful.settings import TrainSettings
from handful.start import ENCODER_RATE, NO_START, RATE, REHEARSAL, Start, feature_steps, known_steps, refuse_of_a_start

TASKS = ("semantic", "instances", "boundaries")
THICKNESS_SIDE = 240  # pixels
LOOKED_AT = 24  # images whose masks are measured for thickness: enough for a median
THICK = 40  # pixels: objects thicker than twice this lose nothing when shrunk to it, and a net sees more of them
# Scenes of several classes gain more from being seen whole than they lose in their thin classes: camvid (road 170 px
# thick, poles 5) at 60 s has a mean Dice of .22 at full size, .42 at half, .45 at a third.
SCENE_THICK, THIN = 64, 1.8
SMALLEST_PATCH, LARGEST_PATCH, SURROUNDINGS = 128, 256, 4  # pixels, pixels, times the thickest class
FEW = 8  # training images, up to which what was learnt before is held on to
UP_MATTERS = (0.35, 3.5)  # the mean difference of top and bottom in its standard deviations, and in standard errors


@dataclass(frozen=True)
class Line:
    """One choice: its name as in settings.toml, its value, and why."""

    name: str
    value: Any
    reason: str


@dataclass(frozen=True)
class Plan:
    """Everything a training needs to know beyond the data. `lines` tells it in words, in the order of the choices."""

    task: str
    scale: dict[str, Any]
    normalisation: dict[str, Any]
    training: TrainSettings
    lines: tuple[Line, ...] = field(default=())
    init: str = NO_START  # or STARTER, or a model file


def make_plan(
    samples: Sequence[Sample],
    reading: MaskReading,
    machine: Machine,
    *,
    seconds: float,
    seed: int = 0,
    overrides: Mapping[str, Any] | None = None,
    start: Start | None = None,
) -> Plan:
    """Choose task, size, normalisation, net, patch, batch, loss and augmentation for these training samples.

    overrides: any line by its name ('task', 'scale', 'normalisation', or a field of TrainSettings such as 'patch' or
    'geometry.zoom'); what is given is not chosen. start: what is started from; its net's settings are taken over where
    the net is the same and nothing else is given. Raises SettingsError for a name or value that does not exist.
    """
    given = {name: value for name, value in (overrides or {}).items() if value is not None}
    start = start or Start()
    lines: list[Line] = []

    def choose(name: str, value: Any, reason: str) -> Any:
        if name in given:
            value, reason = given.pop(name), "as told"
        lines.append(Line(name, value, reason))
        return value

    task = choose("task", *choose_task(reading))
    if task not in TASKS:
        raise SettingsError(f"--task {task}: there is no such task. Tasks: {', '.join(TASKS)}.{nearest(task, TASKS)}")
    found = measure_thickness(samples, reading)
    scale = choose("scale", *choose_scale(found, reading))
    scale = read_scale(scale)
    kind = choose(
        "normalisation",
        "image",
        "each image is standardised by its own brightness and contrast, which differ between images",
    )
    normalisation = measure_normalisation(kind, samples, per_channel=False)
    settings = TrainSettings(seed=seed)
    sizes = [working_size(one.mask.shape, scale) for one in samples]
    init = choose("init", start.init, start.reason)
    if init == NO_START:
        refuse_of_a_start(given, start.reason)
    like_start = "as the model that is started from"
    quick = "quick", "folds 2x2 pixels into channels first: the best score a second on a small machine"
    choices: dict[str, tuple[Any, str]] = {
        "net": (start.net, like_start) if start.net else quick,
        "loss": (settings.loss, "cross-entropy for calm gradients, Dice for what is scored"),
        "patch": choose_patch(sizes, working_thickness(found, scale)),
        "precision": choose_precision(machine),
    }
    if has_interior(task, reading):
        choices["interior"] = choose_interior(str(given.get("net", choices["net"][0])))
    elif given.get("interior"):
        raise SettingsError("interior: there is one to be learnt with --task instances and one class of objects only.")
    if start.init != NO_START:
        choices["init_rate"] = RATE, "faster, what was learnt before would be lost"
        why = "as a share of that rate, where the start's features tell the classes: so less of them is lost"
        choices["init_encoder_rate"] = ENCODER_RATE, why
    values = {name: choose(name, *choice) for name, choice in choices.items()}
    settings = settings.with_values({"patch": values["patch"]})
    check_settings(settings)  # already here: the batch is chosen by the patch
    values["batch"] = choose("batch", *choose_batch(machine, settings.patch, sizes))
    if start.images:
        why = f"where it answers already, it is moved no further than {plural(start.images, 'image')} can teach it"
        steps = known_steps(start.images, sizes, settings.patch)
        values["init_known_steps"] = choose("init_known_steps", steps, why)
    if start.init != NO_START and len(samples) <= FEW:
        few = plural(len(samples), "image")
        why = f"where its features tell the classes, it is moved no further than {few} can teach it"
        told = "init_feature_steps" in given
        values["init_feature_steps"] = choose("init_feature_steps", feature_steps(len(samples)), why)
        if len(samples) > 1 and not told:
            why = "of the time, at most, to see whether images that are left out gain from more steps than that"
            values["init_rehearsal"] = choose("init_rehearsal", REHEARSAL, why)
    if start.net == values["net"]:
        if "net_settings" in given:
            given["net_settings"] = {**start.net_settings, **given["net_settings"]}
        values["net_settings"] = choose("net_settings", dict(start.net_settings), like_start)
    elif values["net"] == "quick":
        values["net_settings"] = choose("net_settings", *choose_width(machine, seconds, len(reading.classes)))
    geometry, why = choose_geometry(samples, reading)
    colour, lighting = Colour(), "so that other lighting does not surprise the net"
    settings = replace(settings, geometry=geometry, colour=colour).with_values({**values, **given})
    why = why if settings.geometry == geometry else "as told"
    lines.append(Line("geometry", geometry_words(settings.geometry), why))
    lighting = lighting if settings.colour == colour else "as told"
    lines.append(Line("colour", colour_words(settings.colour, len(samples[0].image)), lighting))
    check_settings(settings)
    for name, value in given.items():
        lines.append(Line(name, value, "as told"))
    return Plan(task, scale, normalisation, settings, tuple(lines), init)


def choose_task(reading: MaskReading) -> tuple[str, str]:
    if reading.draws_boundaries:
        return "boundaries", "the labels are drawn boundaries"
    if reading.instances:
        return "instances", "the masks number single objects, so single objects are what is wanted"
    return "semantic", "the masks hold classes, not single objects"


def wants_lines(task: str, samples: Sequence[Sample], reading: MaskReading) -> bool:
    """Whether boundaries are asked for, or one class of thin lines that part the rest, as membranes do."""
    one = len(reading.classes) == 2 and len(reading.objects) == 1
    return task == "boundaries" or (one and are_lines([sample.mask for sample in samples], reading.objects[0]))


def choose_interior(net: str) -> tuple[bool, str]:
    if net == "quick":
        return True, "the middle of each object is learnt too, so that objects that touch are told apart"
    return False, "the classes alone, as this net was published"


# ---- size


def thickness(mask: NDArray[np.bool_]) -> float:
    """How thick the set pixels are, as the width of a strip with the same mean distance to its edge; 0 for none.

    A strip of width w has a mean distance of w / 4 to its edge, half a pixel more to the pixels beyond, so that it
    counts as about w + 2; a disc of diameter d counts as 2/3 d + 2. What fills the image counts as its shorter side.
    """
    from scipy import ndimage

    if not mask.any():
        return 0.0
    if mask.all():  # no edge to measure the distance to
        return float(min(mask.shape))
    # The image's own edge is no edge of the object.
    distance = ndimage.distance_transform_edt(np.pad(mask, 1, mode="edge"))[1:-1, 1:-1]
    return float(4 * distance[mask].mean())


Thicknesses = Mapping[int, Sequence[tuple[float, int]]]  # by class, of each image: thickness and longer side


def measure_thickness(samples: Sequence[Sample], reading: MaskReading) -> Thicknesses:
    """How thick each class of objects is, and the longer side of the image it is in, both in pixels; of some images."""
    found: dict[int, list[tuple[float, int]]] = {}
    for one in spread_out(samples, LOOKED_AT):
        # On every second or third pixel of a large mask: distances cost by the pixel and a few per cent do not matter.
        step = max(1, max(one.mask.shape) // THICKNESS_SIDE)
        mask = one.mask[::step, ::step]
        for number in reading.objects:
            value = step * thickness(mask == number)
            if value:
                found.setdefault(number, []).append((value, max(one.mask.shape)))
    return found


def working_thickness(found: Thicknesses, scale: Mapping[str, Any]) -> float:
    """Pixels that the thickest class has at the size that the net works at; 0 where none was seen."""
    middles = [
        float(np.median([value * max(working_size((side, side), scale)) / side for value, side in pairs]))
        for pairs in found.values()
    ]
    return max(middles, default=0.0)


def choose_scale(found: Thicknesses, reading: MaskReading) -> tuple[str, str]:
    """'none', 'factor 0.5' or 'side 160', and why."""
    if not found:
        return "none", "no object was seen in the masks"
    middles = {number: float(np.median([value for value, _ in pairs])) for number, pairs in found.items()}
    thin, thick = min(middles, key=middles.__getitem__), max(middles, key=middles.__getitem__)
    middle, name = middles[thick], reading.classes[thick]
    if middle <= 2 * THICK:
        return "none", f"'{name}' is about {middle:.0f} pixels thick: small enough for the net to see it whole"
    if len(found) > 1:
        factor = max(SCENE_THICK / middle, THIN / middles[thin])
        if factor > 0.8:
            return (
                "none",
                f"'{reading.classes[thin]}', {middles[thin]:.0f} pixels thick, would be lost in smaller images",
            )
        return (
            f"factor {factor:.2g}",
            f"'{name}' is about {middle:.0f} pixels thick: shrunk, the net sees where it lies",
        )
    values = np.array([value for value, _ in found[thick]])
    sides = np.array([side for _, side in found[thick]], float)
    if len(values) > 3 and sides.std() > 0.1 * sides.mean() and np.log(values / sides).std() < np.log(values).std():
        side = round(float(THICK / np.median(values / sides)) / 16) * 16
        return f"side {max(side, 96)}", f"'{name}' grows with the picture ({middle:.0f} pixels thick in the middle)"
    factor = max(THICK / middle, 64 / float(np.median(sides)))
    return f"factor {factor:.2g}", f"'{name}' is about {middle:.0f} pixels thick: shrunk, the net sees it whole"


def read_scale(text: Any) -> dict[str, Any]:
    """'none', 'factor 0.5', 'side 160' as the small dict of handful.scale."""
    kind, _, value = str(text).partition(" ")
    try:
        number = float(value) if value else 0.0
    except ValueError:
        number = 0.0
    if kind == "none" and not value:
        return {"kind": "none"}
    if (kind == "factor" and 0.001 <= number <= 8) or (kind == "side" and 16 <= number <= 16384):
        return {"kind": kind, "value": number}
    raise SettingsError(f"scale {text!r}: expected none, factor F (0.001 to 8) or side PIXELS (16 to 16384).")


def choose_patch(sizes: Sequence[tuple[int, int]], thick: float) -> tuple[tuple[int, int], str]:
    """Rows and columns of a training sample at working size, multiples of 16; thick: pixels of the thickest class."""
    heights, widths = middle_size(sizes)
    most = min(max(16 * round(SURROUNDINGS * thick / 16), SMALLEST_PATCH), LARGEST_PATCH)
    rows, columns = (min(most, -(-size // 16) * 16) for size in (heights, widths))
    if shows_whole((rows, columns), sizes):
        return (rows, columns), "the whole image"
    return (rows, columns), (
        f"parts of the images of about {heights}x{widths}, as large as it takes to see what a pixel is part of: small "
        "ones from many places teach more than large ones from few"
    )


def choose_batch(machine: Machine, patch: tuple[int, int], sizes: Sequence[tuple[int, int]]) -> tuple[int, str]:
    """As many samples as have the pixels of 4 of 256x256, of whole small images up to 8; on a GPU 16."""
    if machine.device == "cuda":
        return 16, "a GPU is idle with fewer"
    most = 8 if shows_whole(patch, sizes) else 16
    batch = min(max(4 * 256 * 256 // (patch[0] * patch[1]), 4), most)
    return batch, "many small steps learn more in the time than few large ones"


def middle_size(sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    heights, widths = (int(np.median(part)) for part in zip(*sizes, strict=True))
    return heights, widths


def shows_whole(patch: tuple[int, int], sizes: Sequence[tuple[int, int]]) -> bool:
    """Whether a patch holds an image of the middle size."""
    return all(size <= side for size, side in zip(middle_size(sizes), patch, strict=True))


def choose_width(machine: Machine, seconds: float, classes: int) -> tuple[dict[str, Any], str]:
    """Channels of the first levels of a fresh quick net, as measured: docs/why/defaults.md."""
    if machine.device == "cuda":
        return {"width": 48}, "a GPU has time for a wide net"
    if seconds <= (300 if classes == 2 else 30):
        return {"width": 16}, f"in {seconds:g} s more steps teach more than more channels"
    if classes == 2 or seconds <= 150:
        return {"width": 24, "top": 16}, f"as wide as {seconds:g} s and {classes} classes want it"
    return {"width": 32}, f"{seconds:g} s are enough to train a net wide enough for {classes} classes"


def choose_precision(machine: Machine) -> tuple[str, str]:
    if machine.bfloat16:
        return "bfloat16", f"faster than float32 on this machine ({machine.name}), measured"
    return "float32", f"this machine ({machine.name}) is not faster in bfloat16, measured"


# ---- augmentation


def up_matters(samples: Sequence[Sample], reading: MaskReading) -> float:
    """How consistently the lower half of the images differs from the upper, in standard deviations; 0: not at all.

    Photographs have their sky above and their feet below; tissue and cells have no above. What could be chance, with
    so many images, is 0.
    """
    rows = []
    for one in samples:
        half = one.mask.shape[0] // 2
        image = np.nan_to_num(one.image.astype(np.float32).mean(0))  # a NaN in one image must not decide for all
        spread = float(image.std()) or 1.0
        differences = [(float(image[:half].mean()) - float(image[-half:].mean())) / spread]
        counted = one.mask != VOID
        for number in reading.objects:
            here = (one.mask == number) & counted
            if here.any():
                differences.append(float(here[:half].mean() - here[-half:].mean()) / max(float(here.mean()), 0.05))
            else:
                differences.append(0.0)
        rows.append(differences)
    table = np.array(rows)
    if len(table) < 4:
        return 0.0
    strength = float(np.abs(table.mean(0) / np.maximum(table.std(0, ddof=1), 1e-6)).max())
    return strength if strength > UP_MATTERS[0] and strength * len(table) ** 0.5 > UP_MATTERS[1] else 0.0


def choose_geometry(samples: Sequence[Sample], reading: MaskReading) -> tuple[Geometry, str]:
    strength = up_matters(samples, reading)
    if strength:
        return (
            Geometry(upside_down=False, rotation=15.0),
            "top and bottom differ from image to image in the same way "
            f"({strength:.1f} standard deviations): up matters",
        )
    few = len(samples) < 8
    why = "too few images to tell whether up matters" if few else "top and bottom look alike over the images"
    return Geometry(), f"{why}: turned freely"


def geometry_words(geometry: Geometry) -> str:
    """What is done to samples; 'none' where all is switched off."""
    turned = "any turn" if geometry.rotation >= 180 else f"turns to {geometry.rotation:g} degrees"
    done = {
        "mirrored": geometry.flip,
        "upside down": geometry.upside_down and geometry.rotation < 180,
        turned: geometry.rotation,
        f"zoom to {geometry.zoom:g}": geometry.zoom > 1,
        f"shift to {geometry.shift:g} of the sides": geometry.shift,
        "shear": geometry.shear,
        "elastic": geometry.elastic,
    }
    return ", ".join(words for words, on in done.items() if on) or "none"


def colour_words(colour: Colour, channels: int) -> str:
    """What is done to the colours of images of so many channels; 'none' where all is switched off."""
    done = [name for name, strength in vars(colour).items() if strength and (name != "cast" or channels > 1)]
    return ", ".join(done) or "none"
