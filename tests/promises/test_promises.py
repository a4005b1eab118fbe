"""docs/why/promises.md names tests that exist, one at least a row."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROWS = [row for row in (ROOT / "docs/why/promises.md").read_text().splitlines() if row.startswith("|")]


def test_every_promise_names_tests_that_exist() -> None:
    promises = [row for row in ROWS[2:] if not re.match(r"\| \*\*.*\*\* \| \| \|$", row)]
    assert len(promises) > 15
    for row in promises:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row)
        assert named, row
        for file, name in named:
            assert name in functions(ROOT / file), f"{file}::{name}"


def functions(file: Path) -> set[str]:
    return {one.name for one in ast.parse(file.read_text()).body if isinstance(one, ast.FunctionDef)}
