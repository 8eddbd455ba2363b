"""Addresses of the server: parsed, free ones chosen, taken ones refused before anything starts."""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack

from tidegate.errors import InvalidInputError, PortInUseError

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def parse(address: str) -> tuple[str, int]:
    """``host:port`` or ``[v6]:port`` as a pair; refuses anything else by name."""
    host, separator, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not separator or not host or not port.isdecimal() or int(port) > 65535:
        raise InvalidInputError(f"address {address!r}: expected host:port, such as 127.0.0.1:8000")
    return host, int(port)


def join(host: str, port: int) -> str:
    """The written form of an address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def bind(address: str) -> socket.socket:
    """A listening socket on ``address`` (port 0: a free one); :class:`PortInUseError` names a taken one."""
    host, port = parse(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUseError(
                f"{address} is in use; stop what listens there or choose another port"
            ) from None
        raise InvalidInputError(f"can't listen on {address}: {error.strerror}") from None
    return listener


def reserve(*addresses: str) -> list[str]:
    """``addresses``, proven free and different; each port 0 is replaced by a free one."""
    with ExitStack() as stack:
        listeners = [stack.enter_context(bind(address)) for address in addresses]
        return [
            join(parse(address)[0], listener.getsockname()[1])
            for address, listener in zip(addresses, listeners, strict=True)
        ]
