"""Nasty inputs: docs/reference/measures.md says what we return for each, and this holds it to that."""

from pathlib import Path

import numpy as np
import pytest

from handful.measure import instances, overlap
from handful.measure.rand import score_grouping
from handful.measure.surface import hausdorff, mean_surface_distance, surface_dice, surface_distances

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "measures.md"
SIDE = 8


def empty():
    return np.zeros((SIDE, SIDE), np.int32)


def painted(*boxes):
    """Labels 1, 2, ... in boxes (top, bottom, left, right)."""
    labels = empty()
    for number, (top, bottom, left, right) in enumerate(boxes, 1):
        labels[top:bottom, left:right] = number
    return labels


SQUARE = painted((2, 6, 2, 6))
EVERYWHERE = np.ones((SIDE, SIDE), np.int32)
CASES = {
    "nothing there, nothing said": (empty(), empty(), False),
    "an object missed": (SQUARE, empty(), False),
    "an object invented": (empty(), SQUARE, False),
    "the same object": (SQUARE, SQUARE, False),
    "everything, everything said": (EVERYWHERE, EVERYWHERE, False),
    "everything, nothing said": (EVERYWHERE, empty(), False),
    "one pixel, hit": (painted((3, 4, 3, 4)), painted((3, 4, 3, 4)), False),
    "one pixel, beside it": (painted((3, 4, 3, 4)), painted((3, 4, 4, 5)), False),
    "two that touch, joined": (painted((0, 8, 0, 4), (0, 8, 4, 8)), EVERYWHERE, False),
    "one, cut in halves": (EVERYWHERE, painted((0, 8, 0, 4), (0, 8, 4, 8)), False),
    "all void": (SQUARE, SQUARE, True),
}


def measure(true, predicted, void):
    ignore = np.full(true.shape, void)
    mask = np.where(ignore, 255, true > 0).astype(np.uint8)
    tp, fp, fn, tn = (counts[1:] for counts in overlap.count_overlap(mask, (predicted > 0).astype(np.uint8), 2))
    distances = surface_distances(true > 0, predicted > 0, ignore=ignore)
    grouping = score_grouping(true, predicted, ignore=ignore)
    matched = instances.count_instances(true, predicted, ignore=ignore)
    sums = matched.tp[0], matched.iou[0], np.array(matched.true), np.array(matched.predicted)
    return {
        "Dice": overlap.dice(tp, fp, fn).item(),
        "IoU": overlap.iou(tp, fp, fn).item(),
        "precision": overlap.precision(tp, fp, fn).item(),
        "recall": overlap.recall(tp, fp, fn).item(),
        "accuracy": float(overlap.ratio((tp + tn).sum(), (tp + fp + fn + tn).sum())),
        "Hausdorff 95": hausdorff(distances),
        "mean distance": mean_surface_distance(distances),
        "surface Dice, 1 px": surface_dice(distances, 1.0),
        "V^Rand": grouping.rand_f,
        "V^Info": grouping.information_f,
        "VOI": grouping.voi_split + grouping.voi_merge,
        "AP .5:.95": float(instances.average_precision(matched.tp, *sums[2:]).mean()),
        "F1 (RQ)": float(instances.f1(sums[0], *sums[2:])),
        "SQ": float(instances.segmentation_quality(*sums[:2])),
        "PQ": float(instances.panoptic_quality(*sums)),
        "count error": float(abs(matched.predicted - matched.true)),
    }


def shown(value):
    """As on the page."""
    if np.isnan(value):
        return "nan"
    return "inf" if np.isinf(value) else f"{value:.2f}".rstrip("0").rstrip(".")


def page_table():
    """Measure by input as the page has them: inputs are rows."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
    start = next(number for number, line in enumerate(lines) if line.startswith("| input |"))
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[start:]]
    return {row[0]: dict(zip(cells[0][1:], row[1:], strict=True)) for row in cells[2 : 2 + len(CASES)]}


@pytest.mark.parametrize("case", CASES)
def test_the_page_says_what_is_returned(case):
    assert page_table()[case] == {name: shown(value) for name, value in measure(*CASES[case]).items()}


def test_an_absent_class_is_left_out_of_the_mean():
    true, predicted = np.array([[0, 1, 1, 1]], np.uint8), np.array([[0, 1, 1, 0]], np.uint8)
    counts = overlap.Counts.from_tables(["a"], overlap.count_confusion(true, predicted, 3)[None])
    assert np.isnan(overlap.dice_per_image(counts)[0, 2])  # in neither mask
    assert overlap.mean_present(overlap.dice_per_image(counts))[0] == pytest.approx((2 / 3 + 4 / 5) / 2)
    invented = overlap.Counts.from_tables(["a"], overlap.count_confusion(true, predicted * 2, 3)[None])
    assert overlap.dice_per_image(invented)[0, 1:].tolist() == [0, 0]  # missed, and invented
