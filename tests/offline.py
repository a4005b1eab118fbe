"""No test reaches the network: whatever Python code tries to is refused and remembered."""

from __future__ import annotations

import ipaddress
import socket
import sys
from typing import Any

ATTEMPTS: list[str] = []
HERE = {"", "localhost", socket.gethostname()}
# Addresses of the family of sockets within one machine (AF_UNIX) are text or bytes, those of the internet are tuples.
EVENTS = {"socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"}
NAMES = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}


class NetworkError(OSError):
    """Somebody wanted to leave this machine."""


def cut_off() -> None:
    """Refuse from now on, in this process, all connections but those within this machine.

    An audit hook (PEP 578): it sees what C code of Python's own does too, and nothing can take it away again.
    """
    sys.addaudithook(_look)


def _look(event: str, arguments: tuple[Any, ...]) -> None:
    if event in EVENTS:
        address = arguments[1]
        if isinstance(address, tuple) and not stays_here(address[0], binding=event == "socket.bind"):
            _refuse(f"{event} {address}")
    elif event in NAMES and not stays_here(arguments[0]):
        _refuse(f"{event} {arguments[0]}")


def stays_here(host: Any, *, binding: bool = False) -> bool:
    """Whether a host is this machine. To bind to all its addresses sends nothing."""
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host is None or host in HERE:
        return True
    try:
        address = ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or (binding and address.is_unspecified)


def _refuse(attempt: str) -> None:
    ATTEMPTS.append(attempt)
    raise NetworkError(f"the tests have no network: {attempt}")
