"""The model file: weights and everything else that prediction needs, in one safetensors file.

The header of a safetensors file may carry text; ours carries one entry, ``handful``, which is a `ModelCard` as JSON.
Nothing in the file is ever unpickled or run, so a file from a stranger is safe to open. The same weights and the same
card give the same bytes. See https://github.com/huggingface/safetensors for the format: eight bytes that hold the
length of the header, the header as JSON, the numbers.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handful.errors import HandfulError, ModelFileError
from handful.files import reason, write_whole
from handful.names import nearest, plural

if TYPE_CHECKING:
    from torch import nn

FORMAT = 1
ENTRY = "handful"
FILE_NAME = "model.safetensors"
TASKS = ("semantic", "instances", "boundaries")
# The limit that safetensors itself sets to a header.
LARGEST_HEADER = 100_000_000
# No net needs a longer list or a larger number among its settings; a forged file could ask for more than any memory.
LARGEST_SETTING = 65_536
SURROGATE = re.compile("[\ud800-\udfff]")
DEEPEST = 64  # levels, each half the size of the one before
KNEW = {"features": ", whose features told the classes", "answers": ", which answered these classes already"}

# Fields that the first files of this format do not have: their defaults leave a prediction as it was.
LATER = ("temperature", "object_confidence", "likeness", "bridge", "mirrored", "sizes")

Json = Any


def tile_of(halo: int) -> int:
    """Edge of the tiles of a net with this halo: at least half of each side is kept."""
    return max(1024, 4 * halo)


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """Everything prediction needs but the weights.

    net, net_settings: name in `handful.models.NETS` and its keyword arguments.
    channels: of the images the net takes. classes: names, index = class number in a mask. background: the class that
    is no object, None where every class is one. outputs: logits of the net, one a class and, where it answers that
    too, one for the interior of objects (`handful.interior`).
    normalisation: see `handful.normalise`. scale: the size the net works at, see `handful.scale`.
    tile, halo: edge in pixels of the tiles large images are cut into, and how much of each side is thrown away.
    multiple: image sizes are padded to a multiple of this.
    mirrored: the axes, "x" and "y", along which the net saw mirror images as often as images; predictions are averaged
    over these; sizes: factors by which images are made smaller and larger, and averaged over that too; see
    `handful.prediction.views`.
    threshold: two classes only: probability of class 1 above which a pixel is class 1 (None: 0.5).
    bridge: background and one class only: lines along which the class is at least so probable count as it too, None:
    they do not; see `handful.prediction.bridge`.
    temperature: what log probabilities are divided by, object_confidence: the curve from an object's mean probability
    to its chance of being right ({}: none), see `handful.prediction.confidence`. likeness: numbers that describe the
    training images, see `handful.prediction.likeness`.
    task: "semantic", "instances" or "boundaries". postprocessing: settings of `handful.prediction.instances`.
    reading: how mask files were read (`MaskReading.to_dict`). training: data fingerprint, image hashes, seed,
    versions, seconds, steps, settings, split. scores: as in scores.json, None where nothing was held out.
    """

    net: str
    net_settings: dict[str, Json] = field(default_factory=dict)
    channels: int
    classes: tuple[str, ...]
    background: int | None = 0
    outputs: int
    normalisation: dict[str, Json]
    scale: dict[str, Json] = field(default_factory=lambda: {"kind": "none"})
    tile: int = 256
    halo: int = 32
    multiple: int = 1
    mirrored: tuple[str, ...] = ()
    sizes: tuple[float, ...] = ()
    threshold: float | None = None
    bridge: float | None = None
    temperature: float | None = None
    object_confidence: dict[str, Json] = field(default_factory=dict)
    likeness: dict[str, Json] = field(default_factory=dict)
    task: str = "semantic"
    postprocessing: dict[str, Json] = field(default_factory=dict)
    reading: dict[str, Json] = field(default_factory=dict)
    training: dict[str, Json] = field(default_factory=dict)
    scores: dict[str, Json] | None = None
    format: int = FORMAT

    def __post_init__(self) -> None:
        # Kept as JSON would give it back (lists for tuples, plain numbers), so that a loaded card equals the saved one.
        for name in ("net_settings", "normalisation", "scale", "postprocessing", "reading", "training", "scores"):
            object.__setattr__(self, name, _plain(getattr(self, name)))
        for name in ("object_confidence", "likeness"):
            object.__setattr__(self, name, _plain(getattr(self, name)))
        for name in ("classes", "mirrored", "sizes"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        _check(self)

    @property
    def object_classes(self) -> tuple[int, ...]:
        """Numbers of the classes that are objects: all but the background."""
        return tuple(number for number in range(len(self.classes)) if number != self.background)

    @property
    def interior_of(self) -> int | None:
        """The class of which the net answers the interior too, None where it does not."""
        return self.object_classes[0] if self.outputs > len(self.classes) else None

    @property
    def answers(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return name_answers(self.classes, self.interior_of)

    def to_dict(self) -> dict[str, Json]:
        """Plain JSON values; not-a-number becomes null, which JSON can hold."""
        return {name: _plain(value) for name, value in vars(self).items()}

    @classmethod
    def from_dict(cls, values: Json) -> ModelCard:
        """The card again. A key too many, a key too few or a value of the wrong kind is a ModelFileError."""
        if not isinstance(values, dict):
            raise ModelFileError("the model's card is not a JSON object.")
        if values.get("format") != FORMAT:
            raise ModelFileError(
                f"the model file has format {values.get('format')!r}, this handful reads format {FORMAT}. "
                "Update handful, or train again."
            )
        names = [one.name for one in dataclasses.fields(cls)]
        for key in values:
            if key not in names:
                raise ModelFileError(f"the model's card has an unknown key {key!r}.{nearest(str(key), names)}")
        missing = [name for name in names if name not in values and name not in LATER]
        if missing:
            raise ModelFileError(f"the model's card lacks {', '.join(missing)}.")
        try:
            return cls(**values)
        except (TypeError, RecursionError) as error:
            raise ModelFileError(f"the model's card holds a value of the wrong kind ({error}).") from error


def name_answers(classes: tuple[str, ...], interior_of: int | None) -> tuple[str, ...]:
    """Names of a net's outputs: of its classes, and of the interior of one of them where it answers that too."""
    return classes if interior_of is None else (*classes, f"interior of {classes[interior_of]}")


def save_model(path: str | Path, net: nn.Module, card: ModelCard) -> None:
    """Write weights and card to one file, whole or not at all; a folder in the way or missing is an OutputError.

    The same weights and card give the same bytes: one metadata entry (safetensors keeps several in no fixed order),
    JSON keys sorted, no time of day.
    """
    import safetensors.torch
    import torch

    tensors = {
        name: tensor.detach().to("cpu", copy=True).contiguous(memory_format=torch.contiguous_format)
        for name, tensor in net.state_dict().items()
    }
    text = json.dumps(card.to_dict(), sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # durable: a minute of training is worth a few milliseconds
    write_whole(Path(path), safetensors.torch.save(tensors, {ENTRY: text}), durable=True)


def load_model(path: str | Path, device: str = "cpu") -> tuple[nn.Module, ModelCard]:
    """Net in evaluation mode on `device`, and its card. `path` is a model file or a run folder that holds one.

    Anything wrong with the file is a ModelFileError in one sentence that names it; nothing is unpickled.
    """
    import safetensors.torch
    import torch
    from safetensors import SafetensorError

    file = model_path(path)
    card, shapes = _read_header(file)
    _check_fit(file, card, shapes)
    try:
        tensors = safetensors.torch.load_file(file, device="cpu")
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise ModelFileError(f"{file}: the weights cannot be read ({error}). Copy the file again.") from error
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise ModelFileError(f"{file}: weight {name} is not a number somewhere. Train again.")
    # The start weights drawn here are thrown away: leave the caller's dice alone.
    with torch.random.fork_rng(devices=[]):
        net = _build(card)
    if card.multiple > (multiple := getattr(net, "multiple", 1)):  # a forged one would blow small images up
        raise ModelFileError(f"{file}: the model's card has multiple {card.multiple}, its net {multiple}. Train again.")
    try:
        net.load_state_dict(tensors)
    except ModelFileError as error:  # numbers that this net cannot have
        raise ModelFileError(f"{file}: {error}") from error
    return net.to(device).eval(), card


def read_card(path: str | Path) -> ModelCard:
    """The card alone: quick, without torch."""
    return _read_header(model_path(path))[0]


def describe_model(path: str | Path) -> str:
    """What a model file holds, in words, a line each. Reads the header only and needs no torch."""
    file = model_path(path)
    card, shapes = _read_header(file)
    weights = sum(math.prod(shape) for shape in shapes.values())
    size = file.stat().st_size
    lines = [
        f"{file}: {_count(weights)} parameters, {size / 1e6:.1f} MB",
        f"net: {card.net}" + _in_brackets(card.net_settings),
        f"task: {card.task}",
        "classes: "
        + ", ".join(_class_line(card, number) for number in range(len(card.classes)))
        + ("" if card.interior_of is None else f"; and the {card.answers[-1]}"),
        f"images: {plural(card.channels, 'channel')}, any size, "
        + ("standardised each by its own values" if card.normalisation["kind"] == "image" else "standardised alike"),
        *([] if card.scale["kind"] == "none" else [_scale_line(card.scale)]),
        f"large images: tiles of {card.tile} pixels, {card.halo} thrown away at each side",
    ]
    if card.mirrored:
        known = " and ".join({"x": "left-right", "y": "upside down"}[axis] for axis in card.mirrored)
        lines.append(f"mirror images: {known}; the answers are averaged where an image is not large")
    if card.sizes:
        others = " and ".join(f"{factor:g}" for factor in card.sizes)
        lines.append(f"sizes: such an image is answered at {others} times its size too, and the answers are averaged")
    if card.threshold is not None:
        lines.append(f"threshold: {card.classes[-1]} where its probability is above {card.threshold:.3g}")
    if card.bridge is not None:
        name = card.classes[card.object_classes[0]]
        lines.append(f"gaps in {name}: bridged where its probability is at least {card.bridge:.3g}")
    if card.temperature is not None:
        lines.append(f"temperature: {card.temperature:.3g}, fitted on images held back from training")
    if card.postprocessing:
        lines.append("objects: " + ", ".join(f"{key} {value}" for key, value in card.postprocessing.items()))
    if card.reading.get("description"):
        lines.append(f"masks were read as: {card.reading['description']}")
    lines += _training_lines(card.training) + _score_lines(card.scores)
    return "\n".join(lines)


def model_path(path: str | Path) -> Path:
    """The model file itself, given it or a run folder."""
    path = Path(path)
    try:
        if path.is_dir():
            if not (path / FILE_NAME).is_file():
                raise ModelFileError(f"{path}: a folder without {FILE_NAME}. Name a model file or a finished run.")
            return path / FILE_NAME
        if not path.is_file():
            raise ModelFileError(f"{path}: no such model file. Name a model file or a run folder.")
    except (OSError, ValueError) as error:  # a name too long, or with a zero byte in it
        if isinstance(error, HandfulError):
            raise
        raise ModelFileError(f"{path}: cannot be opened ({error}).") from error
    return path


def _read_header(file: Path) -> tuple[ModelCard, dict[str, tuple[int, ...]]]:
    """Card and the shape of every tensor, after checking that the file is as long as its header says."""
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            start = stream.read(8)
            length = int.from_bytes(start, "little")
            header_bytes = stream.read(length) if 0 < length <= min(size - 8, LARGEST_HEADER) else b""
    except OSError as error:
        why = f"{file}: cannot be read: {reason(error)}. Copy the file again, or change its permissions."
        raise ModelFileError(why) from error
    if size == 0:
        raise ModelFileError(f"{file}: the file is empty. Copy it again, or train again.")
    if start == bytes(len(start)):
        raise ModelFileError(f"{file}: the file begins with zeros, as a copy that never finished. Copy it again.")
    # The length of a real header may by chance begin like another kind of file.
    kind = "" if header_bytes.startswith(b"{") or _begins_like_json(file) else _other_kind(start)
    if kind:
        raise ModelFileError(f"{file}: this is {kind}, not a handful model. Name the model.safetensors of a run.")
    if not header_bytes.startswith(b"{"):
        if size > 8 and length <= LARGEST_HEADER and _begins_like_json(file):
            raise ModelFileError(f"{file}: the file is cut short within its header. Copy it again.")
        raise ModelFileError(f"{file}: not a safetensors file. Name the model.safetensors of a run.")
    try:
        header = json.loads(header_bytes)
        metadata = header.pop("__metadata__", {})
        spans = {name: (_shape(one["shape"]), _span(one["data_offsets"])) for name, one in header.items()}
        text = metadata.get(ENTRY)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelFileError(f"{file}: the header is damaged ({error}). Copy the file again.") from error
    if not isinstance(text, str):
        raise ModelFileError(
            f"{file}: a safetensors file, but of another program: its header has no {ENTRY!r} entry. "
            "Name a model that handful trained."
        )
    expected = 8 + length + max((end for _, (_, end) in spans.values()), default=0)
    if size != expected:
        fault = "is cut short" if size < expected else "has something appended"
        raise ModelFileError(f"{file}: the file {fault}: {size} bytes, {expected} expected. Copy it again.")
    try:
        card = ModelCard.from_dict(json.loads(text))
    except ModelFileError as error:
        raise ModelFileError(f"{file}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{file}: the model's card is not JSON ({error}). Copy the file again.") from error
    return card, {name: shape for name, (shape, _) in spans.items()}


def _check_fit(file: Path, card: ModelCard, shapes: dict[str, tuple[int, ...]]) -> None:
    """Names and shapes in the file against the net's, on a net without memory: a forged size costs nothing."""
    import torch

    try:
        with torch.device("meta"):
            expected = {name: tuple(tensor.shape) for name, tensor in _build(card).state_dict().items()}
    except (HandfulError, KeyError, TypeError, ValueError, RuntimeError, ArithmeticError) as error:
        raise ModelFileError(f"{file}: the net {card.net!r} cannot be built: {error}") from error
    for name in sorted(expected.keys() | shapes.keys()):
        if name not in shapes:
            raise ModelFileError(f"{file}: weight {name} of net {card.net!r} is missing. Train again.")
        if name not in expected:
            raise ModelFileError(f"{file}: weight {name} is none of net {card.net!r}. Train again.")
        if shapes[name] != expected[name]:
            raise ModelFileError(
                f"{file}: weight {name} has shape {list(shapes[name])}, net {card.net!r} needs {list(expected[name])}. "
                "Train again."
            )


def _build(card: ModelCard) -> nn.Module:
    from handful import models

    return models.build_net(card.net, in_channels=card.channels, classes=card.outputs, **card.net_settings)


def _check(card: ModelCard) -> None:
    """What a card must satisfy whoever wrote it; a ModelFileError says which field does not."""
    _require(isinstance(card.net, str) and card.net != "", "net", card.net, "the name of a net")
    for name in ("net_settings", "normalisation", "scale", "postprocessing", "reading", "training"):
        value = getattr(card, name)
        _require(isinstance(value, dict) and all(isinstance(key, str) for key in value), name, value, "a JSON object")
    _require(_largest(card.net_settings) <= LARGEST_SETTING, "net_settings", card.net_settings, "numbers of a real net")
    _require(_largest(card.net_settings.get("depth", 0)) <= DEEPEST, "net_settings", card.net_settings, "a real net's")
    for name, low, high in (("channels", 1, 4096), ("tile", 1, 65_536), ("halo", 0, 65_536), ("multiple", 1, 1024)):
        value = getattr(card, name)
        _require(_whole(value) and low <= value <= high, name, value, f"a whole number from {low} to {high}")
    _require(card.mirrored in ((), ("x",), ("y",), ("x", "y")), "mirrored", card.mirrored, '"x", "y", both or none')
    right = len(card.sizes) <= 4 and all(_number(factor) and 0.5 <= factor <= 2 for factor in card.sizes)
    _require(right, "sizes", card.sizes, "up to 4 numbers from 0.5 to 2")
    _require(2 * card.halo < card.tile, "halo", card.halo, f"less than half of the tile, {card.tile}")
    # Half of a surrogate pair, which JSON may hold, is no text that a file can.
    named = all(isinstance(name, str) and not SURROGATE.search(name) for name in card.classes)
    _require(named and 2 <= len(card.classes) <= 255, "classes", card.classes, "2 to 255 names")
    _require(len(set(card.classes)) == len(card.classes), "classes", card.classes, "names that differ")
    none_or_class = card.background is None or (_whole(card.background) and 0 <= card.background < len(card.classes))
    one_object = len(card.classes) == 2 and card.background in (0, 1)
    one_more = one_object and card.task == "instances"
    expected = f"one for each of {len(card.classes)} classes" + (" or one more" if one_more else "")
    right = _whole(card.outputs) and len(card.classes) <= card.outputs <= len(card.classes) + one_more
    _require(right, "outputs", card.outputs, expected)
    _require(none_or_class, "background", card.background, "null or the number of a class")
    _require(
        card.threshold is None or (_number(card.threshold) and 0 <= card.threshold <= 1 and len(card.classes) == 2),
        "threshold",
        card.threshold,
        "null, or with two classes a probability",
    )
    _require(
        card.bridge is None or (_number(card.bridge) and 0 < card.bridge <= 1 and one_object),
        "bridge",
        card.bridge,
        "null, or with two classes, one of them the background, a probability",
    )
    _require(
        card.temperature is None or (_number(card.temperature) and 0.01 <= card.temperature <= 100),
        "temperature",
        card.temperature,
        "null or a number from 0.01 to 100",
    )
    _require(card.task in TASKS, "task", card.task, " or ".join(TASKS))
    _require(card.scores is None or isinstance(card.scores, dict), "scores", card.scores, "null or a JSON object")
    _check_normalisation(card.normalisation, card.channels)
    _check_scale(card.scale)
    _check_object_confidence(card.object_confidence)
    _check_likeness(card.likeness)


def _check_normalisation(normalisation: dict[str, Json], channels: int) -> None:
    kind = normalisation.get("kind")
    _require(kind in ("image", "dataset"), "normalisation", normalisation, 'of kind "image" or "dataset"')
    if kind == "dataset":
        for name in ("mean", "std"):
            numbers = normalisation.get(name)
            good = isinstance(numbers, list) and len(numbers) == channels and all(_number(one) for one in numbers)
            _require(good, f"normalisation.{name}", numbers, f"{channels} numbers, one a channel")
        _require(min(normalisation["std"]) > 0, "normalisation.std", normalisation["std"], "numbers above 0")


def _check_scale(scale: dict[str, Json]) -> None:
    # Beyond these a forged file would blow an image up past any memory.
    limits = {"none": (0, 0), "factor": (1 / 64, 8), "side": (8, 8192)}
    _require(scale.get("kind") in limits, "scale", scale, f"of kind {', '.join(limits)}")
    low, high = limits[scale["kind"]]
    value = scale.get("value", 0)
    _require(_number(value) and low <= value <= high, "scale.value", value, f"a number from {low} to {high}")


def _check_object_confidence(curve: dict[str, Json]) -> None:
    good = isinstance(curve, dict) and (
        not curve or (set(curve) == {"slope", "offset"} and all(map(_number, curve.values())) and curve["slope"] > 0)
    )
    _require(good, "object_confidence", curve, "{} or numbers slope (above 0) and offset")


def _check_likeness(likeness: dict[str, Json]) -> None:
    _require(isinstance(likeness, dict), "likeness", likeness, "a JSON object")
    if not likeness:
        return
    rows: Json = likeness.get("images")
    good = isinstance(rows, list) and rows and all(isinstance(row, list) and len(row) == len(rows[0]) for row in rows)
    good = good and all(_number(one) for row in rows for one in row)
    _require(bool(good), "likeness.images", rows, "rows of numbers, all of one length")
    limit: Json = likeness.get("unlike")
    _require(_number(limit) and limit > 0, "likeness.unlike", limit, "a number above 0")


def _require(good: bool, name: str, value: Json, expected: str) -> None:
    if not good:
        raise ModelFileError(f"the model's card has {name} {_short(value)}, expected {expected}.")


def _plain(value: Json) -> Json:
    """As JSON gives it back: tuples as lists, keys as text, numpy numbers as Python's, not-a-number as None."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    raise ModelFileError(f"the model's card cannot hold {_short(value)}: it is no JSON value.")


def _largest(value: Json) -> float:
    """The largest number, or length of a list, anywhere in a JSON value."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return max([len(value), *(_largest(one) for one in value)])
    return abs(value) if isinstance(value, (int, float)) else 0


def _whole(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Json) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _shape(values: Json) -> tuple[int, ...]:
    if not isinstance(values, list) or not all(_whole(value) and value >= 0 for value in values):
        raise ValueError(f"{_short(values)} is no shape")
    return tuple(values)


def _span(values: Json) -> tuple[int, int]:
    if not isinstance(values, list) or not all(_whole(value) and value >= 0 for value in values):
        raise ValueError(f"{_short(values)} is no place in the file")
    begin, end = values
    return begin, end


def _other_kind(start: bytes) -> str:
    """What a file is that begins like this, where people mistake it for a model; empty if nothing known."""
    known = {
        b"PK": "a zip file (PyTorch's .pt and .pth are)",
        b"\x80": "a pickle, which handful never opens",
        b"\x89HDF": "an HDF5 file (Keras writes those)",
        b"\x89PNG": "a PNG picture",
        b"\xff\xd8": "a JPEG picture",
        b"II*": "a TIFF picture",
        b"MM\x00*": "a TIFF picture",
        b"<": "a web page or XML file",
        b"version ": "a Git LFS pointer, not the file it stands for",
    }
    return next((kind for magic, kind in known.items() if start.startswith(magic)), "")


def _begins_like_json(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(9)[8:] == b"{"


def _training_lines(training: dict[str, Json]) -> list[str]:
    seconds, steps, seed, images = (training.get(key) for key in ("seconds", "steps", "seed", "images"))
    parts = []
    if images is not None:
        parts.append(f"on {len(images) if isinstance(images, (list, dict)) else images} images")
    if steps is not None:
        parts.append(f"{steps} steps")
    if _number(seconds):
        parts.append(f"{seconds:.0f} s")
    if seed is not None:
        parts.append(f"seed {seed}")
    lines = ["trained: " + ", ".join(parts)] if parts else []
    start = training.get("start")
    if isinstance(start, dict):
        new = f", new: {len(start['fresh'])}" if start.get("fresh") else ""
        knew = KNEW.get(str(start.get("knows")), "")
        lines.append(f"started from: {start.get('from')}, {start.get('taken')} tensors taken over{new}{knew}")
        tried = start.get("rehearsal")
        if isinstance(tried, dict) and all(_number(tried.get(name)) for name in ("near", "far")):
            near, far = (f"{1 - tried[name]:.3f}" for name in ("near", "far"))
            lines.append(f"rehearsed: Dice {near} of training images left out, {far} after more steps")
    fingerprint = training.get("fingerprint")
    if isinstance(fingerprint, str):
        lines.append(f"data fingerprint: {fingerprint[:16]}")
    versions = training.get("versions")
    if isinstance(versions, dict):
        lines.append("versions: " + ", ".join(f"{name} {version}" for name, version in sorted(versions.items())))
    return lines


def _score_lines(scores: dict[str, Json] | None) -> list[str]:
    if not scores or not isinstance(scores.get("scores"), dict):
        return ["scores: none, no image was held back"]
    from handful.measure.scores import LABELS

    lines = []
    # The file keeps names in the order of the alphabet; people want the headline first.
    known = [name for name in LABELS if name in scores["scores"]]
    for name in known + [name for name in scores["scores"] if name not in LABELS]:
        score = scores["scores"][name]
        if not isinstance(score, dict) or not _number(score.get("value")):
            continue
        line = f"{name}: {score['value']:.3f}"
        if _number(score.get("low")) and _number(score.get("high")):
            line += f" (95 % interval {score['low']:.3f} to {score['high']:.3f})"
        lines.append(line + (f", n = {score['n']}" if score.get("n") is not None else ""))
    return lines


def _scale_line(scale: dict[str, Json]) -> str:
    if scale["kind"] == "factor":
        return f"size: the net sees images at {scale['value']:g} of their size"
    return f"size: the net sees images with a longer side of {scale['value']:g} pixels"


def _class_line(card: ModelCard, number: int) -> str:
    same = card.classes[number] == "background"
    return f"{number} {card.classes[number]}" + (" (background)" if number == card.background and not same else "")


def _in_brackets(settings: dict[str, Json]) -> str:
    return f" ({', '.join(f'{key} {value}' for key, value in settings.items())})" if settings else ""


def _count(number: int) -> str:
    return f"{number / 1e6:.1f} M" if number >= 1e5 else str(number)


def _short(value: Json) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
