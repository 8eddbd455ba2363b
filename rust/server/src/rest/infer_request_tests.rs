//! Tests of the infer call's decoding.

use tidegate_model::{ContextRole, ContextSpec, DataType, InputSpec, TensorData, TensorSpec};

use super::*;

fn contract() -> Contract {
    let input = |name: &str, datatype, shape: &[i64], columns: &[&str], missing: Option<&str>| InputSpec {
        name: name.into(),
        datatype,
        shape: shape.to_vec(),
        columns: columns.iter().map(ToString::to_string).collect(),
        missing: missing.map(Into::into),
    };
    let output = |name: &str| TensorSpec { name: name.into(), datatype: DataType::Fp32, shape: vec![-1] };
    Contract {
        inputs: vec![
            input("x", DataType::Fp32, &[-1, 2], &["a", "b"], None),
            input("carrier", DataType::Bytes, &[-1, 1], &["carrier"], Some("?")),
        ],
        context: vec![ContextSpec { name: "tail".into(), datatype: DataType::Bytes, role: ContextRole::Key }],
        outputs: vec![output("p"), output("q")],
        score: None,
        threshold: 0.5,
    }
}

fn json(text: &str) -> Result<Decoded, String> {
    decode(&contract(), &Bytes::copy_from_slice(text.as_bytes()), None).map_err(|fault| fault.message)
}

#[test]
fn json_is_read_flat_nested_and_in_any_order() {
    let flat = json(
        r#"{"id": "7", "parameters": {"event_time": 5, "priority": 1},
            "inputs": [{"name": "x", "shape": [2, 2], "datatype": "FP32", "data": [1, 2, null, 4]},
                       {"name": "carrier", "datatype": "BYTES", "shape": [2], "data": ["UA", null]},
                       {"name": "tail", "datatype": "BYTES", "shape": [2, 1], "data": [["N1"], ["N1"]]}],
            "outputs": [{"name": "q", "parameters": {"binary_data": true, "classification": 3}}, {"name": "p"}]}"#,
    )
    .unwrap();
    assert_eq!(flat.0.id.as_deref(), Some("7"));
    assert_eq!(flat.0.parameters.event_time, Some(5));
    assert_eq!(flat.1, [(1, true), (0, false)]);
    assert_eq!(flat.0.batch.rows, 2);
    let TensorData::Fp32(x) = &flat.0.batch.inputs[0].data else { panic!("no FP32") };
    assert!(x[2].is_nan());
    assert_eq!(flat.0.batch.inputs[1].data, TensorData::Bytes(["UA", "?"].iter().collect()));
    assert_eq!(flat.0.batch.context[0], Some(TensorData::Bytes(["N1", "N1"].iter().collect())));

    let nested = json(
        r#"{"inputs": [{"data": [["UA"]], "shape": [1, 1], "datatype": "BYTES", "name": "carrier"},
                       {"data": [[1, 2]], "shape": [1, 2], "datatype": "FP32", "name": "x"}]}"#,
    )
    .unwrap();
    assert_eq!(nested.0.batch.inputs[0].data, TensorData::Fp32(vec![1.0, 2.0]));
    assert_eq!(nested.1, [(0, false), (1, false)]);
}

#[test]
fn binary_tensors_stand_behind_the_json() {
    let header = r#"{"parameters": {"binary_data_output": true},
        "inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "parameters": {"binary_data_size": 8}},
                   {"name": "carrier", "shape": [1, 1], "datatype": "BYTES", "parameters": {"binary_data_size": 6}}]}"#;
    let mut body = header.as_bytes().to_vec();
    body.extend(1.5_f32.to_le_bytes());
    body.extend(2.5_f32.to_le_bytes());
    body.extend(b"\x02\0\0\0UA");
    let read = |body: &[u8], length| {
        decode(&contract(), &Bytes::copy_from_slice(body), Some(length)).map_err(|fault| fault.message)
    };
    let request = read(&body, header.len()).unwrap();
    assert_eq!(request.0.batch.inputs[0].data, TensorData::Fp32(vec![1.5, 2.5]));
    assert_eq!(request.0.batch.inputs[1].data, TensorData::Bytes(["UA"].iter().collect()));
    assert_eq!(request.1, [(0, true), (1, true)]);

    assert!(
        read(&body[..body.len() - 1], header.len())
            .unwrap_err()
            .contains("'carrier' has a binary_data_size of 6")
    );
    body.push(0);
    assert!(read(&body, header.len()).unwrap_err().contains("1 bytes stand behind"));
    assert!(read(&body, body.len() + 1).unwrap_err().contains("Inference-Header-Content-Length"));
}

#[test]
fn a_bare_body_is_the_only_input() {
    let mut one = contract();
    one.inputs.truncate(1);
    let body: Vec<u8> = [1.0_f32, 2.0, 3.0, 4.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    let request = decode(&one, &body.clone().into(), Some(0)).unwrap();
    assert_eq!(request.0.batch.rows, 2);
    assert_eq!(request.0.batch.inputs[0].data, TensorData::Fp32(vec![1.0, 2.0, 3.0, 4.0]));
    let refused = decode(&contract(), &body.into(), Some(0)).unwrap_err();
    assert!(refused.message.contains("this one has 2"));
}

#[test]
fn each_fault_is_named() {
    for (text, expected) in [
        ("", "the body is not an infer request"),
        ("[]", "the body is not an infer request"),
        (r#"{"id": "1"}"#, "missing field `inputs`"),
        (
            r#"{"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, NaN]}]}"#,
            "NaN is no JSON",
        ),
        (r#"{"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32"}]}"#, "input 'x' has no data"),
        (
            r#"{"inputs": [{"name": "x", "shape": [1, 2], "datatype": "F32", "data": []}]}"#,
            "unknown datatype 'F32'",
        ),
        (r#"{"inputs": [{"name": "x", "shape": [-1, 2], "datatype": "FP32", "data": []}]}"#, "shape [-1, 2]"),
        (
            r#"{"inputs": [{"name": "y", "shape": [1], "datatype": "FP32", "data": [1]}]}"#,
            "unknown input 'y'",
        ),
        (
            r#"{"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [1, 2]}]}"#,
            "must be FP32, got FP64",
        ),
        (r#"{"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1]}]}"#, "1 elements"),
        (
            r#"{"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]}"#,
            "'carrier' (BYTES) is missing",
        ),
        (
            r#"{"inputs": [{"name": "tail", "shape": [1], "datatype": "BYTES", "data": [null]}]}"#,
            "input 'tail' must be BYTES, element 0 is null",
        ),
        (r#"{"inputs": [], "outputs": [{"name": "r"}]}"#, "unknown output 'r'"),
    ] {
        let message = json(text).unwrap_err();
        assert!(message.contains(expected), "{text}: {message}");
    }
}

#[test]
fn a_deep_body_is_refused_and_not_followed() {
    let deep = "[".repeat(100_000);
    assert!(json(&format!(r#"{{"inputs": {deep}"#)).is_err());
    let data = format!("{deep}{}", "]".repeat(100_000));
    let body =
        format!(r#"{{"inputs": [{{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": {data}}}]}}"#);
    assert!(json(&body).unwrap_err().contains("more than 64 arrays and objects"));
}

proptest::proptest! {
    #[test]
    fn nothing_panics(body: Vec<u8>, length: Option<u8>) {
        let _ = decode(&contract(), &Bytes::from(body), length.map(usize::from));
    }
}
