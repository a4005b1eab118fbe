"""The page: everything inside it, every name escaped, and something sensible for every kind of content."""

import re
from html.parser import HTMLParser
from math import nan

import numpy as np
import pytest

from handful.errors import OutputError
from handful.measure import Scorer
from handful.measure.by_size import SizeRow
from handful.measure.calibration import count_calibration
from handful.measure.confidence import Calibration
from handful.report import Picture, ReportContent, render_report, write_report
from handful.report.page import confusion_rows

EVIL = '<script>alert("x")</script>&\'"><img src=x onerror=alert(1)>'
VOID_TAGS = {"meta", "input", "br", "img", "link", "hr"}


class Page(HTMLParser):
    """Checks that tags close in order and keeps what the tests ask about."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.words = [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID_TAGS:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data.strip())

    @property
    def text(self):
        return " ".join(filter(None, self.words))

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def content(n=4, classes=2, size=(40, 60), name="image {}", instances=False, **more):
    rng = np.random.default_rng(0)
    names = ["background", *(f"class {k}" for k in range(1, classes))]
    scorer, pictures = Scorer(names), []
    for number in range(n):
        true = rng.integers(0, classes, size).astype(np.uint8)
        predicted = np.where(rng.random(size) < 0.1 * (number + 1) / n, 0, true).astype(np.uint8)
        image = rng.integers(0, 255, (*size, 3)).astype(np.uint8)
        labels = {"true_labels": true, "predicted_labels": predicted} if instances else {}
        dice = scorer.add(name.format(number), true, predicted, image=image, **labels)
        pictures.append(Picture(name.format(number), image, true, predicted, dice))
    return ReportContent(title="Leaves", scores=scorer.finish(), pictures=iter(pictures), **more)


COUNTS = [count_calibration(np.linspace(0, 1, 90)[None] ** k, np.arange(90)[None] > 40) for k in (1, 2)]
FULL = {
    "calibration": Calibration(*COUNTS, *COUNTS, temperature=1.7, words="fitted on 3 images"),
    "sizes": [SizeRow("1 to 9 pixels", 4, 0.2, 0.25), SizeRow("10 to 99 pixels", 5, nan, nan)],
    "unlike": {"image 0": 1.3, "image 2": 0.2},
    "odd_training": ["leaf 7"],
    "command": "handful train leaves -o run",
    "date": "1 May 2030",
    "settings": {"seed": 3},
    "audit": [("Images", "12 of 40x60")],
    "problems": ["a.png: empty mask."],
    "plan": [("patch", "256", "fits the objects")],
    "history": [
        {"seconds": s, "step": s, "loss": 1 / (s + 1), "validation": None if s % 5 else s / 50} for s in range(50)
    ],
    "messages": ["The learning rate was halved."],
    "environment": {"python": "3.11"},
}


@pytest.mark.parametrize(
    "given",
    [
        content(),
        content(**FULL),
        content(n=0, **FULL),
        content(n=1),
        content(classes=5, **FULL),
        content(instances=True),
        content(size=(1, 1)),
        content(size=(1, 400)),
        content(size=(700, 300)),
    ],
    ids=["bare", "full", "no images", "one", "classes", "objects", "pixel", "strip", "large"],
)
def test_page_is_whole_and_fetches_nothing(given):
    text = render_report(given)
    page = Page(text)
    assert text.startswith("<!doctype html>")
    assert "http" not in text
    assert "@import" not in text
    assert not re.search(r"url\((?!['\"]?data:)", text)
    for tag, attrs in page.tags:
        assert not {"src", "srcset", "action", "formaction", "data", "poster"} & attrs.keys(), tag
        assert attrs.get("href", "#").startswith(("#", "data:image/")), tag
        assert not [name for name in attrs if name.startswith("on")], tag
    assert not page.all("link")
    assert "nan" not in page.text.lower().split()
    assert "nan%" not in text


def test_verdict_comes_first_and_in_three_sentences():
    page = Page(render_report(content(**FULL)))
    assert page.text.index("unseen images") < page.text.index("best trivial answer") < page.text.index("Look first at")
    assert page.text.index("Look first at") < page.text.index("95 % interval", page.text.index("Scores"))


def test_images_are_listed_worst_first():
    dice = [float(attrs["data-dice"]) for attrs in Page(render_report(content(n=6))).all("li") if "data-dice" in attrs]
    assert len(dice) == 6
    assert dice == sorted(dice)


def test_every_name_is_escaped():
    rng = np.random.default_rng(0)
    mask = rng.integers(0, 3, (8, 8)).astype(np.uint8)
    scorer = Scorer(["background", EVIL, EVIL + "2"])
    dice = scorer.add(EVIL, mask, mask)
    words = dict.fromkeys(("title", "command", "date"), EVIL)
    text = render_report(
        ReportContent(
            scores=scorer.finish(),
            settings={EVIL: EVIL},
            environment={EVIL: EVIL},
            audit=[(EVIL, EVIL)],
            problems=[EVIL],
            plan=[(EVIL, EVIL, EVIL)],
            messages=[EVIL],
            pictures=[Picture(EVIL, np.zeros((8, 8, 3), np.uint8), mask, mask, dice)],
            images_kind=EVIL,
            **words,
        )
    )
    assert EVIL not in text
    page = Page(text)
    assert len(page.all("script")) == 1
    assert not page.all("img")


def test_every_picture_has_words():
    page = Page(render_report(content(**FULL)))
    pictures = [attrs for attrs in page.all("svg") if attrs.get("role") == "img"]
    assert len(pictures) == len(page.all("svg")) > 16
    assert all(attrs["aria-label"] for attrs in pictures)
    assert all(attrs.get("aria-label") for attrs in page.all("button"))
    assert dict(page.tags)["html"]["lang"] == "en"


def test_what_is_empty_gets_no_section():
    page = Page(render_report(content(n=0)))
    assert not {"scores", "data", "plan", "curves", "images", "again", "sure", "next"} & {
        attrs.get("id") for attrs in page.all("section")
    }
    assert "No image was held back" in page.text


def test_full_content_is_all_there():
    page = Page(render_report(content(**FULL)))
    for words in (
        "halved",
        "empty mask",
        "temperature of 1.70",
        "1 to 9 pixels",
        "leaf 7",
        "unlike the training images",
        "fits the objects",
        "12 of 40x60",
        "handful train leaves -o run",
        "Python",
    ):
        assert words.lower() in page.text.lower()
    assert {"data", "plan", "curves", "images", "again", "scores", "sure", "next"} <= {
        a.get("id") for a in page.all("section")
    }


def test_legend_names_void_only_where_there_is_some():
    assert "void" not in Page(render_report(content())).text
    given = content(n=0)
    mask = np.full((2, 2), 255, np.uint8)
    picture = Picture("a", np.zeros((2, 2, 3), np.uint8), mask, mask)
    assert "void" in Page(render_report(ReportContent("t", given.scores, pictures=[picture]))).text


def test_confusion_rows_are_shares_of_true_classes():
    assert "What is taken for what" in render_report(content())
    assert "What is taken for what" not in render_report(content(n=0))
    scorer = Scorer(["soil", "leaf"])
    scorer.add("a", np.array([[0, 0, 0, 1]], np.uint8), np.array([[0, 0, 1, 1]], np.uint8))
    shares = [row["shares"] for row in confusion_rows(scorer.finish())]
    np.testing.assert_allclose(shares, [[2 / 3, 1 / 3], [0, 1]])


def test_confidence_as_the_net_gives_it_is_said_to_be_so():
    told = Calibration(COUNTS[0], COUNTS[0], words="no temperature, there are 0")
    page = Page(render_report(content(calibration=told)))
    assert "as the net gives them: no temperature, there are 0." in page.text
    assert "as told" in page.text
    assert "what the net says of itself" not in page.text


def test_two_classes_without_background_are_both_scored():
    scorer = Scorer(["day", "night"], background=None)
    mask = np.array([[0, 1]], np.uint8)
    scorer.add("a", mask, mask)
    picture = Picture("a", np.zeros((1, 2, 3), np.uint8), mask, mask, 1.0)
    text = render_report(ReportContent(title="t", scores=scorer.finish(), pictures=[picture]))
    assert "By class" in text


def test_pictures_without_truth_grey_or_unscored():
    mask = np.array([[0, 1], [1, 1]], np.uint8)
    grey = np.zeros((2, 2), np.uint8)
    pictures = [
        Picture("grey", grey, None, mask),
        Picture("one channel", grey[..., None], mask, mask, 0.5),
        Picture("void", grey, np.full((2, 2), 255, np.uint8), mask, nan),
    ]
    page = Page(render_report(ReportContent(title="t", scores=Scorer(["a", "b"]).finish(), pictures=pictures)))
    assert len([attrs for attrs in page.all("li") if "data-name" in attrs]) == 3


def test_history_with_holes_and_without_scores():
    rows = [{"seconds": 0, "loss": nan}, {"seconds": 1, "loss": 2.0}, {"seconds": 2, "loss": None}, {"seconds": 3}]
    assert 'id="curves"' not in render_report(content(n=0, history=rows))
    assert 'id="curves"' in render_report(content(n=0, history=[*rows, {"seconds": 4, "loss": 1.0}]))


def test_size_stays_under_ten_megabytes_for_a_hundred_images(tmp_path):
    """Noise is what compresses worst: the best images then lose their pictures, and the page says so."""
    write_report(tmp_path / "report.html", content(n=100, size=(160, 160)))
    assert (tmp_path / "report.html").stat().st_size < 10e6
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert len([attrs for attrs in page.all("li") if "data-name" in attrs]) == 100
    pictured = [attrs["id"] for attrs in page.all("image") if "id" in attrs]
    assert pictured == [f"p{place}" for place in range(1, len(pictured) + 1)]
    assert f"Pictures of the {len(pictured)} worst only" in page.text


def test_report_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "report.html"
    write_report(path, content(n=1))
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.html"]
    assert path.read_text(encoding="utf-8").endswith("</html>")
    with pytest.raises(OutputError, match="cannot be written"):
        write_report(tmp_path / "missing" / "report.html", content(n=1))


def test_a_name_that_is_no_text_is_written(tmp_path):
    write_report(tmp_path / "report.html", content(n=1, name="bad\udcff{}"))
    assert "bad?0" in (tmp_path / "report.html").read_text(encoding="utf-8")
