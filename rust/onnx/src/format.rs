//! Tells an ONNX model from other files before ONNX Runtime sees the bytes, so that the error says what came.

use crate::OnnxError;
use crate::wire::varint;

/// Beginnings of files that people pass by mistake: offset, bytes, name.
const MAGIC: [(usize, &[u8], &str); 12] = [
    (0, b"PK\x03\x04", "a zip archive"),
    (0, b"\x1f\x8b", "a gzip file"),
    (0, b"\x28\xb5\x2f\xfd", "a zstd file"),
    (0, b"\x89HDF", "an HDF5 file"),
    (0, b"\x93NUMPY", "a NumPy file"),
    (0, b"PAR1", "a Parquet file"),
    (0, b"ARROW1", "an Arrow file"),
    (0, b"SQLite format 3", "an SQLite database"),
    (0, b"\x7fELF", "a program"),
    (0, b"%PDF", "a PDF file"),
    (4, b"ORTM", "a model in ORT format"),
    (4, b"TFL3", "a TensorFlow Lite model"),
];

/// Field numbers of `ModelProto`: the two that every model has.
const IR_VERSION: u64 = 1;
const GRAPH: u64 = 7;

/// Checks that `bytes` are a whole `ModelProto` on its top level.
///
/// # Errors
/// [`OnnxError::NotOnnx`] or [`OnnxError::Truncated`].
pub(crate) fn check(bytes: &[u8]) -> Result<(), OnnxError> {
    if bytes.is_empty() {
        return Err(OnnxError::NotOnnx { found: "no bytes" });
    }
    for (offset, magic, found) in MAGIC {
        if bytes.get(offset..).is_some_and(|rest| rest.starts_with(magic)) {
            return Err(OnnxError::NotOnnx { found });
        }
    }
    if let [0x80, 2..=5, ..] = bytes {
        return Err(OnnxError::NotOnnx { found: "a pickle" });
    }
    walk(bytes)
}

fn walk(bytes: &[u8]) -> Result<(), OnnxError> {
    let (mut version, mut graph) = (false, false);
    let mut rest = bytes;
    while !rest.is_empty() {
        // The version stands first; a file that ends later was a model once.
        let broken = if version { cut(bytes, 1) } else { OnnxError::NotOnnx { found: unknown(bytes) } };
        let Some(key) = varint(&mut rest) else { return Err(broken) };
        let length = match key & 7 {
            0 => varint(&mut rest).map(|_| 0),
            1 => Some(8),
            2 => varint(&mut rest),
            5 => Some(4),
            _ => return Err(OnnxError::NotOnnx { found: unknown(bytes) }),
        };
        let Some(length) = length else { return Err(broken) };
        let missing = length.saturating_sub(rest.len() as u64);
        if missing > 0 {
            return Err(if version { cut(bytes, missing) } else { broken });
        }
        rest = &rest[length as usize..];
        version |= key == IR_VERSION << 3;
        graph |= key == (GRAPH << 3 | 2);
    }
    match (version, graph) {
        (true, true) => Ok(()),
        (true, false) => Err(OnnxError::NotOnnx { found: "a message without a graph" }),
        (false, _) => Err(OnnxError::NotOnnx { found: unknown(bytes) }),
    }
}

fn cut(bytes: &[u8], missing: u64) -> OnnxError {
    let found = bytes.len() as u64;
    OnnxError::Truncated { expected: found.saturating_add(missing), found }
}

fn unknown(bytes: &[u8]) -> &'static str {
    match std::str::from_utf8(&bytes[..bytes.len().min(64)]) {
        Ok(text) if text.trim_start().starts_with(['{', '[']) => "JSON text",
        Ok(text) if text.trim_start().starts_with('<') => "HTML or XML text",
        Ok(text) if !text.contains(|c: char| c.is_control() && !c.is_whitespace()) => "text",
        _ => "unknown bytes",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> String {
        check(bytes).map_or_else(|error| error.to_string(), |()| "a model".into())
    }

    #[test]
    fn names_what_came() {
        let not = |found: &str| format!("not an ONNX model: expected a ModelProto, found {found}");
        assert_eq!(text(b""), not("no bytes"));
        assert_eq!(text(b"\x80\x04\x95\x10\x00\x00"), not("a pickle"));
        assert_eq!(text(b"PK\x03\x04xx"), not("a zip archive"));
        assert_eq!(text(b"\x18\x00\x00\x00ORTMxxxx"), not("a model in ORT format"));
        assert_eq!(text(b"{\"a\": 1}"), not("JSON text"));
        assert_eq!(text(b"  <html>"), not("HTML or XML text"));
        assert_eq!(text(b"hello, there"), not("text"));
        assert_eq!(text(&[0xff; 40]), not("unknown bytes"));
        assert_eq!(text(&[0x08, 0x0a]), not("a message without a graph"));
        assert_eq!(text(&[0x3a, 0x00]), not("unknown bytes"));
    }

    #[test]
    fn says_how_much_is_missing() {
        let model = [0x08, 0x0a, 0x3a, 0x04, 1, 2, 3, 4];
        assert_eq!(text(&model), "a model");
        let cut = |expected, found| {
            format!("the ONNX model is cut short: expected at least {expected} bytes, found {found}")
        };
        assert_eq!(text(&model[..6]), cut(8, 6));
        assert_eq!(text(&model[..3]), cut(4, 3));
        let huge = [0x08, 0x0a, 0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(text(&huge), cut(u64::MAX, 13));
    }
}
