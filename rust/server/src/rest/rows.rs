//! `records` and `columns` of the score call: JSON rows by name, without hand-made tensors.

use tidegate_model::{Batch, Contract};

use super::table::Table;
use super::tokens::{Token, Tokens};
use crate::fault::Fault;

/// `[{"distance": 719, "carrier": "UA"}, …]`, from valid JSON text.
pub(super) fn read_records(contract: &Contract, records: &str) -> Result<Batch, Fault> {
    let mut table = Table::new(contract);
    let mut tokens = Tokens::new(records);
    if tokens.next() != Some(Token::ArrayStart) {
        return Err(Fault::invalid("'records' must be an array of objects"));
    }
    let mut seen = vec![usize::MAX; table.width()];
    let mut rows = 0;
    loop {
        match tokens.next() {
            Some(Token::ObjectStart) => read_record(&mut table, &mut tokens, &mut seen, rows)?,
            Some(Token::ArrayEnd) | None => break,
            Some(_) => return Err(Fault::invalid(format!("record {rows} must be an object"))),
        }
        rows += 1;
    }
    absent(&table, &seen, rows)?;
    table.finish(rows)
}

fn read_record(
    table: &mut Table<'_>,
    tokens: &mut Tokens<'_>,
    seen: &mut [usize],
    row: usize,
) -> Result<(), Fault> {
    absent(table, seen, row)?;
    let mut guess = 0;
    while let Some(Token::Text(name)) = tokens.next() {
        let position = table.position(guess, &name)?;
        if seen[position] == row {
            return Err(Fault::invalid(format!("column '{name}' came twice in record {row}")));
        }
        seen[position] = row;
        let value = tokens.next().unwrap_or(Token::Null);
        table.push(position, &value)?;
        guess = position + 1;
    }
    Ok(())
}

/// Refuses the first feature that the record before `row` lacks.
fn absent(table: &Table<'_>, seen: &[usize], row: usize) -> Result<(), Fault> {
    let Some(last) = row.checked_sub(1) else { return Ok(()) };
    match (0..table.features()).find(|position| seen[*position] != last) {
        None => Ok(()),
        Some(position) => {
            Err(Fault::invalid(format!("column '{}' is missing in record {last}", table.name(position))))
        }
    }
}

/// `{"distance": [719, …], "carrier": ["UA", …]}`, from valid JSON text.
pub(super) fn read_columns(contract: &Contract, columns: &str) -> Result<Batch, Fault> {
    let mut table = Table::new(contract);
    let mut tokens = Tokens::new(columns);
    if tokens.next() != Some(Token::ObjectStart) {
        return Err(Fault::invalid("'columns' must be an object of arrays"));
    }
    let mut seen = vec![false; table.width()];
    let mut rows = None;
    let mut guess = 0;
    while let Some(Token::Text(name)) = tokens.next() {
        let position = table.position(guess, &name)?;
        if std::mem::replace(&mut seen[position], true) {
            return Err(Fault::invalid(format!("column '{name}' came twice")));
        }
        let length = read_column(&mut table, &mut tokens, position)?;
        let expected = *rows.get_or_insert(length);
        if length != expected {
            return Err(Fault::invalid(format!(
                "column '{name}' has {length} values, those before it {expected}"
            )));
        }
        guess = position + 1;
    }
    if let Some(position) = (0..table.features()).find(|position| !seen[*position]) {
        return Err(Fault::invalid(format!("column '{}' is missing", table.name(position))));
    }
    table.finish(rows.unwrap_or(0))
}

/// Reads one array of values; returns how many there were, nulls included.
fn read_column(table: &mut Table<'_>, tokens: &mut Tokens<'_>, position: usize) -> Result<usize, Fault> {
    if tokens.next() != Some(Token::ArrayStart) {
        return Err(Fault::invalid(format!("column '{}' must be an array", table.name(position))));
    }
    let mut length = 0;
    for value in tokens {
        match value {
            Token::ArrayEnd => break,
            value => table.push(position, &value)?,
        }
        length += 1;
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_model::{ContextRole, ContextSpec, DataType, InputSpec, TensorData};

    fn contract() -> Contract {
        let input =
            |name: &str, datatype, shape: &[i64], columns: &[&str], missing: Option<&str>| InputSpec {
                name: name.into(),
                datatype,
                shape: shape.to_vec(),
                columns: columns.iter().map(ToString::to_string).collect(),
                missing: missing.map(Into::into),
            };
        let context = |name: &str, datatype, role| ContextSpec { name: name.into(), datatype, role };
        Contract {
            inputs: vec![
                input("numeric", DataType::Fp32, &[-1, 2], &["distance", "wind"], None),
                input("carrier", DataType::Bytes, &[-1, 1], &["carrier"], Some("?")),
                input("hour", DataType::Int64, &[-1], &["hour"], None),
            ],
            context: vec![
                context("tailnum", DataType::Bytes, ContextRole::Key),
                context("lead", DataType::Fp64, ContextRole::Log),
            ],
            outputs: vec![],
            score: None,
            threshold: 0.5,
        }
    }

    #[test]
    fn records_and_columns_are_the_same_rows() {
        let contract = contract();
        let records = r#"[
            {"distance": 719, "wind": 1.5, "carrier": "UA", "hour": 5, "tailnum": "N1"},
            {"hour": 6, "tailnum": "N1", "carrier": null, "wind": 2, "distance": 1}
        ]"#;
        let columns = r#"{"carrier": ["UA", null], "distance": [719, 1], "wind": [1.5, 2],
            "hour": [5, 6], "tailnum": ["N1", "N1"]}"#;
        let batch = read_records(&contract, records).unwrap();
        assert_eq!(batch, read_columns(&contract, columns).unwrap());
        assert_eq!(batch.inputs[0].data, TensorData::Fp32(vec![719.0, 1.5, 1.0, 2.0]));
        assert_eq!(batch.inputs[0].shape[..], [2, 2]);
        assert_eq!(batch.inputs[1].data, TensorData::Bytes(["UA", "?"].iter().collect()));
        assert_eq!(batch.inputs[1].shape[..], [2, 1]);
        assert_eq!(batch.inputs[2].shape[..], [2]);
        assert_eq!(batch.context, [Some(TensorData::Bytes(["N1", "N1"].iter().collect())), None]);
    }

    #[test]
    fn null_is_nan_where_a_column_is_floating_and_left_out_where_it_is_context() {
        let contract = contract();
        let records =
            r#"[{"distance": null, "wind": 1, "carrier": "UA", "hour": 5, "tailnum": null, "lead": null}]"#;
        let batch = read_records(&contract, records).unwrap();
        let TensorData::Fp32(values) = &batch.inputs[0].data else { panic!("no FP32") };
        assert!(values[0].is_nan());
        assert_eq!(batch.context[0], None);
        assert!(matches!(&batch.context[1], Some(TensorData::Fp64(v)) if v[0].is_nan()));
    }

    #[test]
    fn each_fault_names_its_column() {
        let contract = contract();
        let good = r#"{"distance":1,"wind":1,"carrier":"UA","hour":5}"#;
        for (records, expected) in [
            (r#"{"distance":1}"#.into(), "'records' must be an array"),
            ("[7]".into(), "record 0 must be an object"),
            ("[]".into(), "no rows"),
            (format!("[{good},{{}}]"), "column 'distance' is missing in record 1"),
            (r#"[{"distance":1,"wind":1,"carrier":"UA"}]"#.into(), "column 'hour' is missing in record 0"),
            (
                r#"[{"gate":1}]"#.into(),
                "unknown column 'gate'; the endpoint takes: distance, wind, carrier, hour, tailnum",
            ),
            (r#"[{"wind":1,"wind":2}]"#.into(), "column 'wind' came twice in record 0"),
            (r#"[{"hour":null}]"#.into(), "column 'hour' must be INT64, row 0 is null"),
            (r#"[{"hour":5.5}]"#.into(), "column 'hour' must be INT64, row 0 is 5.5"),
            (r#"[{"wind":"x"}]"#.into(), "column 'wind' must be FP32, row 0 is \"x\""),
            (r#"[{"wind":[1]}]"#.into(), "column 'wind' must be FP32, row 0 is an array"),
            (
                format!(r#"[{good},{{"distance":1,"wind":1,"carrier":"UA","hour":5,"tailnum":"N1"}}]"#),
                "column 'tailnum' has 1 values for 2 rows",
            ),
        ] {
            let message = read_records(&contract, &records).unwrap_err().message;
            assert!(message.contains(expected), "{records}: {message}");
        }
        for (columns, expected) in [
            ("[]", "'columns' must be an object"),
            (r#"{"wind":1}"#, "column 'wind' must be an array"),
            (r#"{"wind":[1],"hour":[1,2]}"#, "column 'hour' has 2 values, those before it 1"),
            (r#"{"wind":[1],"wind":[1]}"#, "column 'wind' came twice"),
            (r#"{"wind":[1]}"#, "column 'distance' is missing"),
            (r#"{"wind":[[1]]}"#, "row 0 is an array"),
        ] {
            let message = read_columns(&contract, columns).unwrap_err().message;
            assert!(message.contains(expected), "{columns}: {message}");
        }
    }
}
