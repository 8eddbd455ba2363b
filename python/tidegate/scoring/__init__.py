"""Scoring without a server: the engine in this process (``local``), and files (``files``)."""

from tidegate.scoring.files import FileJob, score_file
from tidegate.scoring.local import LocalEngine

__all__ = ["FileJob", "LocalEngine", "score_file"]
