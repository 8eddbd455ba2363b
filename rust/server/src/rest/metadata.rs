//! What the server and its endpoints say about themselves.

use http::Response;
use serde::Serialize;
use tidegate_engine::Endpoint;
use tidegate_model::{Contract, DataType};

use crate::body::Answer;
use crate::fault::Fault;
use crate::{http_answer, plane};

#[derive(Serialize)]
struct Server {
    name: &'static str,
    version: &'static str,
    extensions: [&'static str; plane::EXTENSIONS.len()],
}

/// `GET /v2`
pub(super) fn server() -> Result<Response<Answer>, Fault> {
    http_answer::json(&Server { name: plane::NAME, version: plane::VERSION, extensions: plane::EXTENSIONS })
}

#[derive(Serialize)]
struct Model<'a> {
    name: &'a str,
    versions: Vec<&'a str>,
    platform: &'static str,
    inputs: Vec<Tensor<'a>>,
    outputs: Vec<Tensor<'a>>,
}

#[derive(Serialize)]
struct Tensor<'a> {
    name: &'a str,
    datatype: DataType,
    shape: &'a [i64],
}

/// `GET /v2/models/{m}`
pub(super) fn model(endpoint: &Endpoint) -> Result<Response<Answer>, Fault> {
    let Contract { inputs, outputs, .. } = &endpoint.contract;
    http_answer::json(&Model {
        name: &endpoint.name,
        versions: plane::versions(endpoint),
        platform: plane::PLATFORM,
        inputs: inputs
            .iter()
            .map(|t| Tensor { name: &t.name, datatype: t.datatype, shape: &t.shape })
            .collect(),
        outputs: outputs
            .iter()
            .map(|t| Tensor { name: &t.name, datatype: t.datatype, shape: &t.shape })
            .collect(),
    })
}

#[derive(Serialize)]
struct Described<'a> {
    id: &'a str,
    name: &'a str,
    generation: u64,
    contract: &'a Contract,
    variants: Vec<Variant<'a>>,
}

#[derive(Serialize)]
struct Variant<'a> {
    model: &'a str,
    version: &'a str,
    digest: &'a str,
    weight: f64,
    shadow: bool,
}

/// `GET /v1/endpoints/{e}`
pub(super) fn endpoint(endpoint: &Endpoint) -> Result<Response<Answer>, Fault> {
    http_answer::json(&Described {
        id: &endpoint.id,
        name: &endpoint.name,
        generation: endpoint.generation,
        contract: &endpoint.contract,
        variants: endpoint
            .variants
            .iter()
            .map(|variant| Variant {
                model: &variant.model,
                version: &variant.version,
                digest: &variant.digest,
                weight: variant.weight,
                shadow: variant.shadow,
            })
            .collect(),
    })
}
