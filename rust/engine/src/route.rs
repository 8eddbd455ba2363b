//! Which variant answers a request, and why.

use std::fmt::Write as _;

use tidegate_model::{Batch, TensorData};
use uuid::Uuid;

use crate::snapshot::Endpoint;
use crate::{EngineError, Route, ScoreRequest};

/// A choice of variant.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    /// Position in [`Endpoint::variants`].
    pub(crate) variant: usize,
    pub(crate) route: Route,
    /// Whether a key decided, so that it will decide the same again.
    pub(crate) sticky: bool,
    /// The key, as logged.
    pub(crate) key: Option<String>,
}

/// Chooses: a version asked for by name, else the owner of the key's slot, else that of the prediction id's slot.
pub(crate) fn choose(endpoint: &Endpoint, request: &ScoreRequest, id: Uuid) -> Result<Choice, EngineError> {
    let key = key(endpoint, request)?;
    if let Some(version) = &request.version {
        let variant = pinned(endpoint, request, version)?;
        return Ok(Choice { variant, route: Route::Pin, sticky: key.is_some(), key });
    }
    let routing = &endpoint.routing;
    let bytes = key.as_ref().map_or(id.as_bytes().as_slice(), |key| key.as_bytes());
    let slot = routing.table.slot(routing.seed, bytes);
    // The table owns every slot, and its owners were checked against the variants; 0 is never reached.
    let variant = usize::from(routing.table.owner(slot).unwrap_or(0));
    Ok(Choice { variant, route: Route::Weight, sticky: key.is_some(), key })
}

fn pinned(endpoint: &Endpoint, request: &ScoreRequest, version: &str) -> Result<usize, EngineError> {
    if !request.pin_allowed {
        return Err(EngineError::PinRefused {
            endpoint: endpoint.name.clone(),
            version: version.to_owned(),
            principal: request.principal.to_string(),
        });
    }
    endpoint.variants.iter().position(|variant| &*variant.version == version).ok_or_else(|| {
        EngineError::UnknownVersion {
            endpoint: endpoint.name.clone(),
            version: version.to_owned(),
            live: endpoint.variants.iter().map(|variant| variant.version.to_string()).collect(),
        }
    })
}

fn key(endpoint: &Endpoint, request: &ScoreRequest) -> Result<Option<String>, EngineError> {
    if let Some(key) = &request.routing_key {
        return text(key).map(Some);
    }
    let Some(index) = endpoint.routing.key else { return Ok(None) };
    let Some(column) = request.batch.context.get(index).and_then(Option::as_ref) else { return Ok(None) };
    if let Some(row) = first_difference(column, &request.batch) {
        let column = endpoint.contract.context.get(index).map_or_else(String::new, |spec| spec.name.clone());
        return Err(EngineError::KeyDiffers { column, row });
    }
    first(column)
}

fn text(key: &[u8]) -> Result<String, EngineError> {
    std::str::from_utf8(key).map(str::to_owned).map_err(|_| EngineError::KeyNotText)
}

/// The first row whose key differs from row 0.
fn first_difference(column: &TensorData, batch: &Batch) -> Option<usize> {
    let same = |equal: &dyn Fn(usize) -> bool| (1..batch.rows).find(|&row| !equal(row));
    match column {
        TensorData::Uint8(v) => same(&|row| v.get(row) == v.first()),
        TensorData::Uint16(v) => same(&|row| v.get(row) == v.first()),
        TensorData::Uint32(v) => same(&|row| v.get(row) == v.first()),
        TensorData::Uint64(v) => same(&|row| v.get(row) == v.first()),
        TensorData::Int8(v) => same(&|row| v.get(row) == v.first()),
        TensorData::Int16(v) => same(&|row| v.get(row) == v.first()),
        TensorData::Int32(v) => same(&|row| v.get(row) == v.first()),
        TensorData::Int64(v) => same(&|row| v.get(row) == v.first()),
        TensorData::Bytes(v) => same(&|row| v.get(row) == v.get(0)),
        // A contract refuses keys of these types.
        TensorData::Bool(_) | TensorData::Fp16(_) | TensorData::Fp32(_) | TensorData::Fp64(_) => None,
    }
}

/// The key of row 0: bytes as they are, integers in decimal.
fn first(column: &TensorData) -> Result<Option<String>, EngineError> {
    let mut decimal = String::new();
    let written = match column {
        TensorData::Uint8(v) => v.first().map(|x| write!(decimal, "{x}")),
        TensorData::Uint16(v) => v.first().map(|x| write!(decimal, "{x}")),
        TensorData::Uint32(v) => v.first().map(|x| write!(decimal, "{x}")),
        TensorData::Uint64(v) => v.first().map(|x| write!(decimal, "{x}")),
        TensorData::Int8(v) => v.first().map(|x| write!(decimal, "{x}")),
        TensorData::Int16(v) => v.first().map(|x| write!(decimal, "{x}")),
        TensorData::Int32(v) => v.first().map(|x| write!(decimal, "{x}")),
        TensorData::Int64(v) => v.first().map(|x| write!(decimal, "{x}")),
        TensorData::Bytes(v) => return v.get(0).map(text).transpose(),
        TensorData::Bool(_) | TensorData::Fp16(_) | TensorData::Fp32(_) | TensorData::Fp64(_) => None,
    };
    Ok(written.map(|_| decimal))
}
