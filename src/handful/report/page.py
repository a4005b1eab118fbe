"""One self-contained HTML page: everything is inside the file, nothing is fetched, and it reads without scripts."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from math import isnan, nan
from pathlib import Path
from typing import Any

from handful.files import write_whole
from handful.measure.scores import LABELS, UNBOUNDED, ImageScore, Scores, trivial_label
from handful.report.advice import advice
from handful.report.content import Picture, ReportContent
from handful.report.curve import Curve, draw_curve
from handful.report.palette import PREDICTION, TRUTH, VOID_GREY, WRONG, class_colour, css
from handful.report.pictures import Panels, draw_panels
from handful.report.reliability import draw_reliability
from handful.report.template import HERE, render
from handful.report.verdict import standing, verdict

FEW, LARGE, SMALL = 40, 480, 320  # up to FEW images their pictures have LARGE pixels on the long side
MOST_BYTES = 9_000_000  # of pictures: the worst images get theirs first, so that a page stays one that can be mailed


def write_report(path: str | Path, content: ReportContent) -> None:
    """Write the report as one HTML file, whole or not at all; a file already there is replaced.

    Raises
    ------
    OutputError : the file cannot be written.
    """
    path = Path(path)
    page = render_report(content)
    # A file name may hold bytes that are no text.
    write_whole(path, page.encode("utf-8", errors="replace"))


def render_report(content: ReportContent) -> str:
    """The page as text."""
    scores = content.scores
    images = _images(scores, content)
    kind, word = standing(scores)
    reliability = draw_reliability(content.calibration)
    return render(
        "page.html",
        {"trivial_label": trivial_label, "by_class": _by_class},
        title=content.title,
        date=content.date,
        content=content,
        scores=scores,
        labels=LABELS,
        unbounded=UNBOUNDED,
        script=(HERE / "page.js").read_text(encoding="utf-8"),
        verdict=verdict(scores, content.images_kind),
        standing_kind=kind,
        standing=word,
        headline=scores[scores.headline],
        curves=_curves(content.history),
        images=images,
        pictured=sum(panels is not None for _, panels in images),
        legend=_legend(scores, void=any(panels is not None and panels.void for _, panels in images)),
        confusion=confusion_rows(scores),
        class_rows=_class_rows(scores),
        reliability=reliability,
        tempered=any(len(plot.lines) > 1 for plot in reliability),
        advice=advice(scores, content.unlike, content.sizes, content.odd_training) if scores.n else [],
        unlike=content.unlike,
        several=len(scores.object_classes) > 1,
    )


def _curves(history: Sequence[Any]) -> list[Curve]:
    drawn = [
        draw_curve(history, "loss", "Training loss", loss=True),
        draw_curve(history, "validation", "Dice on validation images"),
        draw_curve(history, "training", "Dice on training images"),
    ]
    return [curve for curve in drawn if curve is not None]


def _images(scores: Scores, content: ReportContent) -> list[tuple[ImageScore, Panels | None]]:
    """Each image with its pictures, worst first; images without a score follow, in the order given."""
    by_name = {image.name: image for image in scores.worst()}
    side = LARGE if len(by_name) <= FEW else SMALL
    # Pillow and numpy let go of the interpreter while they work.
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        panels_of = pool.map(lambda picture: _draw(picture, scores, side), content.pictures)
        drawn = {panels.name: panels for panels in panels_of}
    for name, unscored in drawn.items():
        by_name.setdefault(name, ImageScore(name, unscored.dice, nan, nan, nan))
    left, rows = MOST_BYTES, []
    for name, image in by_name.items():
        panels = drawn.get(name)
        left -= panels.bytes if panels else 0
        rows.append((image, panels if left >= 0 else None))
    return rows


def _draw(picture: Picture, scores: Scores, side: int) -> Panels:
    return draw_panels(picture, classes=len(scores.class_names), background=scores.background, side=side)


def _legend(scores: Scores, *, void: bool) -> list[tuple[str, str]]:
    """(colour, meaning) of what is drawn over the images."""
    if len(scores.class_names) == 2 and scores.background is not None:
        legend = [(css(TRUTH), "truth; filled: missed"), (css(PREDICTION), "prediction; filled: too much")]
    else:
        legend = [(css(class_colour(k)), name) for k, name in enumerate(scores.class_names) if k != scores.background]
        legend.append((css(WRONG), "in the difference: wrong class"))
    return [*legend, (css(VOID_GREY), "void, not scored")] if void else legend


def _class_rows(scores: Scores) -> list[dict[str, Any]]:
    """One row a scored class, for more than one of them."""
    if len(scores.classes) < 2:
        return []
    total = sum(map(sum, scores.confusion))
    return [
        {
            "name": name,
            "colour": css(class_colour(number)),
            "share": sum(scores.confusion[number]) / total if total else nan,
            "scores": scores.classes[name],
        }
        for number, name in enumerate(scores.class_names)
        if name in scores.classes
    ]


def confusion_rows(scores: Scores) -> list[dict[str, Any]]:
    """Rows of true classes as shares of their pixels."""
    if not scores.n:
        return []
    unanswered = any(row[-1] for row in scores.confusion)
    rows = []
    for number, (name, row) in enumerate(zip(scores.class_names, scores.confusion, strict=True)):
        cells = row if unanswered else row[:-1]
        total = sum(row)
        shares = [cell / total if total else nan for cell in cells]
        rows.append({"number": number, "name": name, "shares": shares, "pixels": total})
    return rows


def _by_class(image: ImageScore) -> str:
    """Dice of the classes of one image for the page's script: {"leaf": 0.9}, JSON, what is not scored left out."""
    known = {name: round(row["dice"], 4) for name, row in image.classes.items() if not isnan(row["dice"])}
    return json.dumps(known, ensure_ascii=False)
