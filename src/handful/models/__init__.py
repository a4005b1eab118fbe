"""The nets, behind one registry. Each takes (in_channels, classes, **settings) and gives logits of the input's size.

A net states `multiple` (it pads to it inside) and `halo`: how far, in pixels, an input can reach into the output.
"""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING, Any

from handful.errors import SettingsError
from handful.names import nearest

if TYPE_CHECKING:
    from torch import nn

NETS = {
    "quick": ("handful.models.quick", "QuickNet"),
    "unet": ("handful.models.unet", "UNet"),
    "fcn": ("handful.models.fcn", "FCN"),
    "tiramisu56": ("handful.models.tiramisu", "Tiramisu56"),
    "tiramisu67": ("handful.models.tiramisu", "Tiramisu67"),
    "tiramisu103": ("handful.models.tiramisu", "Tiramisu103"),
    "forest": ("handful.models.forest", "PixelForest"),  # no net: nothing in it is trained by gradients
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
    known = {key: one for key, one in signature(net_class).parameters.items() if one.kind is one.KEYWORD_ONLY}
    for key, value in settings.items():
        if key not in known:
            raise SettingsError(
                f"net {name} has no setting {key}. Its settings: {', '.join(known)}.{nearest(key, known)}"
            )
        check_setting(name, key, value, known[key].default)
    net: nn.Module = net_class(in_channels, classes, **settings)
    return net


def check_setting(net: str, key: str, value: Any, default: Any) -> None:
    """Raises SettingsError for a value of another kind than the default, or a size above 65536 or below 1, or below the
    default where that is 0."""
    whole = isinstance(default, int) and not isinstance(default, bool)
    least = min(default, 1) if whole else 0
    if type(value) is not type(default) or (whole and not least <= value <= 65536):
        wanted = f"a whole number from {least}" if whole else type(default).__name__
        raise SettingsError(f"net {net}, {key} = {value!r}: expected {wanted}, such as {default!r}.")
