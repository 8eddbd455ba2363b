//! Rows to try a model with: values that its reference profile knows.

use tidegate_drift::{FeatureProfile, Kind, ReferenceProfile, Role};
use tidegate_model::{Batch, Contract, InputSpec, Shape, Tensor, TensorData};

/// `rows` rows that differ from each other where the profile has values, else zeros and empty strings.
pub(crate) fn rows(contract: &Contract, profile: Option<&ReferenceProfile>, rows: usize) -> Batch {
    let inputs = contract.inputs.iter().map(|input| {
        let width = input.width();
        let shape = if input.shape.len() == 1 { vec![rows] } else { vec![rows, width] };
        Tensor { shape: Shape::from_vec(shape), data: column(input, profile, rows, width) }
    });
    Batch { rows, inputs: inputs.collect(), context: vec![None; contract.context.len()] }
}

fn column(input: &InputSpec, profile: Option<&ReferenceProfile>, rows: usize, width: usize) -> TensorData {
    let features: Vec<Option<&FeatureProfile>> =
        (0..width).map(|column| feature(profile?, input.columns.get(column)?)).collect();
    let number = |element: usize| {
        let feature = features.get(element % width.max(1)).copied().flatten();
        match feature.map(|feature| &feature.kind) {
            Some(Kind::Numeric(numeric)) => at(numeric.points(), element).copied().unwrap_or(0.0),
            _ => 0.0,
        }
    };
    let mut data = TensorData::zeros(input.datatype, rows * width);
    match &mut data {
        TensorData::Bool(v) => fill(v, |element| number(element) != 0.0),
        TensorData::Uint8(v) => fill(v, |element| number(element) as u8),
        TensorData::Uint16(v) => fill(v, |element| number(element) as u16),
        TensorData::Uint32(v) => fill(v, |element| number(element) as u32),
        TensorData::Uint64(v) => fill(v, |element| number(element) as u64),
        TensorData::Int8(v) => fill(v, |element| number(element) as i8),
        TensorData::Int16(v) => fill(v, |element| number(element) as i16),
        TensorData::Int32(v) => fill(v, |element| number(element) as i32),
        TensorData::Int64(v) => fill(v, |element| number(element) as i64),
        TensorData::Fp32(v) => fill(v, |element| number(element) as f32),
        TensorData::Fp64(v) => fill(v, number),
        // Zeros do: half precision is not worth a conversion of its own.
        TensorData::Fp16(_) => {}
        TensorData::Bytes(v) => {
            *v = (0..rows * width)
                .map(|element| {
                    match features.get(element % width.max(1)).copied().flatten().map(|it| &it.kind) {
                        Some(Kind::Categorical(known)) => at(known.categories(), element)
                            .map_or_else(Vec::new, |category| category.to_vec()),
                        _ => Vec::new(),
                    }
                })
                .collect();
        }
    }
    data
}

fn feature<'a>(profile: &'a ReferenceProfile, column: &str) -> Option<&'a FeatureProfile> {
    profile.features().iter().find(|feature| feature.role == Role::Input && feature.name == column)
}

fn fill<T>(values: &mut [T], value: impl Fn(usize) -> T) {
    values.iter_mut().enumerate().for_each(|(element, place)| *place = value(element));
}

/// A value for an element, spread over all that there are.
fn at<T>(values: &[T], element: usize) -> Option<&T> {
    values.get(element.wrapping_mul(7919) % values.len().max(1))
}
