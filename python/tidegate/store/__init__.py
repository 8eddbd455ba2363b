"""What a home keeps: its folder and lock, the registry database and the content-addressed artifacts."""

from tidegate.store.artifacts import ArtifactStore
from tidegate.store.canonical import canonical, digest_of, sha256
from tidegate.store.connection import Database, Transaction
from tidegate.store.home import Home
from tidegate.store.server_file import ProcessRef, ServerInfo, read_server

__all__ = [
    "ArtifactStore",
    "Database",
    "Home",
    "ProcessRef",
    "ServerInfo",
    "Transaction",
    "canonical",
    "digest_of",
    "read_server",
    "sha256",
]
