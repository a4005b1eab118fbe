"""What a report is made of: plain data, so that any program can fill it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.measure.by_size import SizeRow
from handful.measure.confidence import Calibration
from handful.measure.scores import Scores


@dataclass(frozen=True)
class Picture:
    """One image to look at.

    `image` is uint8 (H, W, 3), (H, W, 1) or (H, W); `true` and `predicted` are masks uint8 (H, W) of class numbers,
    255 void; `true` is None where no truth is known. `dice` orders the pictures, worst first.
    """

    name: str
    image: NDArray[np.uint8]
    true: NDArray[np.uint8] | None
    predicted: NDArray[np.uint8]
    dice: float = nan


@dataclass(frozen=True)
class ReportContent:
    """Everything on the page; what is empty gets no section.

    Attributes
    ----------
    title : the heading, usually what is found in what ("Nuclei in 8 images").
    scores : from `handful.measure`; class names, colours and legends follow it.
    command : the command line that remakes the run.
    date : when, as text.
    settings, environment : name and value, in the order given.
    audit : (label, text) of what the data are; `problems` are sentences, file first.
    plan : (name, value, reason in words).
    history : rows with `seconds`, `step`, `loss`, and where known `learning_rate` and the Dice on `validation` images,
        or on `training` images where none were set aside; None or nan where a row has no such value.
    pictures : may be a generator; each picture is encoded as it comes and then forgotten.
    messages : what the user should know: remedies that were needed, notes.
    images_kind : how the sentences call the images measured ("unseen").
    calibration : how well probabilities fit the truth, before and after they were tempered.
    sizes : errors by the size of objects, or by the share of an image that a class covers.
    unlike : of images by name, how unlike the training images they are; above 1 they are called so.
    odd_training : names of training images that have not their like among the others, the oddest first.
    """

    title: str
    scores: Scores
    command: str = ""
    date: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    audit: Sequence[tuple[str, str]] = ()
    problems: Sequence[str] = ()
    plan: Sequence[tuple[str, str, str]] = ()
    history: Sequence[Mapping[str, Any]] = ()
    pictures: Iterable[Picture] = ()
    messages: Sequence[str] = ()
    environment: Mapping[str, Any] = field(default_factory=dict)
    images_kind: str = "unseen"
    calibration: Calibration | None = None
    sizes: Sequence[SizeRow] = ()
    unlike: Mapping[str, float] = field(default_factory=dict)
    odd_training: Sequence[str] = ()
