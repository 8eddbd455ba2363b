//! Streams that decode to the rows of their columns, and streams that lie.

use std::sync::Arc;

use arrow_array::builder::StringDictionaryBuilder;
use arrow_array::types::{Int8Type, UInt32Type};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Float32Array, Float64Array, Int8Array, Int16Array, Int64Array,
    LargeStringArray, ListArray, NullArray, StringArray, StringViewArray, UInt64Array,
};
use arrow_ipc::writer::{FileWriter, StreamWriter};
use arrow_schema::Field;
use tidegate_model::{ContextRole, ContextSpec, InputSpec};

use super::*;

const LIMIT: usize = 1 << 20;

fn contract() -> Contract {
    let input = |name: &str, datatype, shape: &[i64], columns: &[&str], missing: Option<&str>| InputSpec {
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
            input("late", DataType::Bool, &[-1], &["late"], None),
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

fn good() -> Vec<(&'static str, ArrayRef)> {
    vec![
        ("distance", Arc::new(Float64Array::from(vec![Some(719.0), None]))),
        ("wind", Arc::new(Int16Array::from(vec![5, 6]))),
        ("carrier", Arc::new(StringViewArray::from(vec![Some("UA"), None]))),
        ("hour", Arc::new(Int8Array::from(vec![-1, 2]))),
        ("late", Arc::new(BooleanArray::from(vec![true, false]))),
    ]
}

/// `good` with one column in place of another, or behind the rest.
fn with(name: &'static str, array: ArrayRef) -> Vec<(&'static str, ArrayRef)> {
    let mut columns = good();
    match columns.iter_mut().find(|(known, _)| *known == name) {
        Some(column) => column.1 = array,
        None => columns.push((name, array)),
    }
    columns
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let fields: Vec<_> =
        columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|(_, a)| a).collect())
        .unwrap()
}

fn stream(batches: &[RecordBatch]) -> Bytes {
    let mut writer = StreamWriter::try_new(Vec::new(), &batches[0].schema()).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.into_inner().unwrap().into()
}

fn read(columns: Vec<(&str, ArrayRef)>) -> Result<Batch, String> {
    decode(&contract(), &stream(&[batch(columns)]), LIMIT).map_err(|fault| fault.message)
}

#[test]
fn columns_become_tensors_by_name() {
    let mut columns = with("tailnum", Arc::new(LargeStringArray::from(vec!["N1", "N1"])));
    columns.push(("lead", Arc::new(Float32Array::from(vec![Some(0.5), None]))));
    columns.reverse();
    let taken = read(columns).unwrap();
    let TensorData::Fp32(numeric) = &taken.inputs[0].data else { panic!("no FP32") };
    assert_eq!((numeric[0], numeric[1], numeric[2].is_nan(), numeric[3]), (719.0, 5.0, true, 6.0));
    assert_eq!(taken.inputs[0].shape[..], [2, 2]);
    assert_eq!(taken.inputs[1].data, TensorData::Bytes(["UA", "?"].iter().collect()));
    assert_eq!(taken.inputs[2].data, TensorData::Int64(vec![-1, 2]));
    assert_eq!(taken.inputs[3].data, TensorData::Bool(vec![true, false]));
    assert_eq!(taken.context[0], Some(TensorData::Bytes(["N1", "N1"].iter().collect())));
    assert!(matches!(&taken.context[1], Some(TensorData::Fp64(v)) if v[1].is_nan()));
}

#[test]
fn every_text_is_text() {
    let expected = TensorData::Bytes(["UA", "?"].iter().collect());
    let mut small = StringDictionaryBuilder::<Int8Type>::new();
    let mut large = StringDictionaryBuilder::<UInt32Type>::new();
    for value in [Some("UA"), None] {
        small.append_option(value);
        large.append_option(value);
    }
    let texts: [ArrayRef; 6] = [
        Arc::new(StringArray::from(vec![Some("UA"), None])),
        Arc::new(LargeStringArray::from(vec![Some("UA"), None])),
        Arc::new(StringViewArray::from(vec![Some("UA"), None])),
        Arc::new(BinaryArray::from(vec![Some(&b"UA"[..]), None])),
        Arc::new(small.finish()),
        Arc::new(large.finish()),
    ];
    for text in texts {
        let shown = text.data_type().to_string();
        assert_eq!(read(with("carrier", text)).unwrap().inputs[1].data, expected, "{shown}");
    }
    let nulls = read(with("carrier", Arc::new(NullArray::new(2)))).unwrap();
    assert_eq!(nulls.inputs[1].data, TensorData::Bytes(["?", "?"].iter().collect()));
}

#[test]
fn batches_of_one_stream_are_one_request() {
    let (one, two) = (batch(good()), batch(good()));
    let taken = decode(&contract(), &stream(&[one.slice(0, 1), one.slice(1, 1), two]), LIMIT).unwrap();
    assert_eq!(taken.rows, 4);
    assert_eq!(taken.inputs[2].data, TensorData::Int64(vec![-1, 2, -1, 2]));
    let whole = decode(&contract(), &stream(&[batch(good()), batch(good())]), LIMIT).unwrap();
    assert_eq!(format!("{taken:?}"), format!("{whole:?}"));
}

#[test]
fn each_fault_names_its_column_and_row() {
    let list = ListArray::from_iter_primitive::<Int8Type, _, _>([Some([Some(1)]), None]);
    let cases: Vec<(Vec<(&str, ArrayRef)>, &str)> = vec![
        (
            with("gate", Arc::new(NullArray::new(2))),
            "unknown column 'gate'; the endpoint takes: distance, wind, carrier, hour, late, tailnum, lead",
        ),
        (good().into_iter().filter(|(name, _)| *name != "hour").collect(), "column 'hour' is missing"),
        (
            with("hour", Arc::new(Float64Array::from(vec![1.0, 2.0]))),
            "column 'hour' must be INT64, got Arrow's Float64",
        ),
        (
            with("hour", Arc::new(Int64Array::from(vec![Some(1), None]))),
            "column 'hour' must be INT64, row 1 is null",
        ),
        (
            with("hour", Arc::new(UInt64Array::from(vec![1, u64::MAX]))),
            "column 'hour' must be INT64, row 1 is 18446744073709551615",
        ),
        (
            with("wind", Arc::new(StringArray::from(vec!["1", "2"]))),
            "column 'wind' must be FP32, got Arrow's Utf8",
        ),
        (
            with("wind", Arc::new(Float64Array::from(vec![1.0, 1e39]))),
            "column 'wind' must be FP32, row 1 is 1e39",
        ),
        (with("wind", Arc::new(list)), "column 'wind' is Arrow's List"),
        (
            with("carrier", Arc::new(Int8Array::from(vec![1, 2]))),
            "column 'carrier' must be BYTES, got Arrow's Int8",
        ),
        (with("late", Arc::new(Int8Array::from(vec![1, 0]))), "column 'late' must be BOOL, got Arrow's Int8"),
        (
            with("late", Arc::new(BooleanArray::from(vec![Some(true), None]))),
            "column 'late' must be BOOL, row 1 is null",
        ),
        (
            with("tailnum", Arc::new(StringArray::from(vec![Some("N1"), None]))),
            "column 'tailnum' must be BYTES, row 1 is null",
        ),
    ];
    for (columns, expected) in cases {
        let message = read(columns).unwrap_err();
        assert!(message.contains(expected), "{expected}: {message}");
    }
    let twice = [good(), vec![("hour", Arc::new(Int8Array::from(vec![1, 2])) as ArrayRef)]].concat();
    assert!(read(twice).unwrap_err().contains("column 'hour' came twice"));
    let none = batch(good()).slice(0, 0);
    assert!(decode(&contract(), &stream(&[none]), LIMIT).unwrap_err().message.contains("no rows"));
}

#[test]
fn a_context_that_is_null_everywhere_was_left_out() {
    let taken = read(with("tailnum", Arc::new(NullArray::new(2)))).unwrap();
    assert_eq!(taken.context, [None, None]);
}

#[test]
fn what_is_no_stream_is_refused() {
    let whole = stream(&[batch(good())]);
    let message = |bytes: Bytes| decode(&contract(), &bytes, LIMIT).unwrap_err().message;
    assert!(message(Bytes::new()).contains("got the end"));
    assert!(message(Bytes::from_static(b"{\"records\": []}")).contains("continuation mark"));
    let mut file = FileWriter::try_new(Vec::new(), &batch(good()).schema()).unwrap();
    file.write(&batch(good())).unwrap();
    assert!(message(file.into_inner().unwrap().into()).contains("got the file format"));
    let more = [&whole[..], b"more"].concat();
    assert!(message(more.into()).contains("4 bytes more"));
}

/// A dictionary makes many bytes out of few.
#[test]
fn what_unpacks_to_more_than_the_limit_is_refused() {
    let mut carriers = StringDictionaryBuilder::<Int8Type>::new();
    let long = "x".repeat(4096);
    for _ in 0..2000 {
        carriers.append_value(&long);
    }
    let rows = 2000;
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("distance", Arc::new(NullArray::new(rows))),
        ("wind", Arc::new(NullArray::new(rows))),
        ("carrier", Arc::new(carriers.finish())),
        ("hour", Arc::new(Int8Array::from(vec![1; rows]))),
        ("late", Arc::new(BooleanArray::from(vec![true; rows]))),
    ];
    let bytes = stream(&[batch(columns)]);
    assert!(bytes.len() < 20_000, "{}", bytes.len());
    let fault = decode(&contract(), &bytes, LIMIT).unwrap_err();
    assert_eq!(fault.kind, ErrorKind::TooLarge, "{fault:?}");
    assert!(fault.message.contains("'carrier'"), "{fault:?}");
    let fault = decode(&contract(), &bytes, 4096).unwrap_err();
    assert_eq!(fault.kind, ErrorKind::TooLarge, "{fault:?}");
    assert!(fault.message.contains("2000 rows"), "{fault:?}");
}

#[test]
fn no_flipped_or_missing_byte_makes_it_panic() {
    let mut small = StringDictionaryBuilder::<Int8Type>::new();
    small.append_option(Some("UA"));
    small.append_option(None::<&str>);
    let contract = contract();
    for columns in [good(), with("carrier", Arc::new(small.finish()))] {
        let whole = stream(&[batch(columns)]);
        for length in 0..whole.len() {
            let _ = decode(&contract, &whole.slice(..length), LIMIT);
        }
        let mut refused = 0;
        for place in 0..whole.len() {
            for flip in [1, 0x80, 0xff] {
                let mut bytes = whole.to_vec();
                bytes[place] ^= flip;
                refused += usize::from(decode(&contract, &bytes.into(), LIMIT).is_err());
            }
        }
        assert!(refused > 300, "{refused}");
    }
}

proptest::proptest! {
    #[test]
    fn nor_do_several(places in proptest::collection::vec((0_usize..4096, proptest::prelude::any::<u8>()), 1..8)) {
        let mut bytes = stream(&[batch(good())]).to_vec();
        for (place, value) in places {
            let place = place % bytes.len();
            bytes[place] = value;
        }
        let _ = decode(&contract(), &bytes.into(), LIMIT);
    }
}
