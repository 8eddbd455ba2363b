//! The forms of `MLflow`'s bodies: the same rows in each.

use tidegate_model::{DataType, TensorData};

use super::*;

fn input(name: &str, datatype: DataType, columns: &[&str]) -> InputSpec {
    InputSpec {
        name: name.into(),
        datatype,
        shape: vec![-1, i64::try_from(columns.len()).unwrap()],
        columns: columns.iter().map(ToString::to_string).collect(),
        missing: (datatype == DataType::Bytes).then(|| "?".into()),
    }
}

fn contract(inputs: Vec<InputSpec>) -> Contract {
    Contract { inputs, context: vec![], outputs: vec![], score: None, threshold: 0.5 }
}

fn mixed() -> Contract {
    contract(vec![
        input("x", DataType::Fp32, &["distance", "wind"]),
        input("carrier", DataType::Bytes, &["carrier"]),
        input("hour", DataType::Int64, &["hour"]),
    ])
}

fn read(contract: &Contract, body: &str) -> Result<Batch, String> {
    decode(contract, body.as_bytes()).map(|asked| asked.batch).map_err(|fault| fault.message)
}

#[test]
fn every_form_is_the_same_rows() {
    let contract = mixed();
    let split = r#"{"dataframe_split": {"index": [0, 1], "columns": ["hour", "carrier", "wind", "distance"],
        "data": [[5, "UA", 1.5, 719], [6, null, 2, 1]]}}"#;
    let expected = read(&contract, split).unwrap();
    assert_eq!(expected.inputs[0].data, TensorData::Fp32(vec![719.0, 1.5, 1.0, 2.0]));
    assert_eq!(expected.inputs[1].data, TensorData::Bytes(["UA", "?"].iter().collect()));
    let records = r#"[{"hour": 5, "carrier": "UA", "wind": 1.5, "distance": 719},
        {"hour": 6, "carrier": null, "wind": 2, "distance": 1}]"#;
    for name in ["dataframe_records", "instances", "inputs"] {
        assert_eq!(read(&contract, &format!(r#"{{"{name}": {records}}}"#)).as_ref(), Ok(&expected), "{name}");
    }
    let columns =
        r#"{"inputs": {"hour": [5, 6], "carrier": ["UA", null], "wind": [1.5, 2], "distance": [719, 1]}}"#;
    assert_eq!(read(&contract, columns).as_ref(), Ok(&expected));
    let tensors = r#"{"inputs": {"x": [[719, 1.5], [1, 2]], "carrier": ["UA", null], "hour": [[5], [6]]}}"#;
    assert_eq!(read(&contract, tensors).as_ref(), Ok(&expected));
}

#[test]
fn rows_without_names_are_the_only_tensor_s() {
    let contract = contract(vec![input("x", DataType::Fp32, &["a", "b"])]);
    for name in ["inputs", "instances"] {
        let batch = read(&contract, &format!(r#"{{"{name}": [[1, 2], [3, null]]}}"#)).unwrap();
        assert_eq!(batch.rows, 2);
        assert!(
            matches!(&batch.inputs[0].data, TensorData::Fp32(v) if v[..3] == [1.0, 2.0, 3.0] && v[3].is_nan())
        );
    }
}

#[test]
fn each_fault_is_named() {
    let contract = mixed();
    for (body, expected) in [
        ("{}", "one of 'dataframe_split', 'dataframe_records', 'inputs' and 'instances'"),
        (r#"{"inputs": {}, "instances": []}"#, "one of 'dataframe_split'"),
        (r#"{"records": []}"#, "unknown field `records`"),
        (r#"{"dataframe_split": {"columns": ["gate"], "data": []}}"#, "unknown column 'gate'"),
        (r#"{"dataframe_split": {"columns": ["hour", "hour"], "data": []}}"#, "column 'hour' came twice"),
        (r#"{"dataframe_split": {"columns": ["hour"], "data": []}}"#, "column 'distance' is missing"),
        (
            r#"{"dataframe_split": {"columns": ["hour", "carrier", "wind", "distance"], "data": [[5, "UA", 1]]}}"#,
            "row 0 has 3 values for 4 columns",
        ),
        (
            r#"{"dataframe_split": {"columns": ["hour", "carrier", "wind", "distance"], "data": [7]}}"#,
            "'data' must be an array of rows",
        ),
        (
            r#"{"dataframe_split": {"columns": ["hour", "carrier", "wind", "distance"], "data": [[5.5, "UA", 1, 1]]}}"#,
            "column 'hour' must be INT64, row 0 is 5.5",
        ),
        (r#"{"inputs": [[1, 2]]}"#, "need an endpoint with one input; this one has 3"),
        (r#"{"inputs": 7}"#, "'inputs' must be an object of columns or an array of rows"),
        (r#"{"inputs": {"x": [[1, 2]], "gate": [1]}}"#, "unknown input 'gate'"),
        (r#"{"inputs": {"x": [[1, 2, 3]]}}"#, "does not have its shape [1, 2]"),
        (r#"{"inputs": {"hour": [1]}, "params": {"timeout": "x"}}"#, "parameter 'timeout' must be"),
    ] {
        let message = read(&contract, body).unwrap_err();
        assert!(message.contains(expected), "{body}: {message}");
    }
}
