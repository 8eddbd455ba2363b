//! Answers are bit-equal to onnxruntime's, in any batch, from any number of threads.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod fixture;

use fixture::{reference, rows, scorer};
use tidegate_model::{BytesColumn, DataType, Scorer, Shape, Tensor, TensorData};

const MODELS: [&str; 4] = ["matrix", "mixed", "labels", "declared"];

fn score(scorer: &dyn Scorer, inputs: &[Tensor]) -> Vec<Tensor> {
    scorer.score(inputs[0].shape[0], &inputs.iter().collect::<Vec<_>>()).unwrap()
}

#[test]
fn equal_to_onnxruntime_bit_for_bit() {
    for name in MODELS {
        let scorer = scorer(&format!("{name}.onnx"));
        let (inputs, outputs) = reference(name, &scorer);
        assert_eq!(score(&scorer, &inputs), outputs, "{name}");
    }
}

#[test]
fn a_row_alone_has_the_answer_that_it_has_in_a_batch() {
    for name in ["matrix", "mixed", "declared"] {
        let scorer = scorer(&format!("{name}.onnx"));
        let (inputs, outputs) = reference(name, &scorer);
        for row in 0..inputs[0].shape[0] {
            let one: Vec<_> = inputs.iter().map(|tensor| rows(tensor, row, row + 1)).collect();
            let expected: Vec<_> = outputs.iter().map(|tensor| rows(tensor, row, row + 1)).collect();
            assert_eq!(score(&scorer, &one), expected, "{name}, row {row}");
        }
    }
}

#[test]
fn two_threads_share_a_scorer() {
    for name in MODELS {
        let scorer = scorer(&format!("{name}.onnx"));
        let (inputs, outputs) = reference(name, &scorer);
        let together = std::sync::Barrier::new(2);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    together.wait();
                    for _ in 0..300 {
                        assert_eq!(score(&scorer, &inputs), outputs);
                    }
                });
            }
        });
    }
}

#[test]
fn signatures_are_the_graphs() {
    let mixed = scorer("mixed.onnx");
    let inputs = mixed.signature().inputs.iter();
    let inputs: Vec<_> = inputs.map(|spec| (spec.name.as_str(), spec.datatype, &spec.shape[..])).collect();
    assert_eq!(
        inputs,
        [
            ("carrier", DataType::Bytes, &[-1, 1][..]),
            ("distance", DataType::Fp32, &[-1, 1]),
            ("hour", DataType::Int64, &[-1, 1]),
        ]
    );
    let labels = scorer("labels.onnx");
    assert_eq!(labels.signature().outputs[0].datatype, DataType::Bytes);
    assert_eq!(labels.signature().outputs[1].shape, [-1, 3]);
    // Declared as [1]; what a run gives is believed.
    assert_eq!(scorer("declared.onnx").signature().outputs[0].shape, [-1]);
}

#[test]
fn every_element_type_passes_unchanged() {
    let scorer = scorer("identity.onnx");
    let texts = ["", "zero\0byte", "ÆØ", "x", "a\0", "\0"];
    let data = vec![
        TensorData::Bool(vec![true, false, false, true, true, false]),
        TensorData::Uint8(vec![0, 1, u8::MAX, 3, 4, 5]),
        TensorData::Uint16(vec![0, 1, u16::MAX, 3, 4, 5]),
        TensorData::Uint32(vec![0, 1, u32::MAX, 3, 4, 5]),
        TensorData::Uint64(vec![0, 1, u64::MAX, 3, 4, 5]),
        TensorData::Int8(vec![i8::MIN, 1, i8::MAX, 3, 4, 5]),
        TensorData::Int16(vec![i16::MIN, 1, i16::MAX, 3, 4, 5]),
        TensorData::Int32(vec![i32::MIN, 1, i32::MAX, 3, 4, 5]),
        TensorData::Int64(vec![i64::MIN, 1, i64::MAX, 3, 4, 5]),
        TensorData::Fp16(vec![0x3c00, 0x7c00, 0xfc00, 0x8000, 1, 0]),
        TensorData::Fp32(vec![f32::MIN, -0.0, f32::INFINITY, f32::MIN_POSITIVE, 4.0, 5.0]),
        TensorData::Fp64(vec![f64::MIN, -0.0, f64::INFINITY, f64::MIN_POSITIVE, 4.0, 5.0]),
        TensorData::Bytes(texts.iter().collect::<BytesColumn>()),
    ];
    assert_eq!(data.len(), DataType::ALL.len());
    let inputs: Vec<_> =
        data.into_iter().map(|data| Tensor { shape: Shape::from_slice(&[3, 2]), data }).collect();
    assert_eq!(score(&scorer, &inputs), inputs);
}

#[test]
fn a_column_fits_with_and_without_its_second_dimension() {
    let scorer = scorer("mixed.onnx");
    let (mut inputs, outputs) = reference("mixed", &scorer);
    for tensor in &mut inputs {
        tensor.shape.pop();
    }
    assert_eq!(score(&scorer, &inputs), outputs);
}

#[test]
fn a_shape_that_depends_on_values_is_read_back() {
    let scorer = scorer("positive.onnx");
    let input =
        Tensor { shape: Shape::from_slice(&[4]), data: TensorData::Fp32(vec![1.0, -1.0, 2.0, f32::NAN]) };
    let output = Tensor { shape: Shape::from_slice(&[2]), data: TensorData::Fp32(vec![1.0, 2.0]) };
    assert_eq!(score(&scorer, &[input]), [output]);
}
