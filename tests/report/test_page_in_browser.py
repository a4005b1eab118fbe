"""The page in headless Chromium: the filters filter, pictures open and step, nothing is wider than a phone."""

import html
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from handful.measure import Scorer
from handful.report import Picture, ReportContent, render_report

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs Chromium")

# Runs once the page has loaded; what it returns is read from the dumped page.
DRIVER = """
<script>
const errors = [];
addEventListener("error", (event) => errors.push(event.message));
addEventListener("load", () => {
  const get = (id) => document.getElementById(id);
  const names = () => [...document.querySelectorAll(".images > li:not([hidden])")].map((row) => row.dataset.name);
  const set = (id, value, kind) => {
    get(id).value = value;
    get(id).dispatchEvent(new Event(kind));
    return names();
  };
  const found = {};
  found.all = names();
  found.find = set("find", "IMAGE 3", "input");
  set("find", "", "input");
  found.low = set("level", "0 0.5", "change");
  found.odd = set("level", "unlike", "change");
  set("level", "", "change");
  found.best = set("order", "best", "change");
  found.unlike = set("order", "unlike", "change");
  set("order", "worst", "change");
  found.class = set("class", "leaf", "change");
  found.told = document.querySelector(".images > li:not([hidden]) .lead").textContent;
  set("class", "", "change");
  const large = get("large"), picture = () => large.querySelector("p").textContent;
  document.querySelector(".zoom").focus();
  document.querySelector(".zoom").click();
  found.open = [large.open, picture()];
  const press = (key) => large.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  press("ArrowRight");
  found.next = picture();
  press("ArrowLeft"), press("ArrowLeft");
  found.around = picture();
  press("+");
  found.zoomed = get("closer").getAttribute("aria-pressed");
  large.close();
  found.width = [document.documentElement.scrollWidth, innerWidth];
  found.errors = errors;
  const out = document.createElement("pre");
  out.id = "found";
  out.textContent = JSON.stringify(found);
  document.body.append(out);
});
</script>
</body>"""


def made_page():
    rng = np.random.default_rng(0)
    scorer, pictures = Scorer(["soil", "leaf", "stem"]), []
    for number in range(5):
        true = np.zeros((30, 40), np.uint8)
        true[2:10, 2:20] = 1
        if number != 2:
            true[15:25, 5:30] = 2
        predicted = np.where(rng.random(true.shape) < 0.2 * number, 0, true).astype(np.uint8)
        image = rng.integers(0, 255, (*true.shape, 3)).astype(np.uint8)
        dice = scorer.add(f"image {number}", true, predicted, image=image)
        pictures.append(Picture(f"image {number}", image, true, predicted, dice))
    unlike = {"image 0": 0.4, "image 1": 1.7, "image 4": 0.9}
    history = [{"seconds": s, "step": s, "loss": 1 / (s + 1), "validation": s / 50} for s in range(50)]
    audit = [("images", "5 usable, a_very_long_name_without_any_break_" * 4)]
    return render_report(
        ReportContent(
            "Leaves", scorer.finish(), pictures=pictures, unlike=unlike, history=history, audit=audit, command="x " * 99
        )
    )


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    (folder / "page.html").write_text(made_page().replace("</body>", DRIVER), encoding="utf-8")
    quiet = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")
    run = subprocess.run(
        [
            BROWSER,
            *("--headless", "--no-sandbox", "--disable-gpu", "--window-size=390,900", "--virtual-time-budget=4000"),
            *quiet,
            f"--user-data-dir={folder / 'profile'}",
            "--dump-dom",
            (folder / "page.html").as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return json.loads(html.unescape(re.search(r'<pre id="found">(.*?)</pre>', run.stdout, re.S)[1]))


def test_no_error_and_nothing_wider_than_a_phone(found):
    assert found["errors"] == []
    assert found["width"][0] <= found["width"][1]


def test_worst_first_and_the_other_orders(found):
    worst = ["image 4", "image 3", "image 2", "image 1", "image 0"]
    assert found["all"] == worst
    assert found["best"] == worst[::-1]
    assert found["unlike"][:3] == ["image 1", "image 4", "image 0"]


def test_filters_by_name_score_class_and_likeness(found):
    assert found["find"] == ["image 3"]
    assert found["low"]
    assert set(found["low"]) < set(found["all"])
    assert found["odd"] == ["image 1"]
    assert len(found["class"]) == 5
    assert found["told"].startswith("Dice of leaf")


def test_pictures_open_step_and_zoom_by_keyboard(found):
    assert found["open"] == [True, "image 4: the image"]
    assert found["next"] == "image 4: true classes"
    assert found["around"].startswith("image 0:")
    assert found["zoomed"] == "true"
