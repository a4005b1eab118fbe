"""One battery for every net of the registry, so that a new one cannot go untested."""

from inspect import signature

import pytest
import torch
from torch import nn

from handful.errors import SettingsError
from handful.models import NETS, build_net
from handful.models.quick import Doubled, SplitUp, split_ups


def small(name, in_channels=1, classes=2):
    """The net, narrow where it can be told to: reach and sizes do not depend on the width."""
    from importlib import import_module

    module, attribute = NETS[name]
    known = signature(getattr(import_module(module), attribute)).parameters
    torch.manual_seed(0)
    # A tiramisu has up to 15 times the width in a block, and a hundred layers: at 4 its tests would take minutes.
    settings = {"width": 1 if name.startswith("tiramisu") else 4} if "width" in known else {}
    net = build_net(name, in_channels=in_channels, classes=classes, **settings)
    if name == "forest":  # fresh, it knows nothing and says so everywhere
        plant(net)
    return net


def plant(forest):
    """Random trees: every node that has room for children below it asks any feature for a likely threshold."""
    nodes = forest.child.shape[1]
    inner = (nodes - 1) // 2
    forest.child[:, :inner] = 2 * torch.arange(inner, dtype=torch.int32) + 1
    forest.feature.random_(0, forest.features)
    forest.threshold.data[:, :inner] = torch.randn(len(forest.threshold), inner)
    forest.shares.data = torch.rand_like(forest.shares).softmax(-1)


@pytest.fixture(params=NETS)
def name(request):
    return request.param


@pytest.mark.parametrize(
    ("channels", "classes", "size"), [(1, 2, (33, 47)), (3, 5, (64, 16)), (5, 2, (1, 1)), (1, 3, (7, 90))]
)
def test_any_size_in_logits_of_that_size_out(name, channels, classes, size):
    net = small(name, channels, classes).eval()
    logits = net(torch.randn(2, channels, *size))
    assert logits.shape == (2, classes, *size)
    assert logits.isfinite().all()
    assert logits.dtype == torch.float32


def skip_where_nothing_is_trained(name):
    if name == "forest":
        pytest.skip("has no gradient; tests/models/test_forest.py")


def test_the_gradient_reaches_every_parameter(name):
    skip_where_nothing_is_trained(name)
    net = small(name, 3, 3).train()
    (net(torch.randn(2, 3, 64, 64)) ** 2).mean().backward()
    idle = [key for key, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert idle == []


def test_a_state_dict_makes_an_equal_net(name):
    net, other = small(name), small(name)
    for p in net.parameters():
        p.data += 0.1 * torch.randn_like(p)  # a hundred layers of more would overflow
    other.load_state_dict(net.state_dict())
    image = torch.randn(1, 1, 40, 40)
    answer = net.eval()(image)
    assert answer.isfinite().all()
    assert torch.equal(answer, other.eval()(image))


def reachable(net):
    """The net in float64 with positive weights and no bias below 0, so that no influence is cancelled or cut off."""
    net = net.double().eval()
    for p in net.parameters():
        p.data = 0.05 * p.data.abs() + 1e-4  # small enough for tanh to stay in its steep part
    return net


def test_no_input_reaches_further_than_the_halo(name):
    skip_where_nothing_is_trained(name)
    net = reachable(small(name))
    length = 2 * net.halo + 3 * net.multiple
    reached = 0
    strip = torch.full((1, 1, net.multiple, length), 1e-3, dtype=torch.float64, requires_grad=True)
    logits = net(strip)
    # Several places within a block of `multiple` pixels: pooling treats them differently.
    for place in range(net.halo + net.multiple, net.halo + 2 * net.multiple, max(net.multiple // 3, 1)):
        (gradient,) = torch.autograd.grad(logits[0, :, :, place].sum(), strip, retain_graph=True)
        columns = gradient.abs().sum((0, 1, 2)).nonzero()[:, 0]
        reached = max(reached, int((columns - place).abs().max()))
    assert reached <= net.halo
    assert reached >= 0.9 * net.halo  # one that is too large makes every tile slow


def test_a_pixel_beyond_the_halo_changes_nothing(name):
    net = small(name).eval()
    image = torch.randn(1, 1, net.multiple, net.halo + 2 * net.multiple)
    changed = image.clone()
    changed[..., 0] += 100
    with torch.inference_mode():
        before, after = net(image), net(changed)
    assert torch.equal(before[..., net.halo + 1 :], after[..., net.halo + 1 :])
    assert not torch.equal(before, after)


def test_shifting_by_the_multiple_shifts_the_answer(name):
    net = small(name).eval().double()
    step, edge = net.multiple, net.halo
    image = torch.randn(1, 1, step, 2 * edge + 4 * step, dtype=torch.float64)
    with torch.inference_mode():
        here, there = net(image), net(image[..., step:])
    torch.testing.assert_close(here[..., edge + step : -edge], there[..., edge:-edge], rtol=0, atol=1e-9)


def test_the_class_shares_are_the_first_answer(name):
    net = small(name, 1, 3)
    if not hasattr(net, "set_prior"):
        pytest.skip("starts from no prior")
    shares = torch.tensor([0.9, 0.08, 0.02])
    net.set_prior(shares)
    with torch.inference_mode():
        answer = net.eval()(torch.randn(1, 1, 64, 64)).softmax(1).mean((0, 2, 3))
    torch.testing.assert_close(answer, shares, rtol=0.15, atol=0)


@pytest.mark.parametrize(("layers", "millions"), [(56, 1.4), (67, 3.5), (103, 9.4)])
def test_the_tiramisu_of_the_paper(layers, millions):
    """Table 3 counts running statistics too, as Lasagne does; for 56 layers it says 1.5 M where its table 2 has 1.4."""
    with torch.device("meta"):
        net = build_net(f"tiramisu{layers}", in_channels=3, classes=12)
    assert sum(isinstance(part, nn.Conv2d | nn.ConvTranspose2d) for part in net.modules()) == layers
    assert round(sum(values.numel() for values in net.state_dict().values()) / 1e6, 1) == millions


def test_the_hundred_layers_have_the_channels_of_the_paper():
    """The last column of table 2: channels after each block, down and up, and before the last convolution."""
    with torch.device("meta"):
        net = build_net("tiramisu103", in_channels=3, classes=12)
    assert [pool[2].out_channels for pool in net.pool] == [112, 192, 304, 464, 656]
    seen = [block.layers[-1][2].in_channels + 16 for block in (net.bottleneck, *net.up)]
    assert seen == [896, 1088, 816, 576, 384, 256]  # printed as 578 there, which no sum of its parts gives


def test_the_u_net_of_the_paper_has_31_million_parameters():
    with torch.device("meta"):
        net = build_net("unet", in_channels=1, classes=2)
    assert round(sum(p.numel() for p in net.parameters()) / 1e6, 1) == 31.0


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("quik", {}, "Did you mean quick"),
        ("quick", {"widht": 4}, "Did you mean width"),
        ("unet", {"depth": 0}, "whole number from 1"),
        ("fcn", {"width": "wide"}, "whole number from 1"),
        ("quick", {"width": True}, "whole number from 1"),
        ("quick", {"top": -1}, "whole number from 0"),
    ],
)
def test_what_no_net_can_be_is_refused(name, settings, said):
    with pytest.raises(SettingsError, match=said):
        build_net(name, in_channels=1, classes=2, **settings)


@pytest.mark.parametrize("size", [(64, 64), (50, 71), (1, 3)])
@pytest.mark.parametrize("settings", [{"width": 8, "depth": 4}, {"width": 6, "depth": 2, "fold": 4}])
def test_the_way_up_split_says_the_same(size, settings):
    torch.manual_seed(0)
    net = build_net("quick", in_channels=2, classes=3, **settings).eval()
    nn.init.normal_(net.head.weight)
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
    x = torch.randn(2, 2, *size)
    with torch.inference_mode():
        expected = net(x)
        split_ups(net)
        assert sum(isinstance(part, SplitUp) for part in net.modules()) == settings["depth"] - 1
        torch.testing.assert_close(net(x), expected, rtol=1e-4, atol=1e-4)
    assert expected.std() > 0.1


def test_doubling_and_its_gradient_are_those_of_interpolation():
    x = torch.randn(2, 3, 5, 4, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, 3, 10, 8, dtype=torch.float64)
    expected = torch.nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")
    doubled = Doubled.apply(x)
    assert torch.equal(doubled, expected)
    ours, torchs = (torch.autograd.grad((one * weight).sum(), x)[0] for one in (doubled, expected))
    torch.testing.assert_close(ours, torchs)
