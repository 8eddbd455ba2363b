//! A `Scorer` for tree ensembles: native, bit-equal to ONNX Runtime.
