//! Which variant answers a request, and why.

use uuid::Uuid;

use crate::key::{self, Strided};
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

/// Chooses: a version asked for by name, else that of the first rule that is met, else the owner of the key's slot,
/// else that of the prediction id's slot.
pub(crate) fn choose(endpoint: &Endpoint, request: &ScoreRequest, id: Uuid) -> Result<Choice, EngineError> {
    let key = key(endpoint, request)?;
    if let Some(version) = &request.version {
        let variant = pinned(endpoint, request, version)?;
        return Ok(Choice { variant, route: Route::Pin, sticky: key.is_some(), key });
    }
    let routing = &endpoint.routing;
    if let Some(variant) = routing.rules.choose(&endpoint.contract, &request.batch, request.headers)? {
        return Ok(Choice { variant, route: Route::Rule, sticky: false, key });
    }
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
        return key::text(key).map(Some);
    }
    let Some(index) = endpoint.routing.key else { return Ok(None) };
    let Some(data) = request.batch.context.get(index).and_then(Option::as_ref) else { return Ok(None) };
    let column = Strided { data, offset: 0, stride: 1, rows: request.batch.rows };
    if let Some(row) = column.first_difference() {
        let column = endpoint.contract.context.get(index).map_or_else(String::new, |spec| spec.name.clone());
        return Err(EngineError::KeyDiffers { column, row });
    }
    column.text()
}
