"""What handful takes the machine for."""

from __future__ import annotations

import pytest

from handful.machine import count_cores, free_memory


@pytest.mark.parametrize(("told", "most"), [("1", 1), ("0", 1), ("100000", None), ("two", None), ("", None)])
def test_fewer_cores_where_the_environment_says_so(monkeypatch, told, most):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    all_of_them = count_cores()
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert count_cores() == (most or all_of_them)


def test_some_memory_is_free():
    assert free_memory() > 1 << 20
