//! Which column of a request feeds which feature of a reference profile.

use tidegate_drift::{Counters, CountsError, Kind, ReferenceProfile, Role};
use tidegate_model::{Batch, Contract, DataType, Tensor, TensorData};

use crate::{Mismatch, half};

/// The output and the column of a contract's score.
pub(crate) fn score_position(contract: &Contract) -> Option<(usize, usize)> {
    let score = contract.score.as_ref()?;
    let output = contract.outputs.iter().position(|output| output.name == score.output)?;
    Some((output, score.column))
}

/// One source for each feature of a profile, in its order.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    sources: Vec<Source>,
}

#[derive(Debug)]
enum Source {
    Input { input: usize, column: usize, missing: Option<Vec<u8>> },
    Score { output: usize, column: usize },
}

impl Plan {
    /// Finds every feature of the profile in the contract.
    ///
    /// # Errors
    /// [`Mismatch`] naming the first feature that is not there, or of another kind.
    pub(crate) fn new(profile: &ReferenceProfile, contract: &Contract) -> Result<Self, Mismatch> {
        let mut sources = Vec::with_capacity(profile.features().len());
        for feature in profile.features() {
            let (source, datatype) = match feature.role {
                Role::Input => input_source(&feature.name, contract)?,
                Role::Score => score_source(&feature.name, contract)?,
            };
            let numeric = matches!(feature.kind, Kind::Numeric(_));
            if numeric == (datatype == DataType::Bytes) {
                let (name, kind) = (feature.name.clone(), feature.kind.name());
                return Err(Mismatch::Kind { name, kind, datatype });
            }
            sources.push(source);
        }
        Ok(Self { sources })
    }

    /// Counts every row of a request and its outputs (both in contract order).
    pub(crate) fn count(
        &self,
        counters: &Counters,
        batch: &Batch,
        outputs: &[Tensor],
    ) -> Result<(), CountsError> {
        for (feature, source) in self.sources.iter().enumerate() {
            let (tensor, column, missing) = match source {
                Source::Input { input, column, missing } => {
                    (batch.inputs.get(*input), *column, missing.as_deref())
                }
                Source::Score { output, column } => (outputs.get(*output), *column, None),
            };
            if let Some(tensor) = tensor {
                let stride = (tensor.data.len() / batch.rows.max(1)).max(1);
                count_column(counters, feature, &tensor.data, column, stride, missing)?;
            }
        }
        Ok(())
    }
}

fn input_source(name: &str, contract: &Contract) -> Result<(Source, DataType), Mismatch> {
    for (input, spec) in contract.inputs.iter().enumerate() {
        if let Some(column) = spec.columns.iter().position(|column| column == name) {
            let missing = spec.missing.as_ref().map(|token| token.clone().into_bytes());
            return Ok((Source::Input { input, column, missing }, spec.datatype));
        }
    }
    Err(Mismatch::Feature(name.to_owned()))
}

fn score_source(name: &str, contract: &Contract) -> Result<(Source, DataType), Mismatch> {
    let (output, column) = score_position(contract).ok_or_else(|| Mismatch::Score(name.to_owned()))?;
    let datatype = contract.outputs.get(output).map_or(DataType::Fp32, |output| output.datatype);
    Ok((Source::Score { output, column }, datatype))
}

fn count_column(
    counters: &Counters,
    feature: usize,
    data: &TensorData,
    offset: usize,
    stride: usize,
    missing: Option<&[u8]>,
) -> Result<(), CountsError> {
    match data {
        TensorData::Bool(v) => counters.count(feature, v, offset, stride),
        TensorData::Uint8(v) => counters.count(feature, v, offset, stride),
        TensorData::Uint16(v) => counters.count(feature, v, offset, stride),
        TensorData::Uint32(v) => counters.count(feature, v, offset, stride),
        TensorData::Uint64(v) => counters.count(feature, v, offset, stride),
        TensorData::Int8(v) => counters.count(feature, v, offset, stride),
        TensorData::Int16(v) => counters.count(feature, v, offset, stride),
        TensorData::Int32(v) => counters.count(feature, v, offset, stride),
        TensorData::Int64(v) => counters.count(feature, v, offset, stride),
        TensorData::Fp32(v) => counters.count(feature, v, offset, stride),
        TensorData::Fp64(v) => counters.count(feature, v, offset, stride),
        TensorData::Fp16(v) => {
            let values: Vec<f32> =
                v.iter().skip(offset).step_by(stride).map(|&bits| half::to_f32(bits)).collect();
            counters.count(feature, &values, 0, 1)
        }
        TensorData::Bytes(v) => counters.count_bytes(feature, v.iter().skip(offset).step_by(stride), missing),
    }
}
