"""The three sentences that a reader in a hurry needs."""

from __future__ import annotations

from math import isnan

from handful.measure.scores import TOO_FEW_WORDS, Scores

NAMED = 3  # so many of the worst images are named


def verdict(scores: Scores, kind: str = "unseen") -> list[str]:
    """What was reached on how many images; how that compares with trivial answers; which images to look at first."""
    if not scores.n:
        return [
            scores.reached(),
            "What this model is worth on new images is not known.",
            "To learn it, hold at least three labelled images back, or give others as test images.",
        ]
    return [scores.reached(kind), scores.comparison(), worst_images(scores)]


def worst_images(scores: Scores) -> str:
    """One sentence that names the images with the lowest Dice."""
    scored = [image for image in scores.worst() if not isnan(image.dice)]
    if not scored:
        return "There is no image to look at first."
    named = [f"{image.name} ({image.dice:.2f})" for image in scored[:NAMED]]
    if len(scored) <= NAMED:
        return f"From worst to best: {listed(named)}."
    return f"Look first at {listed(named)}; the best, {scored[-1].name}, has {scored[-1].dice:.2f}."


def standing(scores: Scores) -> tuple[str, str]:
    """A word for the eye: (kind, text), where kind is "good", "bad" or "open"."""
    best = scores.best_trivial()
    if not scores.n or isnan(scores[scores.headline].value):
        return "open", "Nothing measured"
    if scores.seen:
        return "bad", "Not a test score"
    if scores.too_few:
        return "open", TOO_FEW_WORDS.capitalize()
    if best is None:
        return "open", "Nothing to compare with"
    if best[1].gain.low > 0:
        return "good", "Better than every trivial answer"
    if best[1].gain.high < 0:
        return "bad", "Worse than a trivial answer"
    return "open", "Not clearly better than a trivial answer"


def listed(words: list[str]) -> str:
    """a, b and c."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
