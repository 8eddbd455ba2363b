//! Rows like those that a version was trained on, made from its reference profile, for a loader to try a model on.

use tidegate_drift::{CategoricalProfile, Kind, NumericProfile, ReferenceProfile, Role};
use tidegate_model::{BytesColumn, Contract, DataType, Shape, Signature, Tensor, TensorData, TensorSpec};

/// Rows that are made.
const ROWS: usize = 512;
/// One row in so many lacks a value, where rows of the reference do.
const MISSING_EVERY: usize = 16;

/// What is known of a version's data when its model is loaded.
#[derive(Clone, Copy, Debug)]
pub struct Reference<'a> {
    /// The profile of the training data.
    pub profile: &'a ReferenceProfile,
    /// The endpoint's contract, which says which feature is which column of which input.
    pub contract: &'a Contract,
}

impl Reference<'_> {
    /// Inputs for a model of this signature. Each value is one of the reference's; rows are not, since a profile holds none.
    /// `None` when the model has an input that the contract lacks, or of a type that has no reference.
    #[must_use]
    pub fn tensors(&self, signature: &Signature) -> Option<Vec<Tensor>> {
        signature.inputs.iter().map(|spec| self.tensor(spec)).collect()
    }

    fn tensor(&self, spec: &TensorSpec) -> Option<Tensor> {
        let input = self.contract.inputs.iter().find(|input| input.name == spec.name)?;
        let features: Vec<Option<&Kind>> = input
            .columns
            .iter()
            .map(|name| {
                let position = self.profile.position(Role::Input, name)?;
                self.profile.features().get(position).map(|feature| &feature.kind)
            })
            .collect();
        let width = features.len();
        let cells =
            (0..ROWS).flat_map(|row| features.iter().copied().enumerate().map(move |cell| (row, cell)));
        let number = |(row, (column, kind)): (usize, (usize, Option<&Kind>))| match kind {
            Some(Kind::Numeric(profile)) => point(profile, row, column),
            _ => 0.0,
        };
        let missing = input.missing.as_deref().unwrap_or_default().as_bytes();
        let data = match spec.datatype {
            DataType::Fp32 => TensorData::Fp32(cells.map(|cell| number(cell) as f32).collect()),
            DataType::Fp64 => TensorData::Fp64(cells.map(number).collect()),
            DataType::Int64 => TensorData::Int64(cells.map(|cell| number(cell) as i64).collect()),
            DataType::Bytes => {
                let text = |(row, (column, kind)): (usize, (usize, Option<&Kind>))| match kind {
                    Some(Kind::Categorical(profile)) => category(profile, row, column, missing).to_vec(),
                    _ => missing.to_vec(),
                };
                TensorData::Bytes(cells.map(text).collect::<BytesColumn>())
            }
            _ => return None,
        };
        let shape = if spec.shape.len() == 1 { &[ROWS][..] } else { &[ROWS, width] };
        Some(Tensor { shape: Shape::from_slice(shape), data })
    }
}

/// A number that depends on row and column alone, without their pattern (Knuth's multiplicative hashing).
fn scattered(row: usize, column: usize) -> usize {
    let mixed = (row as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ (column as u64).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed >> 20) as usize
}

fn point(profile: &NumericProfile, row: usize, column: usize) -> f64 {
    let points = profile.points();
    if points.is_empty() || (profile.missing() > 0 && (row + column).is_multiple_of(MISSING_EVERY)) {
        return f64::NAN;
    }
    points[scattered(row, column) % points.len()]
}

fn category<'a>(profile: &'a CategoricalProfile, row: usize, column: usize, missing: &'a [u8]) -> &'a [u8] {
    let categories = profile.categories();
    if categories.is_empty() || (profile.missing() > 0 && (row + column).is_multiple_of(MISSING_EVERY)) {
        return missing;
    }
    &categories[scattered(row, column) % categories.len()]
}

#[cfg(test)]
mod tests {
    use tidegate_drift::FeatureProfile;
    use tidegate_model::InputSpec;

    use super::*;

    #[test]
    fn every_value_is_the_references() {
        let texts: Vec<Option<&[u8]>> =
            [&b"AA"[..], b"UA"].iter().cycle().take(60).map(|&t| Some(t)).collect();
        let kinds = [
            ("d", Kind::Numeric(NumericProfile::fit(&[1.5, 2.5, f64::NAN]).unwrap())),
            ("h", Kind::Numeric(NumericProfile::fit(&[7.0, 9.0]).unwrap())),
            ("c", Kind::Categorical(CategoricalProfile::fit(texts).unwrap())),
        ];
        let features = kinds.into_iter().map(|(name, kind)| FeatureProfile {
            name: name.into(),
            role: Role::Input,
            kind,
        });
        let profile = ReferenceProfile::new(features.collect()).unwrap();
        let input = |name: &str, datatype, columns: &[&str]| InputSpec {
            name: name.into(),
            datatype,
            shape: vec![-1, i64::try_from(columns.len()).unwrap()],
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
            missing: None,
        };
        let contract = Contract {
            inputs: vec![
                input("x", DataType::Fp32, &["h", "d"]),
                input("n", DataType::Int64, &["h"]),
                input("t", DataType::Bytes, &["c"]),
            ],
            context: Vec::new(),
            outputs: Vec::new(),
            score: None,
            threshold: 0.5,
        };
        let spec = |input: &InputSpec| TensorSpec {
            name: input.name.clone(),
            datatype: input.datatype,
            shape: input.shape.clone(),
        };
        // The model's order is not the contract's.
        let inputs = [2, 0, 1].map(|index| spec(&contract.inputs[index])).to_vec();
        let signature = Signature { inputs, outputs: Vec::new() };
        let reference = Reference { profile: &profile, contract: &contract };
        let tensors = reference.tensors(&signature).unwrap();
        let TensorData::Bytes(texts) = &tensors[0].data else { panic!("{tensors:?}") };
        assert!(texts.iter().any(|text| text == b"AA") && texts.iter().any(|text| text == b"UA"));
        assert!(texts.iter().all(|text| [&b"AA"[..], b"UA"].contains(&text)));
        let TensorData::Fp32(x) = &tensors[1].data else { panic!("{tensors:?}") };
        assert_eq!(x.len(), 2 * ROWS);
        assert!(x.chunks(2).all(|row| [7.0, 9.0].contains(&row[0])));
        assert!(x.chunks(2).all(|row| row[1].is_nan() || [1.5, 2.5].contains(&row[1])));
        assert!(x.chunks(2).any(|row| row[1].is_nan()) && x.chunks(2).any(|row| !row[1].is_nan()));
        assert_eq!((&tensors[2].shape[..], tensors[2].data.datatype()), (&[ROWS, 1][..], DataType::Int64));
        let unknown = Signature {
            inputs: vec![TensorSpec { name: "y".into(), ..signature.inputs[0].clone() }],
            outputs: Vec::new(),
        };
        assert_eq!(reference.tensors(&unknown), None);
    }
}
