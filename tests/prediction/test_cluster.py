"""A dask cluster of two workers gives what one machine gives."""

import numpy as np
import pytest

from bright import save_bright_model
from handful.cli import main
from handful.errors import DataError, OutputError, SettingsError
from handful.modelfile import load_model
from handful.prediction import Segmenter

zarr = pytest.importorskip("zarr")
pytest.importorskip("distributed")
from handful.data.decode import ImageFile  # noqa: E402
from handful.prediction import cluster as on_cluster  # noqa: E402

# distributed leaves sockets and tasks of a stopped cluster to the garbage collector.
pytestmark = [pytest.mark.filterwarnings("ignore")]
SHAPE = (200, 330)


@pytest.fixture(scope="module")
def address():
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as two:
        yield two.scheduler_address


@pytest.fixture
def work(tmp_path):
    save_bright_model(tmp_path / "model.safetensors")
    rows, columns = np.indices(SHAPE)
    image = 120 + 90 * np.sin(rows / 8) * np.cos(columns / 9) + np.random.default_rng(0).normal(0, 8, SHAPE)
    image = image.clip(0, 255).astype(np.uint8)
    zarr.create_array(tmp_path / "image.zarr", shape=SHAPE, chunks=(64, 64), dtype="u1")[:] = image
    return tmp_path, image


def run(work, address, **options):
    folder, _ = work
    card = load_model(folder / "model.safetensors")[1]
    values = {"name": "image", "block": 96}
    return on_cluster.predict_on_cluster(
        address,
        folder / "model.safetensors",
        card,
        ImageFile(folder / "image.zarr"),
        folder / "out",
        frozenset({"mask", "probability", "instances"}),
        **(values | options),
    )


def check(found, work):
    folder, image = work
    whole = Segmenter.load(folder / "model.safetensors").predict(image)
    arrays = {kind: zarr.open_array(path, mode="r")[...] for kind, path in found["files"].items()}
    assert np.abs(arrays["probability"][0] - whole.probabilities[1]).max() < 1e-4
    assert np.array_equal(arrays["mask"], 255 * whole.mask)
    assert np.array_equal(arrays["instances"], whole.labels)
    assert found["objects"] == len(whole.objects) > 10
    assert list(found["counts"]) == np.bincount(whole.mask.ravel()).tolist()
    assert not (folder / "out" / "parts.zarr").exists()


@pytest.mark.parametrize("interior", [False, True])
def test_many_machines_give_what_one_gives(work, address, interior):
    save_bright_model(work[0] / "model.safetensors", interior=interior)
    shares = []
    check(run(work, address, done=shares.append), work)
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_a_block_that_fails_is_tried_again(work, address, monkeypatch):
    real, notes = on_cluster.predict_block, work[0] / "tried"
    notes.mkdir()

    def fails_at_first(about, place):  # sent to a worker as a copy: it remembers on disk
        if place == (1, 1):
            count = len(list(notes.iterdir()))
            (notes / str(count)).touch()
            if count < 2:
                raise ConnectionError("the machine is gone")
        real(about, place)

    monkeypatch.setattr(on_cluster, "predict_block", fails_at_first)
    check(run(work, address), work)
    assert len(list(notes.iterdir())) == 3


def test_a_block_that_always_fails_is_said(work, address, monkeypatch):
    def fails(about, place):
        raise ConnectionError("the machine is gone")

    monkeypatch.setattr(on_cluster, "predict_block", fails)
    with pytest.raises(OutputError, match=r"block \(0, 0\) failed 4 times on the cluster \(the machine is gone\)"):
        run(work, address)


def test_what_is_no_zarr_or_no_cluster_is_refused(work, address):
    folder, _ = work
    card = load_model(folder / "model.safetensors")[1]
    arguments = (folder / "model.safetensors", card, ImageFile(folder / "model.safetensors"), folder / "out")
    with pytest.raises(DataError, match="reads Zarr"):
        on_cluster.predict_on_cluster(address, *arguments, frozenset({"mask"}), name="x")
    with pytest.raises(DataError, match="not overlay"):
        on_cluster.predict_on_cluster(address, *arguments, frozenset({"overlay"}), name="x")
    with pytest.raises(SettingsError, match="no dask scheduler answers"):
        run(work, "nonsense://host")


def test_the_command(work, address, capsys):
    folder, image = work
    arguments = ["predict", str(folder / "model.safetensors"), str(folder / "image.zarr"), "--save", "mask,instances"]
    assert main([*arguments, "-o", str(folder / "far"), "--cluster", address]) == 0
    assert main([*arguments, "-o", str(folder / "near")]) == 0
    capsys.readouterr()
    import tifffile

    far = zarr.open_array(folder / "far" / "zarr" / "image" / "instances.zarr", mode="r")[...]
    assert np.array_equal(far, tifffile.imread(folder / "near" / "instances" / "image.tif"))
    assert far.shape == image.shape
