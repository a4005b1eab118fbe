"""The families of generated tasks and where each is drawn: a function of its own name, loaded when it is used."""

_UNIVERSE = "handful.synth.universe"

FAMILIES = {
    "objects": f"{_UNIVERSE}.objects",
    "discs": f"{_UNIVERSE}.objects",
    "defects": f"{_UNIVERSE}.objects",
    "cells": f"{_UNIVERSE}.cells",
    "membranes": f"{_UNIVERSE}.cells",
    "vessels": f"{_UNIVERSE}.lines",
    "worms": f"{_UNIVERSE}.lines",
    "layers": f"{_UNIVERSE}.layers",
    "textures": f"{_UNIVERSE}.layers",
    "drawings": f"{_UNIVERSE}.layers",
    "figures": f"{_UNIVERSE}.figures",
}
