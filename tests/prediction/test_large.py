"""The law of large images: by windows, out of a file and into a file, equals the whole image to 1e-4."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

from handful.data.decode import ImageFile
from handful.data.windows import open_windows
from handful.errors import OutputError, SettingsError
from handful.models import build_net
from handful.prediction import large, views
from handful.prediction.appetite import bytes_a_pixel, largest_edge
from handful.prediction.ceiling import default_ceiling, peak_memory, read_size, resident
from handful.prediction.fused import fused
from handful.prediction.likeness import learn_likeness
from handful.prediction.planefile import PlaneFile
from handful.prediction.precision import LARGEST_CHANGED, LARGEST_MEAN, use_half
from random_net import IMAGE, make_model

DATASET = {"kind": "dataset", "mean": [0.4], "std": [0.2]}
BUDGET = 4_000_000  # tiles of 128 or 192 pixels


def texture(shape, kind=np.uint8, channels=1):
    rng = np.random.default_rng(0)
    rows, columns = np.indices(shape)
    image = 0.5 + 0.3 * np.sin(rows / 7) * np.cos(columns / 11) + 0.15 * rng.normal(size=shape)
    image = np.repeat(image.clip(0, 1)[:, :, None], channels, axis=2) * np.linspace(1, 0.6, channels)
    return image.astype(kind) if np.dtype(kind).kind == "f" else (image * np.iinfo(kind).max).astype(kind)


def by_windows(model, image, folder: Path, **options):
    path = folder / "image.tif"
    pixels, kind = (image, "rgb") if image.shape[2] == 3 else (image[:, :, 0], "minisblack")
    tifffile.imwrite(path, pixels, tile=(32, 48), photometric=kind)
    with open_windows(ImageFile(path), cache=100_000) as windows:
        values = {"name": "image.tif", "identity": {}, "budget": BUDGET}
        return large.predict_large(model, windows, folder / "work", **(values | options))


def check_law(model, image, folder, **options):
    height, width = image.shape[:2]
    tiling = large.Tiling(128, model.card.halo, model.card.multiple, whole_pixels=1 << 30)
    whole = model.predict(image, tiling=tiling, flips=options.get("flips"))
    found = by_windows(model, image, folder, **options)
    assert np.abs(found.probabilities((0, height), (0, width)) - whole.probabilities).max() < 1e-4
    rows, columns = (height // 3, height // 3 + max(1, height // 4)), (width // 2, width)
    mask, window, interior = found.look(rows, columns)
    assert np.abs(window - whole.probabilities[:, slice(*rows), slice(*columns)]).max() < 1e-4
    assert (interior is None) == (whole.interior is None)
    if interior is not None:
        assert np.abs(interior - whole.interior[slice(*rows), slice(*columns)]).max() < 1e-4
    assert (mask == whole.mask[slice(*rows), slice(*columns)]).mean() > 0.999
    assert min(height, width) < 2 or whole.probabilities.std() > 0.005  # the net has something to say


@pytest.mark.parametrize("shape", [(20, 20), (1, 7), (300, 411), (129, 128), (90, 555), (401, 33)])
def test_tiles_from_a_file_equal_the_whole_image_at_every_size(tmp_path, shape):
    check_law(make_model(), texture(shape), tmp_path)


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
@pytest.mark.parametrize("normalisation", [IMAGE, DATASET])
def test_any_type_and_normalisation(tmp_path, kind, normalisation):
    check_law(make_model(normalisation=normalisation), texture((211, 301), kind), tmp_path)


@pytest.mark.parametrize(
    "scale", [{"kind": "factor", "value": 0.5}, {"kind": "factor", "value": 1.7}, {"kind": "side", "value": 150}]
)
def test_a_net_that_works_at_another_size(tmp_path, scale):
    check_law(make_model(scale=scale), texture((223, 307)), tmp_path)


def test_many_classes_colours_mirror_images_and_a_temperature(tmp_path):
    model = make_model(channels=3, classes=4, temperature=1.5)
    check_law(model, texture((201, 170), channels=3), tmp_path, flips=True)


@pytest.mark.parametrize("most", [223 * 307, 223 * 307 - 1])
def test_mirror_images_are_averaged_at_the_same_sizes(tmp_path, monkeypatch, most):
    monkeypatch.setattr(views, "MOST_PIXELS", most)
    check_law(make_model(mirrored=("x",)), texture((223, 307)), tmp_path)


def test_what_is_answered_at_one_size_by_windows_is_said(tmp_path):
    model, image = make_model(sizes=(0.8, 1.25)), texture((90, 120))
    assert "answered at one size" in by_windows(model, image, tmp_path).messages[0]
    assert by_windows(model, image, tmp_path, flips=False).messages == ()


@pytest.mark.parametrize("scale", [None, {"kind": "factor", "value": 0.5}])
def test_interiors_of_objects(tmp_path, scale):
    check_law(make_model(scale=scale, temperature=1.5, interior=True), texture((201, 170)), tmp_path)


@pytest.mark.parametrize("channels", [1, 3])
def test_bfloat16_says_the_same_to_a_few_hundredths_whole_and_by_windows(tmp_path, channels):
    model, image = make_model(channels=channels, classes=3), texture((190, 210), channels=channels)
    exact, rough = (model.predict(image, half=half).probabilities for half in (False, True))
    found = by_windows(model, image, tmp_path, half=True).probabilities((0, 190), (0, 210))
    for probabilities in (rough, found):
        assert 1e-5 < np.abs(probabilities - exact).max() < 0.05
        assert np.abs(probabilities - exact).mean() < LARGEST_MEAN / 2
        assert (probabilities.argmax(0) != exact.argmax(0)).mean() < 2 * LARGEST_CHANGED
    assert np.allclose(rough.sum(0), 1, atol=1e-5)  # the softmax is float32


def test_on_a_cpu_float32_stays_unless_told():
    model, image = make_model(), texture((40, 40))
    assert [use_half(model, precision, image) for precision in ("auto", "float32", "bfloat16")] == [
        (False, ""),
        (False, ""),
        (True, ""),
    ]


@pytest.mark.parametrize("options", [{}, {"normalisation": DATASET, "temperature": 1.7}], ids=["image", "dataset"])
@pytest.mark.parametrize(
    ("shape", "scale"), [((300, 411), {"kind": "none"}), ((1300, 1200), {"kind": "factor", "value": 1.3})]
)
def test_how_unlike_an_image_is_told_by_windows_too(tmp_path, shape, scale, options):
    model = make_model(scale=scale, **options)
    image = texture(shape)
    model.card.likeness.update(learn_likeness([model.predict(texture((200, 222))).description]))
    whole, found = model.predict(image), by_windows(model, image, tmp_path)
    assert found.unlike == pytest.approx(whole.unlike, rel=1e-3)
    assert 0.01 < whole.unlike < 1
    strange = np.where(np.random.default_rng(0).random(shape) < 0.5, 0, 255).astype(np.uint8)[:, :, None]
    whole, found = model.predict(strange), by_windows(model, strange, tmp_path)
    assert found.unlike == pytest.approx(whole.unlike, rel=1e-3)
    assert found.messages == whole.messages
    assert found.messages[0].startswith("unlike the images trained on")


def test_statistics_are_those_of_the_whole_image_to_the_last_digit(tmp_path, monkeypatch):
    monkeypatch.setattr(large, "STATISTICS_PIXELS", 999)
    monkeypatch.setattr("handful.normalise.STATISTICS_PIXELS", 999)
    monkeypatch.setattr("handful.data.windows.BAND_PIXELS", 700)
    image = texture((157, 211), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", image.squeeze(), tile=(16, 16))
    model = make_model()
    with open_windows(ImageFile(tmp_path / "a.tif")) as windows:
        found = large.survey(windows, model.card, "a").statistics
    expected = large.image_statistics(image, model.card.normalisation)
    assert np.array_equal(found.centre, expected.centre)
    assert np.array_equal(found.scale, expected.scale)


def test_pixels_that_are_no_number_are_counted(tmp_path):
    image = texture((100, 120), np.float32)
    image[3, 4] = np.nan
    found = by_windows(make_model(), image, tmp_path)
    assert found.messages[0].startswith("not a number at 1 of 12000 pixels")
    assert np.isfinite(found.probabilities((0, 100), (0, 120))).all()


@pytest.mark.parametrize("normalisation", [IMAGE, DATASET])
def test_colour_for_a_grey_model_is_turned_grey_and_it_is_said(tmp_path, normalisation):
    model, image = make_model(normalisation=normalisation), texture((300, 200), channels=3)
    luma = np.rint(image @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)
    found, whole = by_windows(model, image, tmp_path), model.predict(image)
    assert np.array_equal(whole.probabilities, model.predict(luma).probabilities)
    assert np.abs(found.probabilities((0, 300), (0, 200)) - whole.probabilities).max() < 1e-4
    assert found.messages == whole.messages
    assert "turned grey" in whole.messages[0]


def test_grey_saved_as_colour_is_nothing_to_speak_of(tmp_path):
    model, image = make_model(), np.repeat(texture((60, 60)), 3, axis=2)
    assert model.predict(image).messages == by_windows(model, image, tmp_path).messages == ()


def test_work_that_was_cut_off_goes_on_and_gives_the_same_bytes(tmp_path, monkeypatch):
    model, image = make_model(), texture((500, 300))
    whole = by_windows(model, image, tmp_path).raw.path.read_bytes()
    written = PlaneFile.write
    count = 0

    def dies(self, *arguments):
        nonlocal count
        count += 1
        if count > 8:
            raise OutputError("the disk is gone")
        written(self, *arguments)

    monkeypatch.setattr(PlaneFile, "write", dies)
    (tmp_path / "work" / "probability.raw").unlink()
    with pytest.raises(OutputError, match="gone"):
        by_windows(model, image, tmp_path)
    monkeypatch.undo()
    state = json.loads((tmp_path / "work" / large.PROGRESS).read_bytes())
    assert 0 < state["rows"] < 5
    shares = []
    again = by_windows(model, image, tmp_path, resume=True, done=shares.append)
    assert shares[0] > 0.3
    assert again.raw.path.read_bytes() == whole
    assert by_windows(model, image, tmp_path, resume=True, flips=False).raw.path.read_bytes() != whole


def test_a_ceiling_too_low_is_said_with_what_is_missing(tmp_path):
    with pytest.raises(SettingsError, match=r"at least \d+ MB more are needed for one tile"):
        by_windows(make_model(), texture((300, 300)), tmp_path, budget=100_000)


def test_a_disk_too_small_is_said_before_the_work(tmp_path):
    with pytest.raises(OutputError, match=r"4000000\.0 GB are needed for the time of the work"):
        PlaneFile(tmp_path / "a", 1, (10**8, 10**7), np.float32, new=True)


@pytest.mark.parametrize("net", ["quick", "unet", "fcn"])
def test_the_running_net_says_the_same(net):
    torch.manual_seed(0)
    slow = build_net(net, in_channels=2, classes=3, width=4, depth=2).eval()
    for part in slow.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
    x = torch.randn(2, 2, 32, 48)
    with torch.inference_mode():
        assert torch.allclose(fused(slow)(x), slow(x), atol=1e-4)
    assert any(isinstance(part, torch.nn.BatchNorm2d) for part in slow.modules()) == (net != "fcn")
    assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in fused(slow).modules())


def test_memory_of_a_net_is_counted():
    class Doubled(torch.nn.Module):
        def forward(self, x):
            return torch.cat([x, x], dim=1)  # beside the input of 4 bytes

    # Input 4, twice 8 for the output and its softmax.
    assert bytes_a_pixel(Doubled(), 1) == pytest.approx(20)


def test_the_largest_tile_that_fits():
    assert largest_edge(10**9, 100, 64) == 2304
    assert largest_edge(2_000_000, 10, 64) == 256
    assert largest_edge(2_000_000, 10, 200) == 256
    assert largest_edge(2_000_000, 10, 300) == 300
    assert largest_edge(2_000_000, 10, 400) is None


@pytest.mark.parametrize(
    ("text", "size"), [("2GB", 2e9), ("1.5G", 1.5e9), ("800 mb", 8e8), ("1GiB", 2**30), ("123", 123)]
)
def test_sizes_are_read(text, size):
    assert read_size(text) == size


@pytest.mark.parametrize("text", ["", "much", "2XB", "-1GB", "1.2.3GB"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(SettingsError, match="expected a size such as 2GB"):
        read_size(text)


def test_what_the_process_has_is_known():
    assert 10**7 < resident() <= peak_memory() * 1.01
    assert default_ceiling() > resident()
