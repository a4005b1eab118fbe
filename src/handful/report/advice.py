"""What to label next, in sentences: a guess from where the errors are, and it says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan

from handful.measure.by_size import SizeRow
from handful.measure.scores import Scores
from handful.report.verdict import listed

NAMED = 3
FEWEST = 8  # images, below which a connection between two numbers is an accident
CONNECTED = -0.4  # rank correlation of unlike and Dice from which on it is said
MUCH_WORSE = 0.1  # of Dice, IoU or the share found


def advice(
    scores: Scores, unlike: Mapping[str, float], sizes: Sequence[SizeRow] = (), odd_training: Sequence[str] = ()
) -> list[str]:
    """Sentences, the most useful first; empty where nothing stands out."""
    found = [*_unlike(scores, unlike), *_classes(scores), *_sizes(sizes)]
    if odd_training:
        found.append(
            f"Of the images trained on, {listed(list(odd_training[:NAMED]))} "
            f"{'has' if len(odd_training) == 1 else 'have'} not {'its' if len(odd_training) == 1 else 'their'} like "
            "among the others: label a second one of that kind, or leave it out if such images will not come again."
        )
    return found


def _unlike(scores: Scores, unlike: Mapping[str, float]) -> list[str]:
    dice = {image.name: image.dice for image in scores.images if not isnan(image.dice)}
    flagged = sorted((name for name in unlike if unlike[name] > 1), key=lambda name: -unlike[name])
    known = [name for name in flagged if name in dice]
    found = []
    if known:
        others = [value for name, value in dice.items() if name not in known]
        text = f"Label more images like {listed(known[:NAMED])}"
        text += f" ({len(known)} such in all)" if len(known) > NAMED else ""
        mean = sum(dice[name] for name in known) / len(known)
        text += ": unlike the images trained on, with "
        text += f"a Dice of {mean:.2f}" if len(known) == 1 else f"a mean Dice of {mean:.2f}"
        found.append(text + (f" against {sum(others) / len(others):.2f} for the others." if others else "."))
    both = [name for name in unlike if name in dice]
    if not known and len(both) >= FEWEST and _rank_correlation(both, unlike, dice) < CONNECTED:
        far = sorted(both, key=lambda name: -unlike[name])[:NAMED]
        found.append(
            "The less an image is like those trained on the worse its score, although none is called unlike: label "
            f"images like {listed(far)}, the farthest."
        )
    if not found and len(dice) >= NAMED:
        worst = [image.name for image in scores.worst() if image.name in dice][:NAMED]
        if max(dice.values()) - dice[worst[0]] > MUCH_WORSE:
            found.append(f"Label images like {listed(worst)}: they score worst, and nothing else sets them apart.")
    return found


def _classes(scores: Scores) -> list[str]:
    pooled = {name: row["dice_pooled"].value for name, row in scores.classes.items() if "dice_pooled" in row}
    known = {name: value for name, value in pooled.items() if not isnan(value)}
    if len(known) < 2:
        return []
    total = sum(map(sum, scores.confusion)) or 1
    share = {name: sum(row) / total for name, row in zip(scores.class_names, scores.confusion, strict=True)}
    mean = sum(known.values()) / len(known)
    poor = sorted((name for name in known if known[name] < mean - MUCH_WORSE), key=lambda name: known[name])[:NAMED]
    if not poor:
        return []
    told = [f"{name} (Dice {known[name]:.2f}, {100 * share[name]:.1f} % of the pixels)" for name in poor]
    return [f"Choose images with much of {listed(told)}: the classes that are learnt least."]


def _sizes(sizes: Sequence[SizeRow]) -> list[str]:
    counted = [row for row in sizes if not isnan(row.found)]
    if len(counted) < 2:
        return []
    worst, best = (choose(counted, key=lambda row: row.found) for choose in (min, max))
    if best.found - worst.found < MUCH_WORSE:
        return []
    return [
        f"Objects of {worst.label} are found least ({100 * worst.found:.0f} % of {worst.n}; of {best.label} "
        f"{100 * best.found:.0f} %): label images with many of that size, or clean the masks where they are specks."
    ]


def _rank_correlation(names: Sequence[str], one: Mapping[str, float], two: Mapping[str, float]) -> float:
    """Spearman's; 0 where all are equal."""
    from scipy.stats import rankdata

    first, second = (rankdata([values[name] for name in names]) - (len(names) + 1) / 2 for values in (one, two))
    size = float((first @ first) * (second @ second)) ** 0.5
    return float(first @ second) / size if size else 0.0
