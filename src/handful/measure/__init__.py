"""Scores from arrays alone: masks that came from anywhere can be judged, and no network library is loaded."""

from handful.measure.scorer import Scorer, score_images
from handful.measure.scores import ImageScore, Score, Scores, Trivial

__all__ = ["ImageScore", "Score", "Scorer", "Scores", "Trivial", "score_images"]
