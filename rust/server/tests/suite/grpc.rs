//! Every gRPC call, by the generated client.

use std::collections::BTreeMap;

use bytes::Bytes;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::generated::inference::infer_parameter::ParameterChoice;
use crate::generated::inference::model_infer_request::{InferInputTensor, InferRequestedOutputTensor};
use crate::generated::inference::{
    InferParameter, InferTensorContents, ModelInferRequest, ModelMetadataRequest, ModelReadyRequest,
    ServerLiveRequest, ServerMetadataRequest, ServerReadyRequest,
};
use crate::support::home::Home;
use crate::support::server::Running;
use crate::support::{channel, grpc};

fn input(
    name: &str,
    datatype: &str,
    shape: &[i64],
    contents: Option<InferTensorContents>,
) -> InferInputTensor {
    InferInputTensor {
        name: name.into(),
        datatype: datatype.into(),
        shape: shape.into(),
        parameters: BTreeMap::new(),
        contents,
    }
}

pub(crate) fn typed(model: &str) -> ModelInferRequest {
    let x = InferTensorContents { fp32_contents: vec![1.0, 5.0], ..Default::default() };
    let carrier = InferTensorContents { bytes_contents: vec!["UA".into()], ..Default::default() };
    ModelInferRequest {
        model_name: model.into(),
        id: "mine".into(),
        inputs: vec![input("x", "FP32", &[1, 2], Some(x)), input("carrier", "BYTES", &[1, 1], Some(carrier))],
        ..Default::default()
    }
}

fn text(parameters: &BTreeMap<String, InferParameter>, name: &str) -> String {
    match &parameters[name].parameter_choice {
        Some(ParameterChoice::StringParam(text)) => text.clone(),
        other => panic!("{name}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_metadata() {
    let home = Home::served();
    let server = Running::start(home.path(), |_| {}).await;
    let mut client = grpc(server.addresses.data).await;
    assert!(client.server_live(ServerLiveRequest {}).await.unwrap().into_inner().live);
    assert!(client.server_ready(ServerReadyRequest {}).await.unwrap().into_inner().ready);
    let metadata = client.server_metadata(ServerMetadataRequest {}).await.unwrap().into_inner();
    let extensions = [
        "binary_tensor_data",
        "model_repository",
        "statistics",
        "model_configuration",
        "schedule_policy",
        "parameters",
    ];
    assert_eq!((&*metadata.name, &*metadata.extensions), ("tidegate", &extensions.map(str::to_owned)[..]));
    let ask = |version: &str| ModelReadyRequest { name: "flight-delay".into(), version: version.into() };
    assert!(client.model_ready(ask("")).await.unwrap().into_inner().ready);
    assert!(client.model_ready(ask("1")).await.unwrap().into_inner().ready);
    assert_eq!(client.model_ready(ask("2")).await.unwrap_err().code(), Code::NotFound);
    let ask = ModelMetadataRequest { name: "flight-delay".into(), version: String::new() };
    let model = client.model_metadata(ask).await.unwrap().into_inner();
    assert_eq!((&*model.platform, &*model.versions), ("onnx_onnxv1", &["1".to_owned()][..]));
    assert_eq!(model.inputs[0].shape, [-1, 2]);
    assert_eq!(model.outputs[2].name, "probabilities");

    let mut health = HealthClient::new(channel(server.addresses.data).await);
    for service in ["", "flight-delay"] {
        let reply = health.check(HealthCheckRequest { service: service.into() }).await.unwrap();
        assert_eq!(reply.into_inner().status(), ServingStatus::Serving);
    }
    let unknown = health.check(HealthCheckRequest { service: "nobody".into() }).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn infer_typed_and_raw() {
    let home = Home::served();
    let server = Running::start(home.path(), |_| {}).await;
    let mut client = grpc(server.addresses.data).await;
    let reply = client.model_infer(typed("flight-delay")).await.unwrap();
    let id = reply.metadata().get("tidegate-prediction-id").unwrap().to_str().unwrap().to_owned();
    let answer = reply.into_inner();
    assert_eq!((&*answer.model_name, &*answer.model_version, &*answer.id), ("flight-delay", "1", "mine"));
    assert_eq!(text(&answer.parameters, "prediction_id"), id);
    assert_eq!(text(&answer.parameters, "route"), "weight");
    assert_eq!(answer.parameters["generation"].parameter_choice, Some(ParameterChoice::Int64Param(1)));
    assert!(answer.raw_output_contents.is_empty());
    assert_eq!(answer.outputs[0].contents.as_ref().unwrap().bytes_contents, ["UA"]);
    assert_eq!(answer.outputs[1].contents.as_ref().unwrap().int64_contents, [2]);
    assert_eq!(answer.outputs[2].contents.as_ref().unwrap().fp32_contents, [0.6, 0.4]);
    assert_eq!(answer.outputs[2].shape, [1, 2]);

    let mut raw = typed("flight-delay");
    raw.inputs.iter_mut().for_each(|input| input.contents = None);
    let x: Vec<u8> = [1.0_f32, 5.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    raw.raw_input_contents = vec![x.into(), Bytes::from_static(b"\x02\0\0\0UA")];
    raw.outputs =
        vec![InferRequestedOutputTensor { name: "probabilities".into(), parameters: BTreeMap::new() }];
    raw.model_version = "1".into();
    let answer = client.model_infer(raw).await.unwrap().into_inner();
    let expected: Vec<u8> = [0.6_f32, 0.4].iter().flat_map(|value| value.to_le_bytes()).collect();
    assert_eq!(answer.raw_output_contents, [expected]);
    assert_eq!(answer.outputs[0].contents, None);
    assert_eq!(text(&answer.parameters, "route"), "pin");
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_carry_the_table_s_code_and_a_request_id() {
    let home = Home::served();
    let server = Running::start(home.path(), |_| {}).await;
    let mut client = grpc(server.addresses.data).await;
    let wrong_type = {
        let mut request = typed("flight-delay");
        request.inputs[0].datatype = "FP64".into();
        request
    };
    let wrong_key = {
        let mut request = typed("flight-delay");
        let float = InferParameter { parameter_choice: Some(ParameterChoice::DoubleParam(1.5)) };
        request.parameters.insert("routing_key".into(), float);
        request
    };
    for (request, code, expected) in [
        (wrong_type, Code::InvalidArgument, "input 'x' is FP64; its elements belong into fp64_contents"),
        (wrong_key, Code::InvalidArgument, "'routing_key' must be a string or an integer"),
        (typed("nobody"), Code::NotFound, "unknown endpoint 'nobody'; there are: flight-delay, broken, slow"),
        (typed("broken"), Code::Internal, "version 1 of endpoint 'broken' failed"),
    ] {
        let mut request = Request::new(request);
        request.metadata_mut().insert("x-request-id", "mine-1".parse().unwrap());
        let status = client.model_infer(request).await.unwrap_err();
        assert_eq!(status.code(), code, "{status:?}");
        assert!(status.message().contains(expected), "{}", status.message());
        assert_eq!(status.metadata().get("x-request-id").unwrap(), "mine-1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_never_spoken_says_why() {
    let home = Home::served();
    let server = Running::start(home.path(), |_| {}).await;
    let mut grpc = tonic::client::Grpc::new(channel(server.addresses.data).await);
    for (path, expected) in [
        (
            "/inference.GRPCInferenceService/CudaSharedMemoryStatus",
            "'CudaSharedMemoryStatus' is not answered here: no memory is shared",
        ),
        (
            "/inference.GRPCInferenceService/TraceSetting",
            "'TraceSetting' is not answered here: traces and logs are set",
        ),
        (
            "/inference.GRPCInferenceService/Nothing",
            "nothing answers at '/inference.GRPCInferenceService/Nothing'",
        ),
        ("/tidegate.v2.Tidegate/Score", "nothing answers at"),
    ] {
        grpc.ready().await.unwrap();
        let codec = tonic_prost::ProstCodec::<ServerLiveRequest, ServerLiveRequest>::default();
        let status =
            grpc.unary(Request::new(ServerLiveRequest {}), path.parse().unwrap(), codec).await.unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented, "{path}: {status:?}");
        assert!(status.message().starts_with(expected), "{}", status.message());
        assert!(status.metadata().contains_key("x-request-id"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_be_misread_is_refused_by_name() {
    let home = Home::served();
    let server = Running::start(home.path(), |_| {}).await;
    let mut client = grpc(server.addresses.data).await;
    let parameter = |choice| InferParameter { parameter_choice: Some(choice) };
    let mut classes = typed("flight-delay");
    classes.outputs = vec![InferRequestedOutputTensor {
        name: "probabilities".into(),
        parameters: [("classification".to_owned(), parameter(ParameterChoice::Int64Param(1)))].into(),
    }];
    let mut shared = typed("flight-delay");
    let region = parameter(ParameterChoice::StringParam("r".into()));
    shared.inputs[0].parameters.insert("shared_memory_region".into(), region);
    let mut hurried = typed("flight-delay");
    hurried.parameters.insert("timeout".into(), parameter(ParameterChoice::BoolParam(true)));
    let mut unknown = typed("flight-delay");
    unknown.outputs = vec![InferRequestedOutputTensor { name: "p".into(), ..Default::default() }];
    for (request, expected) in [
        (classes, "output 'probabilities' asks for classification"),
        (shared, "input 'x' is in shared memory"),
        (hurried, "parameter 'timeout' must be an integer"),
        (unknown, "unknown output 'p'; the endpoint gives: echo, length, probabilities"),
    ] {
        let status = client.model_infer(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
        assert!(status.message().starts_with(expected), "{}", status.message());
    }
    let mut passed_over = typed("flight-delay");
    passed_over.parameters.insert("sequence_id".into(), parameter(ParameterChoice::DoubleParam(1.5)));
    passed_over.parameters.insert("priority".into(), parameter(ParameterChoice::Uint64Param(2)));
    assert!(client.model_infer(passed_over).await.is_ok());
}
