"""What handful is made of, and that it talks to nobody."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import offline

ROOT = Path(__file__).parent.parent


def versions(name: str) -> dict[str, str]:
    """Package -> version of a file of requirements."""
    lines = [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith("#")]
    return {found[1].lower(): found[2] for line in lines if (found := re.match(r"([\w.-]+)==(\S+)", line))}


def test_every_locked_version_has_a_hash() -> None:
    assert versions("hashes.txt") == versions("constraints.txt")
    lines = [line for line in (ROOT / "hashes.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==\S+ --hash=sha256:[0-9a-f]{64}", line) for line in lines)


def test_the_command_that_writes_hashes() -> None:
    def entry(name: str, version: str, digit: str) -> dict[str, object]:
        info = {"url": "https://nowhere.invalid/x.whl", "archive_info": {"hashes": {"sha256": digit * 64}}}
        return {"metadata": {"name": name, "version": version}, "download_info": info}

    report = json.dumps({"install": [entry("torch", "2.13.0+cpu", "a"), entry("Jinja2", "3.1.6", "b")]})
    made = subprocess.run([sys.executable, ROOT / ".ci/hashes.py"], input=report, capture_output=True, text=True)
    lines = [line for line in made.stdout.splitlines() if not line.startswith("#")]
    assert lines == [f"Jinja2==3.1.6 --hash=sha256:{'b' * 64}", f"torch==2.13.0 --hash=sha256:{'a' * 64}"]


def licences(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    command = [sys.executable, ROOT / ".ci/licences.py", *more]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def test_no_licence_asks_for_more_than_ours(tmp_path: Path) -> None:
    found = licences(tmp_path)
    assert found.returncode == 0, found.stdout
    assert {"torch", "numpy", "zarr", "roifile", "tifffile"} <= {line.split()[1] for line in found.stdout.splitlines()}


@pytest.mark.parametrize(
    ("stated", "status"),
    [
        ("License-Expression: GPL-3.0-or-later", 1),
        ("Classifier: License :: OSI Approved :: GNU Affero General Public License v3", 1),
        ("Author: nobody", 1),
        ("License-Expression: MIT OR GPL-2.0-only", 0),
        ("License-Expression: LGPL-2.1-only", 0),
        ("License: BSD", 0),
    ],
)
def test_licences_that_spread_are_found(tmp_path: Path, stated: str, status: int) -> None:
    about = tmp_path / "borrowed-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: borrowed\nVersion: 1.0\n{stated}\n")
    assert licences(tmp_path, "borrowed>=1").returncode == status


def test_a_package_that_is_known_to_say_nothing_is_let_through(tmp_path: Path) -> None:
    about = tmp_path / "cuda_toolkit-13.0.dist-info"  # comes with torch where that is built for GPUs
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: cuda-toolkit\nVersion: 13.0\n")
    found = licences(tmp_path, "cuda-toolkit>=13")
    assert found.returncode == 0
    assert "NVIDIA" in found.stdout


@pytest.mark.parametrize(
    ("said", "status", "expected"),
    [
        ("No known vulnerabilities found", 0, 0),
        ("Found 1 known vulnerability", 1, 1),
        ("ConnectionError: no route", 1, 0),
    ],
)
def test_only_a_known_hole_stops_the_audit(tmp_path: Path, said: str, status: int, expected: int) -> None:
    tool = tmp_path / "pip-audit"
    tool.write_text(f"#!/bin/sh\necho '{said}'\nexit {status}\n")
    tool.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    made = subprocess.run(["sh", ROOT / ".ci/audit", "x"], capture_output=True, text=True, env=environment)
    assert made.returncode == expected
    assert said in made.stdout


# ---- no network


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "example.invalid"])
def test_the_tests_have_no_network(host: str) -> None:
    with pytest.raises(offline.NetworkError):
        socket.create_connection((host, 80), timeout=0.1)
    assert len(offline.ATTEMPTS) == 1
    offline.ATTEMPTS.clear()


def test_nor_a_datagram_leaves() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender, pytest.raises(offline.NetworkError):
        sender.sendto(b"x", ("192.0.2.1", 80))
    offline.ATTEMPTS.clear()


def test_but_this_machine_may_talk_to_itself() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()[:2]):
        assert offline.ATTEMPTS == []


def test_the_whole_road_without_a_network(discs: Path, tmp_path: Path) -> None:
    """In a network namespace of its own, where even C code finds nothing: train, predict, describe."""
    apart = ["unshare", "--map-root-user", "--net"]
    if shutil.which("unshare") is None or subprocess.run([*apart, "true"], capture_output=True).returncode:
        pytest.skip("this system makes no network namespaces for us")
    run, out = tmp_path / "run", tmp_path / "out"
    small = ["--set", "net_settings={width = 4, depth = 2}", "--set", "patch=32"]
    for command in (
        ["train", discs, "-o", run, "--steps", "2", *small],
        ["predict", run, discs / "images", "-o", out],
        ["describe", run],
    ):
        made = subprocess.run([*apart, sys.executable, "-m", "handful", *command], capture_output=True, text=True)
        assert made.returncode == 0, made.stderr
    assert len(list((out / "masks").iterdir())) == 8
