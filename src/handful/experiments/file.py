"""An experiment as its TOML file describes it. Every key under `settings` and `axes` is an ordinary setting."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from handful.errors import SettingsError
from handful.names import nearest

FLAGS = ("images", "masks", "values", "mask_kind", "foreground")
SCORES = ("dice", "iou", "precision", "recall", "object_f1", "ap", "ap50", "rand", "information")  # of one image
MEASURES = ("objects", "grouping")


@dataclass(frozen=True)
class Source:
    """Where pictures come from: a folder, or a generator of `handful.synth` with its settings."""

    folder: str = ""
    synth: str = ""
    count: int = 0
    seed: int = 0
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Variant:
    """One value of an axis: what the table calls it, the settings it stands for, and its own time where it has one."""

    label: str
    settings: dict[str, Any]
    seconds: float | None = None


@dataclass(frozen=True)
class Start:
    """A model that is trained first, for others to start from."""

    data: Source
    seconds: float | None
    settings: dict[str, Any]


@dataclass(frozen=True)
class Test:
    """Another labelled set on which every model is scored; probes vary one setting of generated pictures."""

    data: Source
    part: str = ""  # of its folders: train, val or test alone
    probe: str = ""
    value: float | str = ""


@dataclass(frozen=True)
class Experiment:
    """A comparison: what is fixed, what varies, who tests and which score decides.

    `folder`: where the file is, from which its folders are named; `text`: its words.
    `test`: a share or a number of all images, a set of its own, or None (the folders' own test part, else a share of
    0.2). `axes` by name, in the order of the file; `seed` and `images` are numbers, the others variants.
    """

    title: str
    data: Source
    about: tuple[str, ...] = ()
    flags: dict[str, str] = field(default_factory=dict)
    test: float | Source | None = None
    folds: int = 0
    split_seed: int = 0
    seconds: float | None = None
    steps: int | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    axes: dict[str, tuple[Variant, ...]] = field(default_factory=dict)
    images: tuple[int, ...] = ()
    seeds: tuple[int, ...] = (0,)
    score: str = "dice"
    measures: tuple[str, ...] = ()
    starts: dict[str, Start] = field(default_factory=dict)
    tests: dict[str, Test] = field(default_factory=dict)
    apply: tuple[str, ...] = ()
    training_scores: bool = False
    needs: str = ""
    stand_in: tuple[dict[str, Any], ...] = ()
    folder: Path = Path()
    text: str = ""


def read_experiment(path: str | Path) -> Experiment:
    """The experiment in a TOML file. Raises SettingsError that names the file and the key."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path}: the comparison cannot be read ({error.strerror}). Name a TOML file.") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: this is no TOML file ({error}).") from None
    return replace(parse_experiment(text, str(path)), folder=path.parent)


def parse_experiment(text: str, where: str) -> Experiment:
    """The experiment in a TOML text; `where` begins every message."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{where}: this is no TOML file ({error}).") from None
    return replace(Reader(where).experiment(content), text=text)


KEYS = {
    "title", "about", "data", "flags", "split", "seconds", "steps", "settings", "axes", "score", "measures", "starts",
    "tests", "probes", "apply", "training_scores", "needs", "stand_in",
}  # fmt: skip


@dataclass(frozen=True)
class Reader:
    """Reads the parts of a file; every message begins with where it stands."""

    where: str

    def experiment(self, content: Mapping[str, Any]) -> Experiment:
        self.only(content, KEYS, "")
        if "data" not in content:
            raise SettingsError(f'{self.where}: data is missing; name a folder, or {{synth = "shapes", count = 20}}.')
        split = self.table(content.get("split", {}), "split")
        self.only(split, ("test", "folds", "seed"), "split.")
        axes = self.table(content.get("axes", {}), "axes")
        starts = {name: self.start(name, one) for name, one in self.table(content.get("starts", {}), "starts").items()}
        tests = {name: self.test(name, one) for name, one in self.table(content.get("tests", {}), "tests").items()}
        for probe in content.get("probes", []):
            tests |= self.probe(self.table(probe, "probes"))
        made = Experiment(
            title=self.kind(content.get("title", Path(self.where).stem), str, "title"),
            about=tuple(self.words(content.get("about", []), "about")),
            data=self.source(content["data"], "data"),
            flags=self.flags(content.get("flags", {})),
            test=self.held(split.get("test")),
            folds=self.number(split.get("folds", 0), "split.folds", least=0),
            split_seed=self.number(split.get("seed", 0), "split.seed", least=0),
            seconds=self.seconds(content.get("seconds"), "seconds"),
            steps=None if "steps" not in content else self.number(content["steps"], "steps", least=1),
            settings=dict(self.table(content.get("settings", {}), "settings")),
            axes={name: self.variants(name, values) for name, values in axes.items() if name not in ("seed", "images")},
            images=self.numbers(axes.get("images", []), "axes.images", least=1),
            seeds=self.numbers(axes.get("seed", [0]), "axes.seed", least=0) or (0,),
            score=self.among(content.get("score", "dice"), SCORES, "score"),
            measures=tuple(
                self.among(one, MEASURES, "measures") for one in self.words(content.get("measures", []), "measures")
            ),
            starts=starts,
            tests=tests,
            apply=tuple(self.words(content.get("apply", []), "apply")),
            training_scores=self.kind(content.get("training_scores", False), bool, "training_scores"),
            needs=self.kind(content.get("needs", ""), str, "needs"),
            stand_in=tuple(self.table(one, "stand_in") for one in content.get("stand_in", [])),
        )
        if made.folds == 1:
            raise SettingsError(f"{self.where}: split.folds = 1: expected 2 or more.")
        if made.folds and made.test is not None:
            raise SettingsError(f"{self.where}: split.folds and split.test exclude each other; give one of them.")
        needed = {"ap": "objects", "ap50": "objects", "rand": "grouping", "information": "grouping"}.get(made.score)
        if needed and needed not in made.measures:
            raise SettingsError(f'{self.where}: score = "{made.score}" needs measures = ["{needed}"].')
        return made

    def only(self, given: Iterable[str], known: Iterable[str], before: str) -> None:
        for key in given:
            if key not in known:
                raise SettingsError(
                    f"{self.where}: {before}{key}: there is no such key.{nearest(key, sorted(known))} "
                    f"Keys: {', '.join(sorted(known))}."
                )

    def kind(self, value: Any, wanted: type, name: str) -> Any:
        if not isinstance(value, wanted):
            words = {str: "a text", bool: "true or false"}[wanted]
            raise SettingsError(f"{self.where}: {name} = {value!r}: expected {words}.")
        return value

    def table(self, value: Any, name: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise SettingsError(f"{self.where}: {name} = {value!r}: expected a table.")
        return value

    def words(self, value: Any, name: str) -> list[str]:
        given = [value] if isinstance(value, str) else value
        if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
            raise SettingsError(f"{self.where}: {name} = {value!r}: expected a text or a list of texts.")
        return given

    def among(self, value: Any, known: tuple[str, ...], name: str) -> str:
        if value not in known:
            hint = nearest(str(value), known)
            raise SettingsError(f"{self.where}: {name} = {value!r}: expected one of {', '.join(known)}.{hint}")
        return str(value)

    def number(self, value: Any, name: str, *, least: int) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise SettingsError(f"{self.where}: {name} = {value!r}: expected a whole number from {least}.")
        return value

    def numbers(self, value: Any, name: str, *, least: int) -> tuple[int, ...]:
        given = value if isinstance(value, list) else [value]
        found = tuple(self.number(one, name, least=least) for one in given)
        if len(set(found)) < len(found):
            raise SettingsError(f"{self.where}: {name} = {value!r}: a number stands there twice.")
        return found

    def seconds(self, value: Any, name: str) -> float | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            raise SettingsError(f"{self.where}: {name} = {value!r}: expected a number of seconds above 0.")
        return float(value)

    def flags(self, value: Any) -> dict[str, str]:
        given = self.table(value, "flags")
        self.only(given, FLAGS, "flags.")
        return {key: self.kind(one, str, f"flags.{key}") for key, one in given.items()}

    def source(self, value: Any, name: str) -> Source:
        if isinstance(value, str):
            return Source(folder=value)
        given = dict(self.table(value, name))
        if "synth" not in given:
            raise SettingsError(f"{self.where}: {name} = {value!r}: expected a folder, or synth and count.")
        return Source(
            synth=self.kind(given.pop("synth"), str, f"{name}.synth"),
            count=self.number(given.pop("count", None), f"{name}.count", least=1),
            seed=self.number(given.pop("seed", 0), f"{name}.seed", least=0),
            settings=given,
        )

    def held(self, value: Any) -> float | Source | None:
        if value is None or isinstance(value, str | dict):
            return None if value is None else self.source(value, "split.test")
        share = isinstance(value, float) and 0 < value < 1
        if isinstance(value, bool) or not (share or (isinstance(value, int) and value > 0)):
            raise SettingsError(
                f"{self.where}: split.test = {value!r}: expected a share such as 0.3, a number of images, a folder, or "
                "a table with synth and count."
            )
        return float(value)

    def variants(self, name: str, value: Any) -> tuple[Variant, ...]:
        given = value if isinstance(value, list) else [value]
        if not given:
            raise SettingsError(f"{self.where}: axes.{name} is empty; name at least one value.")
        found = tuple(self.variant(name, one) for one in given)
        labels = [one.label for one in found]
        twice = [label for label in labels if labels.count(label) > 1]
        if twice:
            raise SettingsError(f"{self.where}: axes.{name}: {twice[0]!r} stands there twice; give each its own label.")
        return found

    def variant(self, name: str, value: Any) -> Variant:
        if not isinstance(value, dict) or "label" not in value:
            return Variant(short(value), {name: value})
        given = dict(value)
        label = self.kind(given.pop("label"), str, f"axes.{name}.label")
        seconds = self.seconds(given.pop("seconds", None), f"axes.{name}.seconds")
        return Variant(label, given, seconds)

    def start(self, name: str, value: Any) -> Start:
        given = self.table(value, f"starts.{name}")
        self.only(given, ("data", "seconds", "settings"), f"starts.{name}.")
        if "data" not in given:
            raise SettingsError(f"{self.where}: starts.{name}: data is missing; name the folder to train it on.")
        return Start(
            self.source(given["data"], f"starts.{name}.data"),
            self.seconds(given.get("seconds"), f"starts.{name}.seconds"),
            dict(self.table(given.get("settings", {}), f"starts.{name}.settings")),
        )

    def test(self, name: str, value: Any) -> Test:
        given = {"data": value} if isinstance(value, str) else self.table(value, f"tests.{name}")
        self.only(given, ("data", "part"), f"tests.{name}.")
        if "data" not in given:
            raise SettingsError(f"{self.where}: tests.{name}: data is missing; name a labelled folder.")
        part = given.get("part", "")
        return Test(
            self.source(given["data"], f"tests.{name}.data"),
            part=self.among(part, ("train", "val", "test"), f"tests.{name}.part") if part else "",
        )

    def probe(self, given: dict[str, Any]) -> dict[str, Test]:
        self.only(given, ("name", "setting", "values", "data"), "probes.")
        for key in ("setting", "values", "data"):
            if key not in given:
                raise SettingsError(f"{self.where}: probes: {key} is missing.")
        setting = self.kind(given["setting"], str, "probes.setting")
        name = self.kind(given.get("name", setting), str, "probes.name")
        made = {}
        if not isinstance(given["values"], list):
            raise SettingsError(f"{self.where}: probes.values = {given['values']!r}: expected a list.")
        for value in given["values"]:
            base = self.source(given["data"], f"probes.{name}.data")
            if not base.synth:
                raise SettingsError(f"{self.where}: probes.{name}.data: expected a table with synth and count.")
            data = replace(base, settings={**base.settings, setting: value})
            made[f"{name} {short(value)}"] = Test(data, probe=name, value=value)
        return made


def short(value: Any) -> str:
    """A value as the table calls it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{key} {short(one)}" for key, one in value.items())
    if isinstance(value, list):
        return " x ".join(map(short, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
