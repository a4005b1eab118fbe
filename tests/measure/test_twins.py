"""Every measure against an implementation that people trust, to 1e-6, on drawn pictures from kind to nasty.

60 pictures in the default run, 1000 with `-m slow`. MONAI, torchmetrics, pycocotools and scikit-image come with the
`dev` extra; SimpleITK (260 MB) and StarDist (220 MB) are too large for that and take part where they are installed.
"""

import warnings

import numpy as np
import pytest
from scipy import ndimage

from handful.measure import overlap
from handful.measure.calibration import brier, count_calibration, expected_calibration_error, reliability_curve
from handful.measure.instances import average_precision, count_instances, f1, panoptic_quality, segmentation_quality
from handful.measure.rand import score_grouping
from handful.measure.surface import hausdorff, mean_surface_distance, surface_dice, surface_distances

CASES = [pytest.param(60, id="60"), pytest.param(1000, id="1000", marks=pytest.mark.slow)]
CLOSE = {"rel": 2e-6, "abs": 1e-6}  # torchmetrics computes in float32
SIDES = 8, 48


def blobs(rng, shape, kind):
    """Labels int32 (H, W), 0 for none: nothing, everything, one pixel, scattered blobs, or a picture full of cells."""
    labels = np.zeros(shape, np.int32)
    if kind == "empty":
        return labels
    if kind == "full":
        return labels + 1
    if kind == "pixel":
        labels[tuple(rng.integers(0, side) for side in shape)] = 1
        return labels
    field = ndimage.gaussian_filter(rng.normal(size=shape), rng.uniform(0.8, 3.0))
    labels = ndimage.label(field > np.quantile(field, rng.uniform(0.3, 0.8)))[0].astype(np.int32)
    if kind == "touching":  # every pixel goes to its nearest seed, a part of them to none
        seeds = np.zeros(shape, np.int32)
        number = int(rng.integers(2, 12))
        seeds.flat[rng.choice(seeds.size, number, replace=False)] = np.arange(1, number + 1)
        nearest = ndimage.distance_transform_edt(seeds == 0, return_distances=False, return_indices=True)
        labels = seeds[tuple(nearest)] * (rng.integers(0, 4, number + 1) > 0)[seeds[tuple(nearest)]]
    return labels.astype(np.int32)


KINDS = ("blobs", "blobs", "blobs", "touching", "touching", "touching", "empty", "full", "pixel")


def draw_labels(seed):
    """True and predicted labels: the same objects moved and broken, or two pictures that have nothing in common."""
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(*SIDES, size=2))
    true = blobs(rng, shape, rng.choice(KINDS))
    if rng.random() < 0.3:
        return true, blobs(rng, shape, rng.choice(KINDS))
    predicted = np.roll(true, rng.integers(-2, 3, size=2), (0, 1)) * 3  # other numbers, with gaps between them
    predicted[rng.random(shape) < rng.uniform(0, 0.1)] = 0
    return true, predicted


def draw_mask(seed, classes):
    """True (with void) and predicted classes; often a class is absent from one of them or from both."""
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(*SIDES, size=2))
    present = rng.permutation(classes)[: rng.integers(1, classes + 1)]
    true = rng.choice(present, size=shape)
    predicted = np.where(rng.random(shape) < rng.uniform(0, 1), true, rng.integers(0, classes, size=shape))
    if rng.random() < 0.5:
        true = np.where(rng.random(shape) < rng.uniform(0, 0.5), 255, true)
    return true.astype(np.uint8), predicted.astype(np.uint8)


@pytest.mark.parametrize("cases", CASES)
def test_overlap_agrees_with_torchmetrics(cases):
    torch = pytest.importorskip("torch")
    twin = pytest.importorskip("torchmetrics.functional.classification", reason="torchmetrics: in the dev extra")
    theirs = {
        "dice": twin.multiclass_f1_score,
        "iou": twin.multiclass_jaccard_index,
        "precision": twin.multiclass_precision,
        "recall": twin.multiclass_recall,
    }
    for seed in range(cases):
        classes = 2 + seed % 4
        true, predicted = draw_mask(seed, classes)
        if (true == 255).all():
            continue
        tp, fp, fn, _ = overlap.count_overlap(true, predicted, classes)
        tensors = torch.tensor(predicted.astype(np.int64)), torch.tensor(true.astype(np.int64))
        for name, of in overlap.RATIOS.items():
            ours = of(tp, fp, fn)
            answer = theirs[name](*tensors, classes, average="none", ignore_index=255).numpy()
            scored = ~np.isnan(ours)  # where nothing is to be scored torchmetrics says 0
            assert ours[scored] == pytest.approx(answer[scored], **CLOSE), (name, seed)
            assert (answer[~scored] == 0).all()
        right = tp.sum() / (true != 255).sum()
        answer = twin.multiclass_accuracy(*tensors, classes, average="micro", ignore_index=255)
        assert right == pytest.approx(float(answer), **CLOSE)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # MONAI's about MONAI
@pytest.mark.parametrize("cases", CASES)
def test_surfaces_agree_with_monai(cases):
    torch = pytest.importorskip("torch")
    monai = pytest.importorskip("monai.metrics", reason="MONAI: in the dev extra")
    rng = np.random.default_rng(0)
    for seed in range(cases):
        true, predicted = (labels > 0 for labels in draw_labels(seed))
        if not (true.any() and predicted.any()):
            continue  # MONAI warns; what we say is in docs/reference/measures.md
        spacing = tuple(rng.uniform(0.5, 3, size=2).tolist())
        tolerance = float(rng.uniform(0, 4))
        distances = surface_distances(true, predicted, spacing=spacing)
        both = [torch.tensor(mask[None, None].astype(np.float32)) for mask in (predicted, true)]
        flags = {"include_background": True, "spacing": [list(spacing)]}
        assert hausdorff(distances, 100) == pytest.approx(
            float(monai.compute_hausdorff_distance(*both, **flags)), **CLOSE
        ), seed
        # MONAI finds the place of the percentile in float32, which costs it a digit; SimpleITK's test below is sharp.
        assert hausdorff(distances) == pytest.approx(
            float(monai.compute_hausdorff_distance(*both, percentile=95, **flags)), rel=5e-5
        ), seed
        assert mean_surface_distance(distances) == pytest.approx(
            float(monai.compute_average_surface_distance(*both, symmetric=True, **flags)), **CLOSE
        ), seed
        assert surface_dice(distances, tolerance) == pytest.approx(
            float(monai.compute_surface_dice(*both, class_thresholds=[tolerance], **flags)), **CLOSE
        ), seed


@pytest.mark.parametrize("cases", CASES)
def test_surfaces_agree_with_simpleitk(cases):
    itk = pytest.importorskip("SimpleITK", reason="SimpleITK: 260 MB, install it by hand to run this")

    def outline(mask):
        padded = itk.GetImageFromArray(np.pad(mask, 1).astype(np.uint8))
        return itk.LabelContour(padded, False, 0)

    for seed in range(cases):
        true, predicted = (labels > 0 for labels in draw_labels(seed))
        if not (true.any() and predicted.any()):
            continue
        lines = [outline(mask) for mask in (true, predicted)]
        maps = [np.abs(itk.GetArrayFromImage(itk.SignedMaurerDistanceMap(line, False, False, True))) for line in lines]
        there = maps[1][itk.GetArrayFromImage(lines[0]) > 0]
        back = maps[0][itk.GetArrayFromImage(lines[1]) > 0]
        distances = surface_distances(true, predicted)
        assert hausdorff(distances) == pytest.approx(max(np.percentile(there, 95), np.percentile(back, 95)), **CLOSE)
        assert surface_dice(distances, 1.5) == pytest.approx(np.mean(np.concatenate([there, back]) <= 1.5), **CLOSE)


@pytest.mark.parametrize("cases", CASES)
def test_grouping_agrees_with_scikit_image(cases):
    metrics = pytest.importorskip("skimage.metrics")
    for seed in range(cases):
        true, predicted = draw_labels(seed)
        inside = true > 0
        if not inside.any():
            continue
        ours = score_grouping(true, predicted, boundary="segment")
        # V^Rand squares shares of pixels; scikit-image counts pairs of two different pixels, n pairs of a pixel with
        # itself fewer in every sum. With them taken off our sums the two must be the same number.
        n = inside.sum()
        true_squares = float(np.sum(np.bincount(true[inside]).astype(float) ** 2))
        both = ours.rand_split * true_squares
        predicted_squares = both / ours.rand_merge
        if true_squares + predicted_squares > 2 * n:
            expected = 1 - 2 * (both - n) / (true_squares + predicted_squares - 2 * n)
            assert metrics.adapted_rand_error(true, predicted)[0] == pytest.approx(expected, abs=1e-6), seed
        # Variation of information inside the true segments: give it those pixels alone, labels from 0.
        split, merge = metrics.variation_of_information(true[inside], predicted[inside])
        assert (ours.voi_split, ours.voi_merge) == pytest.approx((split, merge), abs=1e-6), seed


def test_information_follows_from_its_entropies():
    """V^Info = I / H by scipy's entropy of scikit-image's table."""
    from scipy.stats import entropy
    from skimage.metrics import contingency_table

    for seed in range(60):
        true, predicted = draw_labels(seed)
        inside = true > 0
        if not inside.any():
            continue
        table = contingency_table(true[inside], predicted[inside], normalize=True).toarray()
        h_true, h_predicted = entropy(table.sum(axis=1), base=2), entropy(table.sum(axis=0), base=2)
        shared = h_true + h_predicted - entropy(table.ravel(), base=2)
        ours = score_grouping(true, predicted, boundary="segment")
        if min(h_true, h_predicted) > 1e-9:
            assert ours.information_split == pytest.approx(shared / h_predicted, abs=1e-6)
            assert ours.information_merge == pytest.approx(shared / h_true, abs=1e-6)
            assert ours.information_f == pytest.approx(2 * shared / (h_true + h_predicted), abs=1e-6)


def overlaps(true, predicted):
    """IoU of every pair, by pycocotools."""
    from pycocotools import mask as coco

    def encoded(labels):
        return [coco.encode(np.asfortranarray((labels == k).astype(np.uint8))) for k in np.unique(labels) if k]

    first, second = encoded(true), encoded(predicted)
    return np.asarray(coco.iou(second, first, [0] * len(first))).reshape(len(second), len(first)), first, second


@pytest.mark.parametrize("cases", CASES)
def test_matches_agree_with_pycocotools(cases):
    pytest.importorskip("pycocotools", reason="pycocotools: in the dev extra")
    from pycocotools.cocoeval import COCOeval, Params

    for seed in range(cases):
        true, predicted = draw_labels(seed)
        ious, first, second = overlaps(true, predicted)
        counts = count_instances(true, predicted)
        assert (counts.true, counts.predicted) == (len(first), len(second))
        if not ious.size or np.isclose(ious, 0.5, atol=1e-9).any():
            continue  # at exactly .5 COCO gives an object to the first of two halves, whichever is right for others
        judge = COCOeval(iouType="segm")
        judge.params = Params("segm")
        judge._gts[0, 1] = [
            {"id": k + 1, "iscrowd": 0, "ignore": 0, "area": 1, "segmentation": one} for k, one in enumerate(first)
        ]
        judge._dts[0, 1] = [{"id": k + 1, "score": 1.0, "area": 1, "segmentation": one} for k, one in enumerate(second)]
        judge.params.catIds, judge.params.imgIds = [1], [0]
        judge.params.maxDets = [10_000]
        judge.ious[0, 1] = judge.computeIoU(0, 1)
        found = judge.evaluateImg(0, 1, [0, 1e10], 10_000)
        assert counts.tp.tolist() == (found["dtMatches"] > 0).sum(axis=1).tolist(), seed


@pytest.mark.parametrize("cases", CASES)
def test_panoptic_quality_agrees_with_torchmetrics(cases):
    torch = pytest.importorskip("torch")
    twin = pytest.importorskip("torchmetrics.functional.detection", reason="torchmetrics: in the dev extra")
    for seed in range(cases):
        true, predicted = draw_labels(seed)
        if np.isclose(overlaps(true, predicted)[0], 0.5, atol=1e-9).any():
            continue  # torchmetrics wants more than .5, as Kirillov et al.; we take .5, as StarDist
        tensors = [
            torch.tensor(np.stack([labels > 0, labels], axis=-1)[None].astype(np.int64)) for labels in (predicted, true)
        ]
        theirs = twin.panoptic_quality(
            *tensors, things={1}, stuffs={0}, return_sq_and_rq=True, return_per_class=True
        ).numpy()
        counts = count_instances(true, predicted)
        sums = counts.tp[0], counts.iou[0], np.array(counts.true), np.array(counts.predicted)
        ours = [panoptic_quality(*sums), segmentation_quality(*sums[:2]), f1(sums[0], *sums[2:])]
        if counts.true + counts.predicted == 0:
            assert np.isnan(ours).all()
            continue
        # Columns: pq, sq, rq of class 1, the first thing; where no pair matched SQ is nan for us and 0 for it.
        assert np.nan_to_num(ours) == pytest.approx(theirs.reshape(-1, 3)[0], **CLOSE), seed


@pytest.mark.parametrize("cases", CASES)
def test_objects_agree_with_stardist(cases):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what it imports
        stardist = pytest.importorskip("stardist.matching", reason="StarDist: 220 MB, install it by hand to run this")
    for seed in range(cases):
        true, predicted = draw_labels(seed)
        counts = count_instances(true, predicted)
        if counts.true + counts.predicted == 0:
            continue  # StarDist says 0 where there is nothing to find and nothing found; we say nan
        for place, threshold in enumerate(counts.thresholds):
            theirs = stardist.matching(true, predicted, thresh=threshold)
            assert counts.tp[place] == theirs.tp, (seed, threshold)
            assert float(average_precision(counts.tp[place], counts.true, counts.predicted)) == pytest.approx(
                theirs.accuracy, abs=1e-6
            )
            assert float(f1(counts.tp[place], counts.true, counts.predicted)) == pytest.approx(theirs.f1, abs=1e-6)
            assert float(
                panoptic_quality(counts.tp[place], counts.iou[place], counts.true, counts.predicted)
            ) == pytest.approx(theirs.panoptic_quality, abs=1e-6)


@pytest.mark.parametrize("cases", CASES)
def test_calibration_agrees_with_torchmetrics(cases):
    torch = pytest.importorskip("torch")
    twin = pytest.importorskip("torchmetrics.functional.classification", reason="torchmetrics: in the dev extra")
    for seed in range(cases):
        rng = np.random.default_rng(seed)
        classes = 2 + seed % 3
        true, _ = draw_mask(seed, classes)
        if (true == 255).all():
            continue
        chances = rng.dirichlet(np.full(classes, rng.uniform(0.2, 2)), size=true.shape).astype(np.float32)
        chances = np.moveaxis(chances, -1, 0)
        bins = int(rng.integers(2, 30))
        known = torch.tensor(true[true != 255].astype(np.int64))
        if classes == 2:
            counts = count_calibration(chances[1], true, bins=bins)
            given = torch.tensor(chances[1][true != 255])
            error = twin.binary_calibration_error(given, known, n_bins=bins, norm="l1")
            squared = torch.mean((given.double() - known) ** 2)
        else:
            counts = count_calibration(chances, true, bins=bins)
            given = torch.tensor(chances[:, true != 255].T)
            error = twin.multiclass_calibration_error(given, known, num_classes=classes, n_bins=bins, norm="l1")
            squared = torch.mean(torch.sum((given.double() - torch.nn.functional.one_hot(known, classes)) ** 2, dim=1))
        assert expected_calibration_error(counts) == pytest.approx(float(error), abs=2e-6), seed
        assert brier(counts) == pytest.approx(float(squared), **CLOSE), seed
        confidence, right, share = reliability_curve(counts)
        seen = share > 0
        assert np.sum(np.abs(confidence - right)[seen] * share[seen]) == pytest.approx(float(error), abs=2e-6)
