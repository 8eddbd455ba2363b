//! Which loops of a graph go on for as long as their inputs say: those that no constant bounds.

use std::collections::HashMap;

use crate::wire::{Fields, Value, varint};

/// Rounds that all loops around a node may have together.
const MOST_ROUNDS: u64 = 10_000;
/// Graphs within graphs that are looked into.
const MOST_DEPTH: usize = 64;
/// ONNX's number of the type int64.
const INT64: u64 = 7;

/// Field numbers of onnx.proto.
mod field {
    pub(super) const MODEL_GRAPH: u64 = 7;
    pub(super) const MODEL_FUNCTIONS: u64 = 25;
    pub(super) const GRAPH_NODE: u64 = 1;
    pub(super) const GRAPH_INITIALIZER: u64 = 5;
    pub(super) const FUNCTION_NODE: u64 = 7;
    pub(super) const NODE_INPUT: u64 = 1;
    pub(super) const NODE_OUTPUT: u64 = 2;
    pub(super) const NODE_NAME: u64 = 3;
    pub(super) const NODE_OPERATOR: u64 = 4;
    pub(super) const NODE_ATTRIBUTE: u64 = 5;
    pub(super) const ATTRIBUTE_INT: u64 = 3;
    pub(super) const ATTRIBUTE_TENSOR: u64 = 5;
    pub(super) const ATTRIBUTE_GRAPH: u64 = 6;
    pub(super) const ATTRIBUTE_GRAPHS: u64 = 11;
    pub(super) const TENSOR_TYPE: u64 = 2;
    pub(super) const TENSOR_INT64: u64 = 7;
    pub(super) const TENSOR_NAME: u64 = 8;
    pub(super) const TENSOR_RAW: u64 = 9;
}

/// Numbers by the names that they have in a graph and in those around it.
type Constants<'a> = HashMap<&'a [u8], u64>;

/// The name of a `Loop` that may go round more than 10,000 times, the loops around it counted, or of which nothing
/// constant says how often it does; `None` where there is none. Bytes that are no model have none.
#[must_use]
pub fn endless_loop(onnx: &[u8]) -> Option<String> {
    for (number, value) in Fields(onnx) {
        let found = match (number, value) {
            (field::MODEL_GRAPH, Value::Bytes(graph)) => {
                look(graph, field::GRAPH_NODE, &Constants::new(), 1, 0)
            }
            (field::MODEL_FUNCTIONS, Value::Bytes(function)) => {
                look(function, field::FUNCTION_NODE, &Constants::new(), 1, 0)
            }
            _ => None,
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

/// One node, as far as it matters here.
#[derive(Default)]
struct Node<'a> {
    operator: &'a [u8],
    name: &'a [u8],
    first_input: Option<&'a [u8]>,
    output: &'a [u8],
    constant: Option<u64>,
    graphs: Vec<&'a [u8]>,
}

/// Looks at the nodes of a graph or a function, which the loops around it run `rounds` times.
fn look<'a>(
    graph: &'a [u8],
    nodes_at: u64,
    outer: &Constants<'a>,
    rounds: u64,
    depth: usize,
) -> Option<String> {
    if depth > MOST_DEPTH {
        return Some("(nested too deep)".into());
    }
    let mut constants = outer.clone();
    let mut nodes = Vec::new();
    for (number, value) in Fields(graph) {
        let Value::Bytes(bytes) = value else { continue };
        if number == nodes_at {
            nodes.push(node(bytes));
        } else if number == field::GRAPH_INITIALIZER && nodes_at == field::GRAPH_NODE {
            let (name, number) = tensor(bytes);
            // What has this name here hides what has it outside, known or not.
            constants.remove(name);
            constants.extend(number.map(|number| (name, number)));
        }
    }
    for node in &nodes {
        if node.operator == b"Constant" {
            constants.extend(node.constant.map(|number| (node.output, number)));
        }
    }
    nodes.iter().find_map(|node| {
        let mut inside = rounds;
        if node.operator == b"Loop" {
            let bound = node.first_input.and_then(|name| constants.get(name));
            inside = bound.and_then(|&bound| rounds.checked_mul(bound.max(1))).unwrap_or(u64::MAX);
            if inside > MOST_ROUNDS {
                return Some(String::from_utf8_lossy(node.name).into_owned());
            }
        }
        node.graphs.iter().find_map(|graph| look(graph, field::GRAPH_NODE, &constants, inside, depth + 1))
    })
}

fn node(bytes: &[u8]) -> Node<'_> {
    let mut node = Node::default();
    for (number, value) in Fields(bytes) {
        let Value::Bytes(bytes) = value else { continue };
        match number {
            field::NODE_INPUT => _ = node.first_input.get_or_insert(bytes),
            field::NODE_OUTPUT => node.output = bytes,
            field::NODE_NAME => node.name = bytes,
            field::NODE_OPERATOR => node.operator = bytes,
            field::NODE_ATTRIBUTE => attribute(bytes, &mut node),
            _ => {}
        }
    }
    node
}

fn attribute<'a>(bytes: &'a [u8], node: &mut Node<'a>) {
    for (number, value) in Fields(bytes) {
        match (number, value) {
            (field::ATTRIBUTE_INT, Value::Number(number)) => node.constant = Some(number),
            (field::ATTRIBUTE_TENSOR, Value::Bytes(bytes)) => node.constant = tensor(bytes).1,
            (field::ATTRIBUTE_GRAPH | field::ATTRIBUTE_GRAPHS, Value::Bytes(graph)) => {
                node.graphs.push(graph);
            }
            _ => {}
        }
    }
}

/// The name of a tensor, and its number where it is one of type int64. Negative ones are far too large.
fn tensor(bytes: &[u8]) -> (&[u8], Option<u64>) {
    let (mut name, mut integer, mut number) = (&b""[..], false, None);
    for (at, value) in Fields(bytes) {
        match (at, value) {
            (field::TENSOR_TYPE, Value::Number(kind)) => integer = kind == INT64,
            (field::TENSOR_NAME, Value::Bytes(bytes)) => name = bytes,
            (field::TENSOR_INT64, Value::Number(one)) => number = Some(one),
            (field::TENSOR_INT64, Value::Bytes(mut packed)) => number = varint(&mut packed),
            (field::TENSOR_RAW, Value::Bytes(raw)) => number = raw.try_into().map(u64::from_le_bytes).ok(),
            _ => {}
        }
    }
    (name, number.filter(|_| integer))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(number: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).unwrap();
        // Lengths from 128 need a second byte.
        let length = if length < 128 { vec![length] } else { vec![length, 1] };
        [&[number << 3 | 2][..], &length, content].concat()
    }

    fn int64(name: &str, value: u64) -> Vec<u8> {
        [vec![0x10, 7], bytes(8, name.as_bytes()), bytes(9, &value.to_le_bytes())].concat()
    }

    fn looping(name: &str, bound: &str, body: &[u8]) -> Vec<u8> {
        let attribute = bytes(6, body);
        let parts =
            [bytes(1, bound.as_bytes()), bytes(3, name.as_bytes()), bytes(4, b"Loop"), bytes(5, &attribute)];
        bytes(1, &parts.concat())
    }

    fn model(graph: &[u8]) -> Option<String> {
        endless_loop(&[vec![0x08, 8], bytes(7, graph)].concat())
    }

    #[test]
    fn a_constant_bounds_a_loop_and_an_input_or_nothing_does_not() {
        let bound = |value| bytes(5, &int64("n", value));
        assert_eq!(model(&[bound(10_000), looping("l", "n", b"")].concat()), None);
        assert_eq!(model(&[bound(10_001), looping("l", "n", b"")].concat()).as_deref(), Some("l"));
        assert_eq!(model(&[bound(u64::MAX), looping("l", "n", b"")].concat()).as_deref(), Some("l"));
        assert_eq!(model(&[bound(1), looping("l", "m", b"")].concat()).as_deref(), Some("l"));
        assert_eq!(model(&looping("l", "", b"")).as_deref(), Some("l"));
        assert_eq!(model(&bound(7)), None);
        assert_eq!(endless_loop(b"\xff\xff no model"), None);
    }

    #[test]
    fn loops_in_loops_are_multiplied_and_names_inside_hide_those_outside() {
        let (five, hundred) = (bytes(5, &int64("n", 5)), bytes(5, &int64("n", 101)));
        let inner = looping("inner", "n", b"");
        assert_eq!(model(&[five.clone(), looping("outer", "n", &inner)].concat()), None);
        assert_eq!(
            model(&[hundred.clone(), looping("outer", "n", &inner)].concat()).as_deref(),
            Some("inner")
        );
        let hiding = [hundred, inner].concat();
        assert_eq!(model(&[five, looping("outer", "n", &hiding)].concat()), None);
    }
}
