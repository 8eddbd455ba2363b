//! Files of byte strings: each is a little-endian `u32` length and as many bytes.

use std::path::Path;

use crate::plan::{Plan, Protocol};

/// What is sent in turn, and what the answers must hold.
pub(crate) struct Messages {
    bodies: Vec<Vec<u8>>,
    answers: Option<Vec<Vec<u8>>>,
    protocol: Protocol,
}

impl Messages {
    /// Reads the plan's files; a gRPC message gets its frame here.
    pub(crate) fn read(plan: &Plan) -> Result<Self, String> {
        let mut bodies = file(&plan.messages)?;
        if bodies.is_empty() {
            return Err(format!("{} holds no message", plan.messages.display()));
        }
        if plan.protocol == Protocol::Grpc {
            for body in &mut bodies {
                let mut frame = vec![0];
                frame.extend((body.len() as u32).to_be_bytes());
                body.splice(..0, frame);
            }
        }
        let answers = plan.answers.as_deref().map(file).transpose()?;
        if answers.as_ref().is_some_and(|answers| answers.len() != bodies.len()) {
            return Err("there must be one answer for each message".into());
        }
        Ok(Self { bodies, answers, protocol: plan.protocol })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.bodies.len()
    }

    /// The message at `index`.
    pub(crate) fn body(&self, index: usize) -> &[u8] {
        &self.bodies[index % self.bodies.len()]
    }

    /// Whether `answer` holds what the one to the message at `index` must; true where nothing is known of it.
    pub(crate) fn right(&self, index: usize, answer: &[u8]) -> bool {
        let Some(answers) = &self.answers else { return true };
        let expected = &answers[index % answers.len()];
        if memchr::memmem::find(answer, expected).is_some() {
            return true;
        }
        self.protocol == Protocol::Http
            && serde_json::from_slice(answer).is_ok_and(|value| holds(&value, expected))
    }
}

/// Whether an array of the value, laid flat, is exactly these little-endian `f32`.
fn holds(value: &serde_json::Value, expected: &[u8]) -> bool {
    let mut flat = Vec::new();
    match value {
        serde_json::Value::Object(members) => members.values().any(|member| holds(member, expected)),
        serde_json::Value::Array(items) => {
            (flatten(items, &mut flat) && flat == expected) || items.iter().any(|item| holds(item, expected))
        }
        _ => false,
    }
}

fn flatten(items: &[serde_json::Value], flat: &mut Vec<u8>) -> bool {
    items.iter().all(|item| match item {
        serde_json::Value::Array(inner) => flatten(inner, flat),
        serde_json::Value::Number(number) => {
            flat.extend((number.as_f64().unwrap_or(f64::NAN) as f32).to_le_bytes());
            true
        }
        _ => false,
    })
}

fn file(path: &Path) -> Result<Vec<Vec<u8>>, String> {
    let data = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    split(&data).ok_or_else(|| format!("{} ends amid a message", path.display()))
}

fn split(mut data: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut items = Vec::new();
    while let Some((length, rest)) = data.split_first_chunk::<4>() {
        let (item, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        items.push(item.to_vec());
        data = rest;
    }
    data.is_empty().then_some(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(protocol: Protocol, answer: &[u8]) -> Messages {
        Messages { bodies: vec![vec![1]], answers: Some(vec![answer.to_vec()]), protocol }
    }

    fn floats(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    #[test]
    fn strings_are_split_and_a_torn_file_is_refused() {
        assert_eq!(split(b"\x02\0\0\0ab\0\0\0\0"), Some(vec![b"ab".to_vec(), vec![]]));
        assert_eq!(split(b"\x02\0\0\0a"), None);
        assert_eq!(split(b"\x02\0"), None);
    }

    #[test]
    fn a_binary_answer_must_hold_the_bytes() {
        let known = messages(Protocol::Grpc, &floats(&[0.25, 0.75]));
        assert!(known.right(0, &[b"head".as_slice(), &floats(&[0.25, 0.75])].concat()));
        assert!(!known.right(0, &floats(&[0.25, 0.5])));
        assert!(!known.right(0, b"[0.25, 0.75]"));
    }

    #[test]
    fn a_json_answer_must_hold_the_numbers() {
        let known = messages(Protocol::Http, &floats(&[0.1, 0.9]));
        assert!(known.right(0, br#"{"outputs": [{"data": [1]}, {"data": [0.1, 0.9]}]}"#));
        assert!(known.right(0, br#"{"predictions": [[0.1, 0.9]]}"#));
        assert!(!known.right(0, br#"{"outputs": [{"data": [0.1, 0.90001]}]}"#));
        assert!(!known.right(0, br#"{"outputs": [{"data": [0.1, 0.9, 0.5]}]}"#));
        assert!(!known.right(0, b"not json"));
    }
}
