"""The command line: the verbs, and the commands that start and feed a server. Imports nothing heavy."""

from tidegate.cli.app import app, main

__all__ = ["app", "main"]
