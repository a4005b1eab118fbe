"""The licence of everything that handful needs at run time; status 1 where one asks for more than MIT gives.

Installed metadata of the dependencies in pyproject.toml, of its extra `big`, of those named as arguments, and of all
that these need in turn.
"""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

NAME = re.compile(r"[\w.-]+")
# Licences that spread to the program that uses them, by the words their names and classifiers hold.
SPREADING = re.compile(r"\b(A?GPL|GNU (Affero )?General Public|EUPL|CC-BY-NC|SSPL)", re.IGNORECASE)
LESSER = re.compile(r"\b(LGPL|Lesser|exception)", re.IGNORECASE)

# Packages whose metadata say nothing. This one only names the parts of CUDA that a GPU build of torch needs.
SILENT = {"cuda-toolkit": "NVIDIA CUDA Toolkit EULA"}


def needed(requirements: list[str]) -> dict[str, Distribution]:
    """These and everything that they need, by name, as far as it is installed here."""
    found: dict[str, Distribution] = {}
    waiting = list(requirements)
    while waiting:
        requirement, _, marker = waiting.pop().partition(";")
        name = NAME.match(requirement.strip())[0].lower().replace("_", "-")
        if name in found or "extra" in marker:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:  # for other systems and versions of Python
            continue
        waiting += found[name].requires or ()
    return found


def licence(one: Distribution) -> str:
    """In one line: the SPDX expression, else the classifiers, the first line of the text, or what SILENT knows."""
    about = one.metadata
    classifiers = [line.split(" :: ")[-1] for line in about.get_all("Classifier", []) if line.startswith("License ::")]
    text = (about.get("License") or "").strip().partition("\n")[0]
    stated: str = about.get("License-Expression") or ", ".join(classifiers) or text[:60]
    return stated or SILENT.get(about["Name"], "")


def main() -> int:
    bad = 0
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
    requirements = [*project["dependencies"], *project["optional-dependencies"]["big"], *sys.argv[1:]]
    for name, one in sorted(needed(requirements).items()):
        words = licence(one)
        # A choice (`A OR GPL`) binds nobody to the second.
        refused = not words or (SPREADING.search(words) and not LESSER.search(words) and " OR " not in words)
        bad += bool(refused)
        print(f"{'NO ' if refused else 'ok '} {name} {one.version}: {words or 'no licence stated'}")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
