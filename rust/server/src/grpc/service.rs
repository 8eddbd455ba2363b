//! The calls that nobody is in a hurry for: metadata and health, over the gRPC library.

use std::pin::Pin;
use std::sync::Arc;

use tidegate_model::{DataType, TensorSpec};
use tonic::codegen::tokio_stream::Stream;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::Health;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::status::status;
use crate::ErrorKind;
use crate::fault::Fault;
use crate::generated::inference::grpc_inference_service_server::GrpcInferenceService;
use crate::generated::inference::model_metadata_response::TensorMetadata;
use crate::generated::inference::{
    ModelInferRequest, ModelInferResponse, ModelMetadataRequest, ModelMetadataResponse, ModelReadyRequest,
    ModelReadyResponse, ServerLiveRequest, ServerLiveResponse, ServerMetadataRequest, ServerMetadataResponse,
    ServerReadyRequest, ServerReadyResponse,
};
use crate::plane::{self, Plane};

type Answered<T> = Result<Response<T>, Status>;

/// Both services; they read the plane and nothing else.
#[derive(Clone)]
pub(super) struct Service(pub(super) Arc<Plane>);

/// Runs `answer`, and turns its fault into a status that names the request.
fn call<Q, A>(request: Request<Q>, answer: impl FnOnce(Q) -> Result<A, Fault>) -> Answered<A> {
    let (metadata, _, message) = request.into_parts();
    answer(message).map(Response::new).map_err(|fault| status(&fault, metadata.as_ref()))
}

#[tonic::async_trait]
impl GrpcInferenceService for Service {
    async fn server_live(&self, request: Request<ServerLiveRequest>) -> Answered<ServerLiveResponse> {
        call(request, |_| Ok(ServerLiveResponse { live: true }))
    }

    async fn server_ready(&self, request: Request<ServerReadyRequest>) -> Answered<ServerReadyResponse> {
        call(request, |_| Ok(ServerReadyResponse { ready: self.0.ready().is_ok() }))
    }

    async fn model_ready(&self, request: Request<ModelReadyRequest>) -> Answered<ModelReadyResponse> {
        call(request, |asked| {
            self.0.endpoint_version(&asked.name, &asked.version)?;
            Ok(ModelReadyResponse { ready: self.0.ready().is_ok() })
        })
    }

    async fn server_metadata(
        &self,
        request: Request<ServerMetadataRequest>,
    ) -> Answered<ServerMetadataResponse> {
        call(request, |_| {
            Ok(ServerMetadataResponse {
                name: plane::NAME.into(),
                version: plane::VERSION.into(),
                extensions: plane::EXTENSIONS.map(Into::into).into(),
            })
        })
    }

    async fn model_metadata(
        &self,
        request: Request<ModelMetadataRequest>,
    ) -> Answered<ModelMetadataResponse> {
        call(request, |asked| {
            let endpoint = self.0.endpoint_version(&asked.name, &asked.version)?;
            let contract = &endpoint.contract;
            Ok(ModelMetadataResponse {
                name: endpoint.name.clone(),
                versions: plane::versions(&endpoint).into_iter().map(Into::into).collect(),
                platform: plane::PLATFORM.into(),
                inputs: contract.inputs.iter().map(|t| tensor(&t.name, t.datatype, &t.shape)).collect(),
                outputs: contract
                    .outputs
                    .iter()
                    .map(|TensorSpec { name, datatype, shape }| tensor(name, *datatype, shape))
                    .collect(),
                properties: std::collections::BTreeMap::new(),
            })
        })
    }

    /// The dispatcher answers `ModelInfer` before it comes here.
    async fn model_infer(&self, request: Request<ModelInferRequest>) -> Answered<ModelInferResponse> {
        call(request, |_| Err(unanswered("ModelInfer")))
    }
}

fn tensor(name: &str, datatype: DataType, shape: &[i64]) -> TensorMetadata {
    TensorMetadata { name: name.into(), datatype: datatype.name().into(), shape: shape.into() }
}

fn unanswered(method: &str) -> Fault {
    Fault::new(ErrorKind::UnknownCall, format!("'{method}' is not answered here"))
}

#[tonic::async_trait]
impl Health for Service {
    async fn check(&self, request: Request<HealthCheckRequest>) -> Answered<HealthCheckResponse> {
        call(request, |asked| {
            if !asked.service.is_empty() {
                self.0.endpoint(&asked.service)?;
            }
            let status =
                if self.0.ready().is_ok() { ServingStatus::Serving } else { ServingStatus::NotServing };
            Ok(HealthCheckResponse { status: status.into() })
        })
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Answered<Self::WatchStream> {
        call(request, |_| Err(unanswered("Watch")))
    }
}
