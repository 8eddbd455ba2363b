"""Where things came from: edges, versions back to their first parent, answers back to their plans."""

from tidegate.lineage.graph import Lineage

__all__ = ["Lineage"]
