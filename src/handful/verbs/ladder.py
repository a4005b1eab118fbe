"""The ladder: a pixel forest, grown in a tenth of the time, is kept where it beats the net.

On few textured images and in few seconds a forest is better than a net of fresh weights; on most others it is far
behind, and it cannot learn a shape. Which of the two it is nobody can tell from the images, so both are tried. A net
that starts from learnt weights is ahead from the first steps on, and would lose by scores on training images: it is not
compared (docs/why/defaults.md).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan, prod
from typing import TYPE_CHECKING, Any, cast

from handful.errors import SettingsError
from handful.measure.overlap import dice_per_image, mean_present
from handful.measure.scores import FOREST
from handful.plan import Line, Plan
from handful.scale import working_size
from handful.start import NO_START
from handful.verbs.start import are_given

if TYPE_CHECKING:
    from torch import nn

    from handful.data.split import Region
    from handful.modelfile import ModelCard
    from handful.models.forest import PixelForest
    from handful.prediction.segmenter import Segmenter
    from handful.training.loop import Fitted, Run
    from handful.training.validation import Validation

SHARE, LONGEST = 0.1, 6.0  # of the time, and seconds, that growing and judging a forest may take
ROW_SHARE = 0.05  # of the time at most is kept back for the forest's answers on the test images
COMPARED, CROP = 8, 160  # images, pixels: on parts of so many both answer, which takes a forest about half a second
NET_LINES = ("net", "net_settings", "loss", "loss_settings")  # whoever asks for one of these wants a net


@dataclass(frozen=True)
class Rival:
    """A grown forest. `score` is its Dice on the images of `ground`, half of it out of the bag if none is held back."""

    net: PixelForest
    settings: dict[str, int]
    score: float
    constant: bool  # one class everywhere
    pace: float  # seconds a pixel
    judging: float  # seconds
    ground: Validation


@dataclass(frozen=True)
class Choice:
    """What was kept, both scores, and why in words."""

    forest_kept: bool
    forest: float
    net: float
    reason: str

    def record(self) -> dict[str, Any]:
        """For the model's card."""
        kept = "forest" if self.forest_kept else "net"
        return {"kept": kept, "forest": self.forest, "net": self.net, "reason": self.reason}

    def line(self) -> Line:
        """For the plan."""
        return Line("kept", FOREST if self.forest_kept else "net", self.reason)


def wants_rival(plan: Plan, overrides: Mapping[str, Any], run: Run) -> bool:
    """Whether a forest is to be tried beside the net: one chosen by the plan, fresh, against a clock, on one CPU.

    Not for boundaries: what parts two regions is seen by their shape, and the scores that count are of thin lines,
    which the Dice of pixels does not tell. A GPU takes thousands of steps in the time.
    """
    chosen = plan.init == NO_START and not are_given(overrides, NET_LINES)
    alone = run.crew.size == 1 and run.device.type == "cpu"
    return chosen and alone and run.clock.steps is None and plan.training.net == "quick" and plan.task != "boundaries"


def raise_rival(run: Run, *, channels: int, seed: int) -> Rival | None:
    """Grow a forest beside a net that is about to be trained, and judge it; None where the pixels are of one class."""
    from handful.models.forest import PixelForest

    began = time.monotonic()
    allowed = min(SHARE * run.clock.seconds, LONGEST)
    return grow(run, PixelForest(channels, run.validation.classes), seed=seed, until=began + allowed)


def grow(run: Run, asked: PixelForest, *, seed: int, until: float | None) -> Rival | None:
    """Grow a forest on the images that the run draws from, and judge it on those that it is validated on."""
    from handful.training.forest import grow_forest
    from handful.training.store import plain_image

    held_out = run.validation.held_out
    grown = grow_forest(
        asked,
        lambda index: plain_image(run.pool.store, index, asked.in_channels, run.validation.interior_of),
        len(run.pool.store.shapes),
        scored=run.validation.scored,
        seed=seed,
        # Judging takes about as long as a third of the growing.
        until=None if until is None else time.monotonic() + 0.75 * (until - time.monotonic()),
        out_of_bag=not held_out,
    )
    if grown is None:
        return None
    ground = run.validation.parts(CROP, COMPARED, seed)
    began = time.monotonic()
    score, constant = judge(grown.net.to(run.device), ground)
    judging = time.monotonic() - began
    pace = judging / sum(mask.size for mask in ground.masks)
    if not held_out:
        score = (score + grown.out_of_bag) / 2
    return Rival(grown.net, grown.settings, score, constant, pace, judging, ground)


def judge(net: nn.Module, ground: Validation) -> tuple[float, bool]:
    """Dice as the report heads it, a mean over images, and whether one class is answered everywhere.

    Pooled over pixels, as in training, an image of another kind than most hardly counts.
    """
    from handful.training.validation import is_constant

    counts = ground.count(net)
    return float(mean_present(mean_present(dice_per_image(counts)[:, list(ground.scored)]))), is_constant(counts)


def choose(rival: Rival, fitted: Fitted) -> Choice:
    """Forest or net: the forest where it is ahead by more than chance explains, or the net answers one class only.

    On images held back both are judged alike. Where there are none, both are judged on images that they learnt from,
    which flatters both, the forest more: half of its score is out of the bag (docs/why/defaults.md has the table).
    """
    from handful.training.loop import LUCK

    where = "validation Dice" if rival.ground.held_out else "Dice on training images, the forest's half out of the bag,"
    if not fitted.steps:
        return Choice(True, rival.score, float("nan"), "there was no time for a step of the net")
    score, constant = judge(fitted.net, rival.ground)
    if isnan(score) or isnan(rival.score):
        return Choice(False, rival.score, score, "what a pixel forest was compared on shows nothing of what is scored")
    margin = LUCK / max(len(rival.ground.images), 1) ** 0.5
    better = not rival.constant and (constant or rival.score > score + margin)
    if better:
        return Choice(True, rival.score, score, f"{where} {rival.score:.2f} against {score:.2f} of the net")
    return Choice(False, rival.score, score, f"{where} {score:.2f} against {rival.score:.2f} of a pixel forest")


def climb(rival: Rival, plan: Plan, run: Run, fitted: Fitted) -> tuple[Plan, Choice]:
    """Choose, and where the forest is kept put it in the place of the net; gives the plan that says so."""
    from handful.training.loop import CONSTANT

    choice = choose(rival, fitted)
    if choice.forest_kept:
        fitted.net, fitted.net_settings = rival.net, rival.settings
        fitted.score, fitted.constant = rival.score, rival.constant
        fitted.messages = [one for one in fitted.messages if one != CONSTANT]  # which was said of the net
        fitted.messages.append(f"kept the pixel forest: {choice.reason}.")
        run.validation = rival.ground
        # Without the numbers of its trees, which were those that this time allowed.
        plan = replace(plan, training=replace(plan.training, net="forest", net_settings={}, interior=False))
    return replace(plan, lines=(*plan.lines, choice.line())), choice


def seconds_to_keep(rival: Rival, plan: Plan, regions: Sequence[Region], seconds: float) -> float:
    """What is kept back for the end: judging the net, the forest's threshold where it is kept, its answers on the test
    images, as those of the model or beside them."""
    row = 1.2 * rival.pace * sum(prod(working_size(region.shape, plan.scale)) for region in regions)
    return rival.judging + min(row, ROW_SHARE * seconds)


def grow_alone(run: Run, seed: int) -> Fitted:
    """`--net forest`: a forest and nothing else. Raises SettingsError where the training pixels are of one class."""
    from handful.training.loop import Fitted

    until = None if run.clock.steps is not None else time.monotonic() + max(run.clock.left(0), 0.0)
    rival = grow(run, cast("PixelForest", run.net), seed=seed, until=until)
    if rival is None:
        raise SettingsError("--net forest: the training pixels are all of one class. Label pixels of another too.")
    run.validation = rival.ground
    return Fitted(rival.net, 0, rival.score, rival.constant, net_settings=rival.settings)


def rival_model(rival: Rival, card: ModelCard) -> Segmenter:
    """The forest as a model of its own, for its answers on the test images."""
    from handful.modelfile import tile_of
    from handful.prediction.segmenter import Segmenter

    return Segmenter(
        rival.net,
        replace(
            card,
            net="forest",
            net_settings=rival.settings,
            outputs=len(card.classes),
            postprocessing={name: value for name, value in card.postprocessing.items() if name != "h"},  # without lift
            halo=rival.net.halo,
            tile=tile_of(rival.net.halo),
            multiple=1,
            mirrored=(),
            sizes=(),
            threshold=None,
            bridge=None,
            temperature=None,
            object_confidence={},
            likeness={},
        ),
    )
