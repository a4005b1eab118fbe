"""pip's report of what it would install (`pip install --dry-run --report -`) on stdin, as requirements with hashes."""

from __future__ import annotations

import json
import platform
import sys


def main() -> None:
    print(f"# Written by `make lock` for {platform.system()} {platform.machine()}, Python {platform.python_version()}.")
    print("# Another machine may take other wheels of the same versions: write it anew there.")
    for one in sorted(json.load(sys.stdin)["install"], key=lambda one: one["metadata"]["name"].lower()):
        # torch 2.13.0+cpu is what `torch==2.13.0` found here
        name, version = one["metadata"]["name"], one["metadata"]["version"].partition("+")[0]
        print(f"{name}=={version} --hash=sha256:{one['download_info']['archive_info']['hashes']['sha256']}")


main()
