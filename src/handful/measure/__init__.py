"""Scores from arrays alone: masks that came from anywhere can be judged, and no network library is loaded."""

from handful.measure.scores import ImageScore, Score, Scorer, Scores, Trivial, score_images

__all__ = ["ImageScore", "Score", "Scorer", "Scores", "Trivial", "score_images"]
