"""Where ONNX Runtime's shared library lies, found without importing the package."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from tidegate.errors import SettingsError

VARIABLE = "TIDEGATE_ORT_LIBRARY"
"""Names another library than the installed package's."""


def library() -> Path:
    """The library of the installed ``onnxruntime`` package, or the one that the environment names.

    The package is not imported: it would bring a second copy of the runtime into the process.
    """
    if named := os.environ.get(VARIABLE):
        path = Path(named)
        if not path.is_file():
            raise SettingsError(f"{VARIABLE}: there is no file {path}")
        return path
    spec = importlib.util.find_spec("onnxruntime")
    folders = [] if spec is None else [Path(place) for place in spec.submodule_search_locations or []]
    found = sorted(path for folder in folders for path in folder.glob("capi/libonnxruntime.so*"))
    if not found:
        raise SettingsError("onnxruntime's libonnxruntime.so was not found: pip install onnxruntime")
    return found[0]
