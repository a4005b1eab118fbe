"""The nets, behind one registry. Each takes (in_channels, classes, **settings) and gives logits of the input's size.

A net states `multiple` (it pads to it inside) and `halo`: how far, in pixels, an input can reach into the output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from handful.errors import SettingsError
from handful.names import nearest

if TYPE_CHECKING:
    from torch import nn

NETS = {
    "quick": ("handful.models.quick", "QuickNet"),
    "unet": ("handful.models.unet", "UNet"),
    "fcn": ("handful.models.fcn", "FCN"),
}


def build_net(name: str, *, in_channels: int, classes: int, **settings: Any) -> nn.Module:
    """The net called `name` with fresh weights.

    Raises SettingsError for a name that is not in NETS or a setting that the net does not have.
    """
    from importlib import import_module

    if name not in NETS:
        raise SettingsError(f"--net {name}: no such net. Nets: {', '.join(NETS)}.{nearest(name, NETS)}")
    module, attribute = NETS[name]
    net_class = getattr(import_module(module), attribute)
    try:
        net: nn.Module = net_class(in_channels, classes, **settings)
    except TypeError as error:
        raise SettingsError(f"net {name}: {str(error).rpartition('__init__() ')[2]}") from None
    return net
