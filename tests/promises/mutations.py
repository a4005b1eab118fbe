"""Valid files spoilt in the ways that damage, other programs and ill will spoil them.

Every choice is drawn from a `random.Random`, so that hypothesis can draw it, and make a finding smaller.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any

# What lies next to the edges of the integers that formats use, as bytes of either order.
EDGES = [0, 1, 2, 3, 7, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1]
# Values that JSON, TOML and XML may hold where something else was meant.
ODD: list[Any] = [
    None, True, False, 0, 1, -1, 2, 255, 256, 65536, 2**31, 2**53, 2**63, 10**30, 0.5, -0.5, 1e308, float("nan"),
    float("inf"), "", " ", "0", "nan", "a" * 300, "../../evil", "/etc/passwd", "CON", "nul\0name", "\ud800", "€", [],
    [[]], [0], [None], ["x"], [1, 2, 3], {}, {"a": 1}, [[0, 0], [1e9, 1e9], [5, -3]],
]  # fmt: skip
WORDS = ["__import__('os').system('x')", "!!python/object", "{{7*7}}", "<script>", "%s%n", "${HOME}", "\x00", "\n"]


def spoil(raw: bytes, rng: Random, others: list[bytes]) -> bytes:
    """One to four changes to the bytes of a file; `others` are files to borrow parts of."""
    data = bytearray(raw)
    for _ in range(rng.randint(1, 4)):
        _CHANGES[rng.randrange(len(_CHANGES))](data, rng, others)
    return bytes(data)


def _place(data: bytearray, rng: Random) -> int:
    """Anywhere; half of the time among the first bytes, where headers are."""
    most = len(data) if rng.random() < 0.5 else min(len(data), 128)
    return rng.randrange(most) if most else 0


def _flip(data: bytearray, rng: Random, others: list[bytes]) -> None:
    if data:
        data[_place(data, rng)] ^= 1 << rng.randrange(8)


def _set(data: bytearray, rng: Random, others: list[bytes]) -> None:
    if data:
        data[_place(data, rng)] = rng.randrange(256)


def _number(data: bytearray, rng: Random, others: list[bytes]) -> None:
    """An integer of 2, 4 or 8 bytes at an edge of its range."""
    size = rng.choice([2, 4, 8])
    place = _place(data, rng)
    value = EDGES[rng.randrange(len(EDGES))] % 2 ** (8 * size)
    data[place : place + size] = value.to_bytes(size, rng.choice(["little", "big"]))


def _cut(data: bytearray, rng: Random, others: list[bytes]) -> None:
    del data[_place(data, rng) :]


def _remove(data: bytearray, rng: Random, others: list[bytes]) -> None:
    place = _place(data, rng)
    del data[place : place + rng.randint(1, 16)]


def _double(data: bytearray, rng: Random, others: list[bytes]) -> None:
    place = _place(data, rng)
    data[place:place] = data[place : place + rng.randint(1, 64)] * rng.randint(1, 4)


def _borrow(data: bytearray, rng: Random, others: list[bytes]) -> None:
    other = others[rng.randrange(len(others))] if others else b"\0" * 64
    start, place = rng.randrange(max(1, len(other))), _place(data, rng)
    length = rng.randint(1, 64)
    data[place : place + length] = other[start : start + length]


def _word(data: bytearray, rng: Random, others: list[bytes]) -> None:
    place = _place(data, rng)
    word = str(rng.choice(WORDS + ODD)).encode("utf-8", "surrogatepass")
    data[place : place + rng.choice([0, len(word)])] = word


_CHANGES = [_flip, _set, _number, _number, _cut, _remove, _double, _borrow, _word]


def spoil_value(value: Any, rng: Random) -> Any:
    """The same JSON value with one to three of its parts exchanged, taken away, doubled or renamed."""
    value = json.loads(json.dumps(value))
    for _ in range(rng.randint(1, 3)):
        places = list(_places(value))
        if not places:
            return rng.choice(ODD)
        holder, key = places[rng.randrange(len(places))]
        how = rng.randrange(6)
        if how == 0 and isinstance(holder, dict):
            del holder[key]
        elif how == 1 and isinstance(holder, dict):
            holder[str(rng.choice(ODD))] = holder.pop(key)
        elif how == 2 and isinstance(holder, list):
            holder.insert(key, holder[key])
        elif how == 3 and isinstance(holder[key], int | float):
            holder[key] = rng.choice([-holder[key], holder[key] * 1000, holder[key] + 0.5, str(holder[key])])
        else:
            holder[key] = json.loads(json.dumps(rng.choice(ODD)))
    return value


def _places(value: Any) -> Any:
    """Every holder and key in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in list(inner):
        yield value, key
        yield from _places(one)
