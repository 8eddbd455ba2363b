//! The calls of the inference protocol that nobody is in a hurry for, over the gRPC library.

use std::sync::Arc;

use futures_util::stream::Empty;
use tidegate_model::{DataType, TensorSpec};
use tonic::{Request, Response, Status, Streaming};

use super::describe;
use super::status::status;
use crate::ErrorKind;
use crate::fault::Fault;
use crate::generated::inference::grpc_inference_service_server::GrpcInferenceService;
use crate::generated::inference::model_metadata_response::TensorMetadata;
use crate::generated::inference::{
    ModelConfigRequest, ModelConfigResponse, ModelInferRequest, ModelInferResponse, ModelMetadataRequest,
    ModelMetadataResponse, ModelReadyRequest, ModelReadyResponse, ModelStatisticsRequest,
    ModelStatisticsResponse, ModelStreamInferResponse, RepositoryIndexRequest, RepositoryIndexResponse,
    RepositoryModelLoadRequest, RepositoryModelLoadResponse, RepositoryModelUnloadRequest,
    RepositoryModelUnloadResponse, ServerLiveRequest, ServerLiveResponse, ServerMetadataRequest,
    ServerMetadataResponse, ServerReadyRequest, ServerReadyResponse,
};
use crate::plane::{self, Plane};
use crate::{repository, statistics};

pub(super) type Answered<T> = Result<Response<T>, Status>;

/// All services of the library; they read the plane and nothing else.
#[derive(Clone)]
pub(super) struct Service(pub(super) Arc<Plane>);

/// Runs `answer`, and turns its fault into a status that names the request.
pub(super) fn call<Q, A>(request: Request<Q>, answer: impl FnOnce(Q) -> Result<A, Fault>) -> Answered<A> {
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

    async fn model_config(&self, request: Request<ModelConfigRequest>) -> Answered<ModelConfigResponse> {
        call(request, |asked| {
            let endpoint = self.0.endpoint_version(&asked.name, &asked.version)?;
            Ok(ModelConfigResponse { config: Some(describe::config(&endpoint)) })
        })
    }

    async fn model_statistics(
        &self,
        request: Request<ModelStatisticsRequest>,
    ) -> Answered<ModelStatisticsResponse> {
        call(request, |asked| {
            let stats = statistics::statistics(&self.0, &asked.name, &asked.version)?;
            Ok(ModelStatisticsResponse { model_stats: stats.into_iter().map(describe::statistics).collect() })
        })
    }

    async fn repository_index(
        &self,
        request: Request<RepositoryIndexRequest>,
    ) -> Answered<RepositoryIndexResponse> {
        call(request, |asked| {
            let entries = repository::index(&self.0, asked.ready).into_iter();
            Ok(RepositoryIndexResponse { models: entries.map(describe::entry).collect() })
        })
    }

    async fn repository_model_load(
        &self,
        request: Request<RepositoryModelLoadRequest>,
    ) -> Answered<RepositoryModelLoadResponse> {
        call(request, |_| Err(Plane::repository_refuses("load")))
    }

    async fn repository_model_unload(
        &self,
        request: Request<RepositoryModelUnloadRequest>,
    ) -> Answered<RepositoryModelUnloadResponse> {
        call(request, |_| Err(Plane::repository_refuses("unload")))
    }

    /// The dispatcher answers this and the next before they come here.
    async fn model_infer(&self, request: Request<ModelInferRequest>) -> Answered<ModelInferResponse> {
        call(request, |_| Err(unanswered("ModelInfer")))
    }

    type ModelStreamInferStream = Empty<Result<ModelStreamInferResponse, Status>>;

    async fn model_stream_infer(
        &self,
        request: Request<Streaming<ModelInferRequest>>,
    ) -> Answered<Self::ModelStreamInferStream> {
        call(request, |_| Err(unanswered("ModelStreamInfer")))
    }
}

fn tensor(name: &str, datatype: DataType, shape: &[i64]) -> TensorMetadata {
    TensorMetadata { name: name.into(), datatype: datatype.name().into(), shape: shape.into() }
}

pub(super) fn unanswered(method: &str) -> Fault {
    Fault::new(ErrorKind::UnknownCall, format!("'{method}' is not answered here"))
}
