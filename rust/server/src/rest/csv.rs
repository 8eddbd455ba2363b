//! Rows as comma-separated values: a line of column names, then one line per row (RFC 4180). An empty field is null.

use std::borrow::Cow;

use tidegate_model::{Batch, Contract, DataType};

use super::table::Table;
use super::tokens::Token;
use crate::fault::Fault;

/// Reads the rows of `body`.
pub(super) fn read(contract: &Contract, body: &[u8]) -> Result<Batch, Fault> {
    let text = std::str::from_utf8(body).map_err(|_| Fault::invalid("the CSV is not UTF-8"))?;
    let mut lines = Lines { rest: text, line: 1 };
    let mut table = Table::new(contract);
    let header = lines.next()?.ok_or_else(|| Fault::invalid("the CSV has no line of column names"))?;
    let positions = table.positions(header.iter().map(|name| &**name))?;
    let mut rows = 0;
    while let Some(fields) = lines.next()? {
        if fields.len() != positions.len() {
            return Err(Fault::invalid(format!(
                "row {rows} has {} fields for {} columns",
                fields.len(),
                positions.len()
            )));
        }
        for (position, field) in positions.iter().zip(&fields) {
            table.push(*position, &token(table.datatype(*position), field))?;
        }
        rows += 1;
    }
    table.finish(rows)
}

fn token(datatype: DataType, field: &str) -> Token<'_> {
    match (datatype, field) {
        (_, "") => Token::Null,
        (DataType::Bool, "true" | "True" | "TRUE") => Token::Bool(true),
        (DataType::Bool, "false" | "False" | "FALSE") => Token::Bool(false),
        (DataType::Bytes | DataType::Bool, text) => Token::Text(Cow::Borrowed(text)),
        (_, number) => Token::Number(number.trim()),
    }
}

/// The lines of a text, split into fields.
struct Lines<'a> {
    rest: &'a str,
    /// The number of the next line, from 1.
    line: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Result<Option<Vec<Cow<'a, str>>>, Fault> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let mut fields = Vec::new();
        loop {
            fields.push(self.field()?);
            if let Some(rest) = self.rest.strip_prefix(',') {
                self.rest = rest;
                continue;
            }
            let rest = self.rest.strip_prefix('\r').unwrap_or(self.rest);
            self.rest = rest.strip_prefix('\n').unwrap_or(rest);
            self.line += 1;
            return Ok(Some(fields));
        }
    }

    /// Takes one field; what stands behind it is a comma or the line's end.
    fn field(&mut self) -> Result<Cow<'a, str>, Fault> {
        let Some(mut quoted) = self.rest.strip_prefix('"') else {
            let end = self.rest.find([',', '\n']).unwrap_or(self.rest.len());
            let (field, rest) = self.rest.split_at(end);
            let bare = if rest.starts_with(',') { field } else { field.strip_suffix('\r').unwrap_or(field) };
            self.rest = rest;
            return if bare.contains('"') { Err(self.misquoted()) } else { Ok(Cow::Borrowed(bare)) };
        };
        let mut field = Cow::Borrowed("");
        loop {
            let Some((part, rest)) = quoted.split_once('"') else { return Err(self.misquoted()) };
            if field.is_empty() {
                field = Cow::Borrowed(part);
            } else {
                field.to_mut().push_str(part);
            }
            // A doubled quote stands for one.
            let Some(more) = rest.strip_prefix('"') else {
                self.rest = rest;
                let ends = rest.is_empty() || rest.starts_with([',', '\n']) || rest.starts_with("\r\n");
                return if ends { Ok(field) } else { Err(self.misquoted()) };
            };
            field.to_mut().push('"');
            quoted = more;
        }
    }

    fn misquoted(&self) -> Fault {
        Fault::invalid(format!("line {} of the CSV has a quote out of place", self.line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_model::{InputSpec, TensorData};

    fn contract() -> Contract {
        let input = |name: &str, datatype, missing: Option<&str>| InputSpec {
            name: name.into(),
            datatype,
            shape: vec![-1],
            columns: vec![name.into()],
            missing: missing.map(Into::into),
        };
        Contract {
            inputs: vec![
                input("distance", DataType::Fp32, None),
                input("carrier", DataType::Bytes, Some("?")),
                input("late", DataType::Bool, None),
            ],
            context: vec![],
            outputs: vec![],
            score: None,
            threshold: 0.5,
        }
    }

    fn read(text: &str) -> Result<Batch, String> {
        super::read(&contract(), text.as_bytes()).map_err(|fault| fault.message)
    }

    #[test]
    fn fields_have_the_types_of_their_columns() {
        let batch = read("carrier,late,distance\r\n\"U\"\"A,\n\",True,719\r\n,false,\r\n").unwrap();
        assert_eq!(batch.inputs[1].data, TensorData::Bytes(["U\"A,\n", "?"].iter().collect()));
        assert_eq!(batch.inputs[2].data, TensorData::Bool(vec![true, false]));
        let TensorData::Fp32(values) = &batch.inputs[0].data else { panic!("no FP32") };
        assert!((values[0] - 719.0).abs() < f32::EPSILON && values[1].is_nan());
        assert_eq!(read("distance,carrier,late\n1,UA,true").unwrap().rows, 1);
    }

    #[test]
    fn each_fault_is_named() {
        for (text, expected) in [
            ("", "no line of column names"),
            ("distance,carrier\n1,UA\n", "column 'late' is missing"),
            ("distance,carrier,late,gate\n", "unknown column 'gate'"),
            ("distance,carrier,late,late\n", "column 'late' came twice"),
            ("distance,carrier,late\n1,UA\n", "row 0 has 2 fields for 3 columns"),
            ("distance,carrier,late\n1,UA,yes\n", "column 'late' must be BOOL, row 0 is \"yes\""),
            ("distance,carrier,late\nx,UA,true\n", "column 'distance' must be FP32, row 0 is x"),
            ("distance,carrier,late\n1,\"UA,true\n", "line 2 of the CSV has a quote out of place"),
            ("distance,carrier,late\n1,U\"A,true\n", "line 2 of the CSV has a quote out of place"),
            ("distance,carrier,late\n", "no rows"),
        ] {
            let message = read(text).unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
        assert!(super::read(&contract(), b"\xff").unwrap_err().message.contains("not UTF-8"));
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(text: String) {
            let _ = read(&text);
        }
    }
}
