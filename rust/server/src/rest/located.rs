//! JSON into its types, and where it went wrong: every refusal says the place as a JSON pointer (RFC 6901).

use std::fmt::Write as _;

use serde::Deserialize;

use crate::fault::Fault;

/// Arrays and objects within each other.
const DEEPEST: usize = 64;
/// A pointer longer than this says no more than its beginning.
const LONGEST: usize = 200;

/// Reads `body`; `what` is what it should be.
pub(super) fn parse<'a, T: Deserialize<'a>>(what: &str, body: &'a [u8]) -> Result<T, Fault> {
    let refused = |at: usize, why: &str| {
        let place = pointer(body, at);
        let place = if place.is_empty() { "its top".to_owned() } else { place };
        Fault::invalid(format!("the body is not {what}: {why} at {place} (byte {at})"))
    };
    if body.starts_with(b"\xef\xbb\xbf") {
        return Err(refused(0, "a byte order mark stands"));
    }
    if let Some(at) = too_deep(body) {
        return Err(refused(at, &format!("more than {DEEPEST} arrays and objects stand within each other")));
    }
    serde_json::from_slice(body).map_err(|error| {
        let at = offset(body, error.line(), error.column());
        let whole = error.to_string();
        let why = whole.rsplit_once(" at line ").map_or(&*whole, |(why, _)| why);
        match not_a_number(body, at) {
            Some(word) => {
                refused(at, &format!("{word} is no JSON (null is a missing value; binary data can hold it)"))
            }
            None => refused(at, why),
        }
    })
}

/// Where the first bracket too many opens.
fn too_deep(body: &[u8]) -> Option<usize> {
    let opens = body.iter().filter(|byte| matches!(byte, b'[' | b'{')).count();
    if opens <= DEEPEST {
        return None;
    }
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(byte) = body.get(at) {
        match byte {
            b'"' => at = string_end(body, at),
            b'[' | b'{' => {
                depth += 1;
                if depth > DEEPEST {
                    return Some(at);
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    None
}

/// The closing quote of the string that opens at `start`, or the end of the text.
fn string_end(body: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = body.get(at) {
        match byte {
            b'"' => break,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    at
}

/// The byte at a line and a column, both from 1.
fn offset(body: &[u8], line: usize, column: usize) -> usize {
    let before: usize =
        body.split_inclusive(|byte| *byte == b'\n').take(line.saturating_sub(1)).map(<[u8]>::len).sum();
    (before + column.saturating_sub(1)).min(body.len())
}

/// The word at or just before `at` that stands for no number in JSON.
fn not_a_number(body: &[u8], at: usize) -> Option<&'static str> {
    let near = &body[at.saturating_sub(1)..];
    [("-Infinity", &b"-I"[..]), ("Infinity", b"Infinity"), ("NaN", b"NaN")]
        .into_iter()
        .find(|(_, start)| {
            near.starts_with(start) || near.get(1..).is_some_and(|near| near.starts_with(start))
        })
        .map(|(word, _)| word)
}

/// A step into an array or an object.
enum Step<'a> {
    Item(usize),
    /// The key as it is written, once it has come.
    Member(Option<&'a [u8]>),
}

/// The pointer to the value that stands at byte `end` of a text.
fn pointer(text: &[u8], end: usize) -> String {
    let mut steps = Vec::new();
    let mut at = 0;
    while at < end.min(text.len()) {
        match text[at] {
            b'[' => steps.push(Step::Item(0)),
            b'{' => steps.push(Step::Member(None)),
            b']' | b'}' => {
                steps.pop();
            }
            b',' => match steps.last_mut() {
                Some(Step::Item(index)) => *index += 1,
                Some(Step::Member(key)) => *key = None,
                None => {}
            },
            b'"' => {
                let closing = string_end(text, at);
                if let Some(Step::Member(key @ None)) = steps.last_mut() {
                    *key = text.get(at + 1..closing);
                }
                at = closing;
            }
            _ => {}
        }
        at += 1;
    }
    // At an object's end it is the object that lacks something, not its last member.
    if matches!((text.get(end), steps.last()), (Some(b'}'), Some(Step::Member(_)))) {
        steps.pop();
    }
    let mut pointer = String::new();
    for step in steps {
        match step {
            Step::Item(index) => {
                let _ = write!(pointer, "/{index}");
            }
            Step::Member(Some(key)) => {
                let key = String::from_utf8_lossy(key).replace('~', "~0").replace('/', "~1");
                pointer.push('/');
                pointer.push_str(&key);
            }
            Step::Member(None) => {}
        }
    }
    if pointer.chars().count() > LONGEST {
        pointer = pointer.chars().take(LONGEST).chain("…".chars()).collect();
    }
    pointer
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct Body {
        inputs: Vec<Input>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct Input {
        name: String,
        shape: Vec<i64>,
    }

    fn message(body: &[u8]) -> String {
        parse::<Body>("a request", body).unwrap_err().message
    }

    #[test]
    fn each_refusal_says_its_place() {
        for (body, expected) in [
            (&b""[..], "EOF while parsing a value at its top (byte 0)"),
            (b"\xef\xbb\xbf{}", "a byte order mark stands at its top (byte 0)"),
            (b"{\"inputs\": []} x", "trailing characters at its top (byte 15)"),
            (b"{\"inputs\": [{\"name\": \"a\"}]}", "missing field `shape` at /inputs/0 (byte 24)"),
            (
                b"{\"inputs\": [{\"name\": 7}]}",
                "invalid type: integer `7`, expected a string at /inputs/0/name",
            ),
            (
                b"{\"inputs\":\n [{\"name\": \"a\", \"shape\": [1, \"2\"]}]}",
                "expected i64 at /inputs/0/shape/1",
            ),
            (
                b"{\"inputs\": [{\"name\": \"a\", \"name\": \"b\"}]}",
                "duplicate field `name` at /inputs/0/name",
            ),
            (b"{\"inputs\": [{\"name\": \"\\ud800\"}]}", "at /inputs/0/name"),
            (b"{\"inputs\": [{\"name\": \"a\", \"shape\": [NaN]}]}", "NaN is no JSON"),
            (b"{\"inputs\": [{\"name\": \"a\", \"shape\": [1, Infinity]}]}", "Infinity is no JSON"),
            (b"{\"inputs\": [{\"name\": \"a\", \"shape\": [-Infinity]}]}", "-Infinity is no JSON"),
            (b"{\"inputs\": [{\"name\": \"\xff\"}]}", "at /inputs/0/name"),
            (b"{\"inputs\": [{\"name\": \"a\", \"shape\": [1e400]}]}", "at /inputs/0/shape/0"),
        ] {
            let message = message(body);
            assert!(
                message.starts_with("the body is not a request: ") && message.contains(expected),
                "{message}"
            );
        }
    }

    #[test]
    fn depth_ends_at_64() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth)).into_bytes();
        assert!(parse::<Value>("a request", &nested(64)).is_ok());
        let fault = parse::<Value>("a request", &nested(65)).unwrap_err();
        assert!(fault.message.contains("more than 64 arrays and objects"), "{}", fault.message);
        let fault = parse::<Value>("a request", &nested(250_000)).unwrap_err();
        assert!(fault.message.contains("(byte 64)"), "{}", fault.message);
        // Brackets in strings, and side by side, are not deep.
        let text = format!("[{}, \"{}\"]", vec!["[]"; 100].join(","), "[\\\"".repeat(100));
        assert!(parse::<Value>("a request", text.as_bytes()).is_ok());
    }

    #[test]
    fn pointers_are_escaped_and_short() {
        assert_eq!(pointer(b"{\"a/b~c\": [1, {\"d\": 2}]}", 20), "/a~1b~0c/1/d");
        let long = format!("{{\"{}\": 1}}", "k".repeat(5000));
        assert_eq!(pointer(long.as_bytes(), long.len() - 2).chars().count(), LONGEST + 1);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(body: Vec<u8>) {
            let _ = parse::<Value>("a request", &body);
        }

        /// Whatever is taken is what serde_json alone makes of it.
        #[test]
        fn nothing_is_read_otherwise(text in "[\\[\\]{}:,\"a0-9.eE+\\- ]{0,40}") {
            if let Ok(read) = parse::<Value>("a request", text.as_bytes()) {
                proptest::prop_assert_eq!(Some(read), serde_json::from_str(&text).ok());
            }
        }
    }
}
