//! The parts of ONNX's messages that graphs of trees have. Field numbers are those of onnx.proto.

mod graph;
mod wire;

pub(crate) use graph::{Attribute, Constant, Graph, Node, Port, read};
