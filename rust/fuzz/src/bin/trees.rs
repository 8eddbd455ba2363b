//! An ONNX file, as far as the native kernel reads it: what it takes, it scores the same in every way that it has.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_fuzz::verdict;
use tidegate_model::{Scorer as _, Tensor, TensorData, TensorSpec};
use tidegate_trees::TreeScorer;

const VALUES: [f32; 9] = [0.0, -0.0, 0.5, 1.0, -3.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30];
const ROWS: usize = 18;
/// Columns of a model that is tried; more are read, not scored.
const WIDEST: i64 = 64;

fuzz_target!(|bytes: &[u8]| {
    let (Ok(fast), Ok(portable)) = (TreeScorer::from_bytes(bytes), TreeScorer::from_bytes(bytes)) else {
        return verdict(false);
    };
    verdict(true);
    let portable = portable.portable();
    let specs = &fast.signature().inputs;
    if specs.iter().any(|spec| width(spec) > WIDEST) {
        return;
    }
    let all = |first: usize, rows: usize| -> Option<Vec<Tensor>> {
        specs.iter().map(|spec| tensor(spec, first, rows)).collect()
    };
    let Some(batch) = all(0, ROWS) else { return };
    let score = |scorer: &TreeScorer, rows: usize, tensors: &[Tensor]| {
        let tensors: Vec<_> = tensors.iter().collect();
        scorer.score(rows, &tensors).map(|outputs| outputs.iter().map(bits).collect::<Vec<_>>())
    };
    let whole = score(&fast, ROWS, &batch);
    let slow = score(&portable, ROWS, &batch);
    match (&whole, &slow) {
        (Ok(whole), Ok(slow)) => assert_eq!(whole, slow, "vector code and its portable twin"),
        (whole, slow) => assert_eq!(whole.is_err(), slow.is_err()),
    }
    let Ok(whole) = whole else { return };
    for row in 0..ROWS {
        let Some(one) = all(row, 1) else { return };
        let alone = score(&fast, 1, &one).expect("a batch of it was scored");
        for (whole, alone) in whole.iter().zip(alone) {
            let each = whole.len() / ROWS;
            assert_eq!(&whole[row * each..(row + 1) * each], alone, "row {row} alone");
        }
    }
});

fn width(spec: &TensorSpec) -> i64 {
    spec.shape.get(1).copied().unwrap_or(1)
}

/// Rows from `first` on, each value another.
fn tensor(spec: &TensorSpec, first: usize, rows: usize) -> Option<Tensor> {
    let width = usize::try_from(width(spec)).ok()?;
    let shape = [rows, width].into_iter().collect();
    let values = (first..first + rows).flat_map(|row| (0..width).map(move |column| row + column * 5));
    let data = match spec.datatype {
        tidegate_model::DataType::Fp32 => {
            TensorData::Fp32(values.map(|number| VALUES[number % VALUES.len()]).collect())
        }
        tidegate_model::DataType::Int64 => {
            TensorData::Int64(values.map(|number| i64::try_from(number).unwrap_or(0) - 9).collect())
        }
        _ => return None,
    };
    Some(Tensor { shape, data })
}

/// The elements as text that tells all bits apart.
fn bits(tensor: &Tensor) -> Vec<String> {
    match &tensor.data {
        TensorData::Fp32(values) => values.iter().map(|value| value.to_bits().to_string()).collect(),
        TensorData::Int64(values) => values.iter().map(ToString::to_string).collect(),
        TensorData::Bytes(column) => column.iter().map(|value| format!("{value:?}")).collect(),
        other => panic!("a tree answers {}", other.datatype()),
    }
}
