"""--deterministic: a fixed order of sums while it lasts, and words where there is none. (What a GPU does needs one.)"""

import os

import pytest
import torch

import handful
from discs import write_discs
from handful.errors import SettingsError
from handful.training.deterministic import WORKSPACE, deterministic_kernels


def test_it_lasts_as_long_as_it_is_wanted(monkeypatch):
    monkeypatch.delenv(WORKSPACE, raising=False)
    with deterministic_kernels():
        assert torch.are_deterministic_algorithms_enabled()
        assert os.environ[WORKSPACE] == ":4096:8"
    assert not torch.are_deterministic_algorithms_enabled()
    assert WORKSPACE not in os.environ
    monkeypatch.setenv(WORKSPACE, ":16:8")
    with deterministic_kernels():
        assert os.environ[WORKSPACE] == ":16:8"
    assert os.environ[WORKSPACE] == ":16:8"


def test_a_step_without_such_a_form_is_told_and_other_errors_are_not_hidden():
    said = (
        "adaptive_max_pool2d_backward_cuda does not have a deterministic implementation, but you set "
        "'torch.use_deterministic_algorithms(True)'. You can turn off determinism just for this operation."
    )
    told = pytest.raises(SettingsError, match="--deterministic: adaptive_max_pool2d_backward_cuda does not")
    with told, deterministic_kernels():
        raise RuntimeError(said)
    assert not torch.are_deterministic_algorithms_enabled()
    with pytest.raises(RuntimeError, match="something else"), deterministic_kernels():
        raise RuntimeError("something else")


@pytest.mark.parametrize("net", ["quick", "unet", "fcn"])
def test_nets_train_so_and_twice_the_same(tmp_path, net):
    data = write_discs(tmp_path / "discs", 4)
    settings = {"patch": 32, "batch": 2} | ({} if net == "fcn" else {"net_settings": {"width": 4}})
    files = []
    for turn in range(2):
        out = tmp_path / str(turn)
        handful.train(data, out=out, steps=2, net=net, deterministic=True, test_fraction=0, settings=settings)
        files.append((out / "model.safetensors").read_bytes())
    assert files[0] == files[1]
    assert not torch.are_deterministic_algorithms_enabled()
