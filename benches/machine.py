"""The machine that the figures are from."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("tidegate", "onnxruntime", "numpy", "grpcio", "tritonclient")


def machine() -> dict[str, Any]:
    """Processor, memory, kernel, versions, and how busy it is with other things."""
    cpu = Path("/proc/cpuinfo").read_text()
    memory = re.search(r"MemTotal:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    model = re.search(r"model name\s*:\s*(.+)", cpu)
    flags = re.search(r"^flags\s*:\s*(.+)$", cpu, re.MULTILINE)
    vectors = [name for name in ("avx2", "avx512f") if flags and name in flags[1].split()]
    return {
        "cpu": model[1] if model else platform.machine(),
        "cores": os.cpu_count(),
        "vectors": vectors,
        "memory_gb": round(int(memory[1]) / 2**20, 1) if memory else None,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "load_before": os.getloadavg()[0],
    }


def told(found: dict[str, Any]) -> str:
    """The same in a line."""
    return (
        f"{found['cpu']}, {found['cores']} cores ({', '.join(found['vectors'])}), {found['memory_gb']} GB, "
        f"Linux {found['kernel']}, Python {found['python']}, onnxruntime {found['packages']['onnxruntime']}; "
        f"load before the run {found['load_before']:.1f}"
    )
