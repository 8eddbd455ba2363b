//! A Scorer over ONNX Runtime: serves every graph.
