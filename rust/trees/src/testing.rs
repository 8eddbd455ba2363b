//! ONNX models written by hand, for tests.

/// A message that grows.
#[derive(Clone, Default)]
pub(crate) struct Message(pub(crate) Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    pub(crate) fn number(mut self, field: u64, value: i64) -> Self {
        self.varint(field << 3);
        self.varint(value.cast_unsigned());
        self
    }

    pub(crate) fn float(mut self, field: u64, value: f32) -> Self {
        self.varint(field << 3 | 5);
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn bytes(mut self, field: u64, value: &[u8]) -> Self {
        self.varint(field << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend(value);
        self
    }
}

/// An attribute of integers, floats or strings.
pub(crate) enum List<'a> {
    Integers(&'a [i64]),
    Floats(&'a [f32]),
    Texts(&'a [&'a str]),
    Text(&'a str),
}

pub(crate) fn attribute(name: &str, list: &List<'_>) -> Vec<u8> {
    let start = Message::default().bytes(1, name.as_bytes());
    match list {
        List::Integers(values) => values.iter().fold(start, |message, &value| message.number(8, value)),
        List::Floats(values) => values.iter().fold(start, |message, &value| message.float(7, value)),
        List::Texts(values) => values.iter().fold(start, |message, value| message.bytes(9, value.as_bytes())),
        List::Text(value) => start.bytes(4, value.as_bytes()),
    }
    .0
}

pub(crate) fn node(
    domain: &str,
    operator: &str,
    inputs: &[&str],
    outputs: &[&str],
    attributes: &[Vec<u8>],
) -> Vec<u8> {
    let mut message = Message::default();
    message = inputs.iter().fold(message, |message, name| message.bytes(1, name.as_bytes()));
    message = outputs.iter().fold(message, |message, name| message.bytes(2, name.as_bytes()));
    message = message.bytes(4, operator.as_bytes()).bytes(7, domain.as_bytes());
    attributes.iter().fold(message, |message, attribute| message.bytes(5, attribute)).0
}

fn port(name: &str, element: i64, columns: Option<i64>) -> Vec<u8> {
    let rows = Message::default().bytes(2, b"n").0;
    let mut shape = Message::default().bytes(1, &rows);
    if let Some(columns) = columns {
        shape = shape.bytes(1, &Message::default().number(1, columns).0);
    }
    let tensor = Message::default().number(1, element).bytes(2, &shape.0).0;
    let kind = Message::default().bytes(1, &tensor).0;
    Message::default().bytes(1, name.as_bytes()).bytes(2, &kind).0
}

/// A model of one input `x` of two columns and the outputs `label` and `scores`.
pub(crate) fn model(nodes: &[Vec<u8>], version: i64) -> Vec<u8> {
    let graph = nodes.iter().fold(Message::default(), |graph, node| graph.bytes(1, node));
    let graph = graph.bytes(11, &port("x", 1, Some(2)));
    let graph = graph.bytes(12, &port("label", 7, None)).bytes(12, &port("scores", 1, Some(2)));
    let operators = Message::default().bytes(1, b"ai.onnx.ml").number(2, version).0;
    Message::default().number(1, 8).bytes(8, &operators).bytes(7, &graph.0).0
}

/// One tree of two branches on two columns, for the labels 3 and 5.
pub(crate) fn classifier(output: &str) -> Vec<u8> {
    use List::{Floats, Integers, Text, Texts};
    let modes = ["BRANCH_LEQ", "LEAF", "BRANCH_LT", "LEAF", "LEAF"];
    let attributes = [
        ("nodes_treeids", Integers(&[0; 5])),
        ("nodes_nodeids", Integers(&[0, 1, 2, 3, 4])),
        ("nodes_featureids", Integers(&[0, 0, 1, 0, 0])),
        ("nodes_modes", Texts(&modes)),
        ("nodes_values", Floats(&[0.5, 0.0, -1.0, 0.0, 0.0])),
        ("nodes_truenodeids", Integers(&[1, 0, 3, 0, 0])),
        ("nodes_falsenodeids", Integers(&[2, 0, 4, 0, 0])),
        ("nodes_missing_value_tracks_true", Integers(&[1, 0, 0, 0, 0])),
        ("class_treeids", Integers(&[0; 3])),
        ("class_nodeids", Integers(&[1, 3, 4])),
        ("class_ids", Integers(&[0; 3])),
        ("class_weights", Floats(&[-1.0, 0.25, 2.0])),
        ("classlabels_int64s", Integers(&[3, 5])),
        ("post_transform", Text("LOGISTIC")),
    ];
    let attributes: Vec<_> = attributes.iter().map(|(name, list)| attribute(name, list)).collect();
    node("ai.onnx.ml", "TreeEnsembleClassifier", &["x"], &["label", output], &attributes)
}
