"""`demo`: the whole road on bundled pictures of cell nuclei."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from handful.errors import OutputError
from handful.measure.scores import Scores
from handful.verbs.listener import SILENT, Listener
from handful.verbs.predict import predict
from handful.verbs.runfolder import REPORT
from handful.verbs.train import train

SAMPLE = Path(__file__).parent / "sample"


@dataclass(frozen=True)
class Demo:
    """Where the demo put things and what it reached on images that it never saw."""

    run: Path
    predictions: Path
    scores: Scores

    def lines(self) -> list[str]:
        """What to tell a person at the end."""
        return [
            *self.scores.lines("unseen"),
            "",
            f"report       {self.run / REPORT}",
            f"masks        {self.predictions / 'masks'}",
            f"overlays     {self.predictions / 'overlays'}",
            f"objects      {self.predictions / 'objects.csv'}",
            "",
            "Now with your own:  handful train YOUR_FOLDER --seconds 120 -o RUN",
        ]


def demo(
    out: str | Path = "demo",
    *,
    seconds: float = 40.0,
    listener: Listener = SILENT,
    started: float | None = None,
) -> Demo:
    """Train on 8 bundled images for `seconds`, score the others, and predict them into `out`.

    The images are nuclei from the 2018 Data Science Bowl (BBBC038, CC0). Raises OutputError where `out` is taken.
    """
    out = Path(out)
    if out.exists() and any(one.name not in ("run", "predictions") for one in out.iterdir()):
        raise OutputError(f"{out}: this folder holds other things. Name a new one with -o.")
    listener.say("demo     cell nuclei from the 2018 Data Science Bowl (BBBC038, CC0): 8 to train on, the rest unseen")
    model = train(
        SAMPLE / "train",
        out=out / "run",
        test=SAMPLE / "test",
        seconds=seconds,
        listener=listener,
        command=f"handful demo -o {out} --seconds {seconds:g}",
        started=started,
    )
    assert model.scores is not None  # the test images are always scored
    predict(
        out / "run",
        [SAMPLE / "test" / "images"],
        out=out / "predictions",
        save=("mask", "overlay", "contours", "instances", "table"),
        overwrite=True,
        listener=listener,
    )
    return Demo(out / "run", out / "predictions", model.scores)
