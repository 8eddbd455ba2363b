"""The Python client of a running server."""

from tidegate.client.client import Client
from tidegate.client.server import Server, locate

__all__ = ["Client", "Server", "locate"]
