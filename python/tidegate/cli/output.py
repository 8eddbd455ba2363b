"""What commands print: a table for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

JSON = Mapping[str, Any]


def write(text: str) -> None:
    """A line on standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def write_json(value: Any, *, indent: int | None = 2) -> None:
    """``value`` as JSON."""
    write(json.dumps(value, indent=indent, ensure_ascii=False))


def table(rows: Iterable[Sequence[Any]], *columns: str, title: str | None = None) -> None:
    """Rows under named columns; numbers stand to the right."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    cells = [list(row) for row in rows]
    made = Table(box=SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for index, column in enumerate(columns):
        numeric = all(isinstance(row[index], int | float) or row[index] is None for row in cells)
        made.add_column(column, justify="right" if numeric and cells else "left", overflow="fold")
    for row in cells:
        made.add_row(*(shown(value) for value in row))
    _console(Console).print(made)


def facts(value: JSON, *names: str) -> None:
    """Members of an object, one a line; nested ones as JSON."""
    width = max(len(name) for name in names)
    for name in names:
        write(f"{name:<{width}}  {shown(value.get(name))}")


def shown(value: Any) -> str:
    """A value as a table shows it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _console(kind: Any) -> Any:
    """A console that cuts no table when nobody looks at it."""
    console = kind(highlight=False, markup=False, soft_wrap=False)
    return console if console.is_terminal else kind(highlight=False, markup=False, width=200)
