"""Whether the values of masks number single objects or classes."""

from __future__ import annotations

import numpy as np

from handful.data.values import Values

FEW = 8  # numbers in one image; more are seldom classes that are all in one piece
MANY = 40  # no data set of classes has that many in one image, each in one piece


def number_objects(found: Values) -> str:
    """Do the values number single objects: "yes", "no" or "perhaps"?

    1. Objects are whole: nearly every number is one connected piece. Classes lie about in several.
    2. Objects are counted: their numbers run from 1 without gaps, or (tracks of a film) go on from image to image so
       that far more numbers occur than any image holds. Classes recur, with gaps where one is absent.
    3. Objects vary: their count differs from image to image by more than a class or two (or they are tracks).
    4. There are more than FEW in an image, or the files are wide (16 bit), as programs write labels.

    All four: "yes". None of the first two: "no". Between: "perhaps", and the user is asked.
    """
    counted = [tally for tally in found.tallies if tally.pieces >= 0]
    if not counted:
        return "no"
    numbers = np.array([np.count_nonzero(tally.values) for tally in counted])
    whole = numbers.sum() / max(1, sum(tally.pieces for tally in counted))
    gapless = float(np.mean([tally.values.max() == count for tally, count in zip(counted, numbers, strict=True)]))
    distinct = sum(value not in (0, 255) for value in found.values)
    wide = any(tally.wide for tally in counted)
    most = int(numbers.max())
    if (most > MANY and whole > 0.8) or (found.values[-1] > 255 and distinct > 20 and whole > 0.5):
        return "yes"  # slices of a volume: an object may show in several places
    running = gapless >= 0.8 or distinct > 1.5 * most
    if whole < 0.9 or not running:
        return "perhaps" if wide and whole >= 0.9 and len(set(numbers.tolist())) > 1 else "no"
    if len(counted) < 3:
        if most > 12 or (wide and numbers.sum() > 5):
            return "yes"
        return "perhaps" if numbers.mean() > 2 and whole > 0.95 else "no"
    if len(set(numbers.tolist())) == 1:
        return "no"
    varied = numbers.std() > 0.15 * numbers.mean() or distinct > 1.5 * most
    return "yes" if varied and (wide or most > FEW) else "perhaps"
