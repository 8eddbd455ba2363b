"""MLflow's scoring server over its ONNX flavour: ``python -m benches.peers.mlflow MODEL.onnx PORT``."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import mlflow.onnx
import numpy as np
import onnx
from mlflow.models import infer_signature

SESSION = {"intra_op_num_threads": 1, "inter_op_num_threads": 1}

if __name__ == "__main__":
    source = Path(sys.argv[1])
    folder = source.with_name("mlflow-model")
    shutil.rmtree(folder, ignore_errors=True)
    example = np.zeros((1, 28), np.float32)
    mlflow.onnx.save_model(
        onnx.load(source),
        str(folder),
        signature=infer_signature(example),
        onnx_execution_providers=["CPUExecutionProvider"],
        onnx_session_options=SESSION,
    )
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "models",
        "serve",
        "--model-uri",
        str(folder),
        "--env-manager",
        "local",
    ]
    more = ["--host", "127.0.0.1", "--port", sys.argv[2], "--workers", "1"]
    os.execve(sys.executable, [*command, *more], dict(os.environ))
