"""On data that trainings go wrong on, the answer is never constant and better than any constant one.

Judged on fresh scenes with their true masks, whatever is wrong with those that were learnt from.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hard_data import CLEAN, FINDINGS, KINDS, LEAST, write_hard

from handful.verbs.train import train
from heard import Heard

STEPS = 150
FRESH = range(1000, 1006)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_hard_data_give_no_constant_answer_and_findings_where_it_can_be_told(kind: str, tmp_path: Path) -> None:
    heard = Heard()
    model = train(
        write_hard(tmp_path / "data", kind),
        out=tmp_path / "run",
        steps=STEPS,
        device="cpu",
        settings={"net": "quick", "net_settings": {"width": 16}, "batch": 4},
        listener=heard,
    )
    said = "\n".join(heard.lines)
    for finding in FINDINGS.get(kind, ()):
        assert finding in said
    assert "one class everywhere, and none" not in said
    reached, constant = [], []
    for number in FRESH:
        image, true = CLEAN.get(kind, KINDS[kind])(number)
        answer = model.predict(image).mask == model.card.object_classes[0]
        reached.append(dice(answer, true))
        constant.append(max(dice(np.ones_like(true), true), dice(np.zeros_like(true), true)))
    print(f"{kind}: {np.mean(reached):.3f}, constant {np.mean(constant):.3f}")
    assert np.mean(reached) > LEAST[kind] > np.mean(constant)


def dice(one: np.ndarray, two: np.ndarray) -> float:
    return float(2 * (one & two).sum() / max(one.sum() + two.sum(), 1)) if one.any() or two.any() else 1.0
