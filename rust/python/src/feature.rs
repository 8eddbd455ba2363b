//! Features by role and name, and the numbers of an array.

use pyo3::prelude::*;
use tidegate_drift::{ReferenceProfile, Role};

use crate::argument::ArgumentError;
use crate::error::raise;

/// Does `$number` with the numbers of a tensor as `$values`, `$other` when it holds none.
macro_rules! with_numbers {
    ($data:expr, $values:ident => $number:expr, $other:expr) => {
        match $data {
            tidegate_model::TensorData::Bool($values) => $number,
            tidegate_model::TensorData::Uint8($values) => $number,
            tidegate_model::TensorData::Uint16($values) => $number,
            tidegate_model::TensorData::Uint32($values) => $number,
            tidegate_model::TensorData::Uint64($values) => $number,
            tidegate_model::TensorData::Int8($values) => $number,
            tidegate_model::TensorData::Int16($values) => $number,
            tidegate_model::TensorData::Int32($values) => $number,
            tidegate_model::TensorData::Int64($values) => $number,
            tidegate_model::TensorData::Fp32($values) => $number,
            tidegate_model::TensorData::Fp64($values) => $number,
            tidegate_model::TensorData::Fp16(_) | tidegate_model::TensorData::Bytes(_) => $other,
        }
    };
}
pub(crate) use with_numbers;

/// The role of that name.
pub(crate) fn role(py: Python<'_>, name: &str) -> PyResult<Role> {
    Role::from_name(name).ok_or_else(|| raise(py, &ArgumentError::Role(name.to_owned())))
}

/// Where the profile holds the feature of that name and role.
pub(crate) fn position(
    py: Python<'_>,
    profile: &ReferenceProfile,
    name: &str,
    role: &str,
) -> PyResult<usize> {
    let role = self::role(py, role)?;
    profile
        .position(role, name)
        .ok_or_else(|| raise(py, &ArgumentError::UnknownFeature { name: name.to_owned(), role: role.name() }))
}
