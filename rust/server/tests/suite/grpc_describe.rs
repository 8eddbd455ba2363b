//! Statistics, configuration, repository and reflection, by generated clients.

use prost::Message as _;
use tonic::Code;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1alpha;

use crate::generated::inference::{
    DataType, ModelConfigRequest, ModelStatistics, ModelStatisticsRequest, RepositoryIndexRequest,
    RepositoryModelLoadRequest, RepositoryModelUnloadRequest,
};
use crate::grpc::typed;
use crate::support::home::{Home, deployment};
use crate::support::http::post;
use crate::support::server::Running;
use crate::support::{channel, grpc};

fn counts(stats: &ModelStatistics) -> [u64; 8] {
    let parts = stats.inference_stats.as_ref().unwrap();
    let count = |duration: &Option<crate::generated::inference::StatisticDuration>| duration.unwrap().count;
    [
        stats.inference_count,
        stats.execution_count,
        count(&parts.success),
        count(&parts.fail),
        count(&parts.queue),
        count(&parts.compute_input),
        count(&parts.compute_infer),
        count(&parts.compute_output),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_equal_what_clients_counted() {
    let home = Home::served();
    home.keep(&deployment(2, &["bias:0.25", "bias:0.5"]));
    let server = Running::start(home.path(), |_| {}).await;
    let mut client = grpc(server.addresses.data).await;
    for _ in 0..11 {
        client.model_infer(typed("flight-delay")).await.unwrap();
    }
    let mut pinned = typed("flight-delay");
    pinned.model_version = "1".into();
    client.model_infer(pinned).await.unwrap();
    for _ in 0..3 {
        client.model_infer(typed("broken")).await.unwrap_err();
        let mut refused = typed("broken");
        refused.inputs.pop();
        client.model_infer(refused).await.unwrap_err();
    }
    let two = r#"{"records": [{"distance": 1, "wind": 5, "carrier": "UA"}, {"distance": 1, "wind": 5, "carrier": "AA"}]}"#;
    assert_eq!(post(server.addresses.data, "/v1/endpoints/flight-delay/score", two).await.status, 200);

    let ask =
        |name: &str, version: &str| ModelStatisticsRequest { name: name.into(), version: version.into() };
    let all = client.model_statistics(ask("", "")).await.unwrap().into_inner().model_stats;
    let named: Vec<_> = all.iter().map(|stats| (&*stats.name, &*stats.version)).collect();
    assert_eq!(named, [("flight-delay", "1"), ("flight-delay", "2"), ("broken", "1"), ("slow", "1")]);
    assert_eq!(counts(&all[0]), [1, 1, 1, 0, 1, 1, 1, 1]);
    assert_eq!(counts(&all[1]), [13, 12, 12, 0, 12, 12, 12, 12]);
    assert_eq!(counts(&all[2]), [0, 0, 0, 3, 0, 0, 0, 0], "what never reached the model is not its failure");
    assert_eq!(counts(&all[3]), [0; 8]);
    assert_eq!((all[3].last_inference, all[1].last_inference > 1_700_000_000_000), (0, true));
    let sizes: Vec<_> = all[1]
        .batch_stats
        .iter()
        .map(|batch| (batch.batch_size, batch.compute_infer.unwrap().count))
        .collect();
    assert_eq!(sizes, [(1, 11), (2, 1)]);
    let parts = all[1].inference_stats.as_ref().unwrap();
    let sum: u64 = [&parts.queue, &parts.compute_input, &parts.compute_infer, &parts.compute_output]
        .map(|part| part.unwrap().ns)
        .iter()
        .sum();
    assert_eq!(parts.success.unwrap().ns, sum);

    let one = client.model_statistics(ask("flight-delay", "2")).await.unwrap().into_inner().model_stats;
    assert_eq!(one, [all[1].clone()]);
    assert_eq!(client.model_statistics(ask("nobody", "")).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(client.model_statistics(ask("broken", "9")).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn configuration_and_repository() {
    let home = Home::served();
    let server = Running::start(home.path(), |_| {}).await;
    let mut client = grpc(server.addresses.data).await;
    let ask = |version: &str| ModelConfigRequest { name: "flight-delay".into(), version: version.into() };
    let config = client.model_config(ask("")).await.unwrap().into_inner().config.unwrap();
    assert_eq!(
        (&*config.name, &*config.platform, &*config.backend),
        ("flight-delay", "onnxruntime_onnx", "onnxruntime")
    );
    assert!(config.max_batch_size > 1);
    let inputs: Vec<_> = config
        .input
        .iter()
        .map(|input| (&*input.name, input.data_type(), &*input.dims, input.optional))
        .collect();
    let expected: [(&str, DataType, &[i64], bool); 2] =
        [("x", DataType::TypeFp32, &[2], false), ("carrier", DataType::TypeString, &[1], false)];
    assert_eq!(inputs, expected);
    assert_eq!((config.output[2].data_type(), &*config.output[2].dims), (DataType::TypeFp32, &[2_i64][..]));
    assert_eq!(client.model_config(ask("7")).await.unwrap_err().code(), Code::NotFound);

    let index = client.repository_index(RepositoryIndexRequest::default()).await.unwrap().into_inner().models;
    let listed: Vec<_> = index.iter().map(|model| (&*model.name, &*model.version, &*model.state)).collect();
    assert_eq!(listed, [("flight-delay", "1", "READY"), ("broken", "1", "READY"), ("slow", "1", "READY")]);
    let load = client.repository_model_load(RepositoryModelLoadRequest::default()).await.unwrap_err();
    let unload = client.repository_model_unload(RepositoryModelUnloadRequest::default()).await.unwrap_err();
    for status in [load, unload] {
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert!(status.message().contains("`promote`"), "{}", status.message());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_reflections_describe_every_service() {
    let home = Home::served();
    let server = Running::start(home.path(), |_| {}).await;
    let ask = |message| ServerReflectionRequest { host: String::new(), message_request: Some(message) };
    let questions = [
        MessageRequest::ListServices(String::new()),
        MessageRequest::FileContainingSymbol("tidegate.v1.Tidegate".into()),
        MessageRequest::FileContainingSymbol("inference.ModelInferRequest".into()),
    ];
    let mut client = ServerReflectionClient::new(channel(server.addresses.data).await);
    let asked = futures_util::stream::iter(questions.map(ask));
    let mut answers = client.server_reflection_info(asked).await.unwrap().into_inner();
    let mut next = async || answers.message().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(services) = next().await else { panic!("no list") };
    let mut names: Vec<_> = services.service.iter().map(|service| service.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "grpc.health.v1.Health",
            "grpc.reflection.v1.ServerReflection",
            "inference.GRPCInferenceService",
            "tidegate.v1.Tidegate"
        ]
    );
    for expected in ["tidegate.proto", "inference.proto"] {
        let MessageResponse::FileDescriptorResponse(files) = next().await else { panic!("no file") };
        let file = prost_types::FileDescriptorProto::decode(&*files.file_descriptor_proto[0]).unwrap();
        assert_eq!(file.name(), expected);
    }

    let mut older =
        v1alpha::server_reflection_client::ServerReflectionClient::new(channel(server.addresses.data).await);
    let list = v1alpha::server_reflection_request::MessageRequest::ListServices(String::new());
    let ask = v1alpha::ServerReflectionRequest { host: String::new(), message_request: Some(list) };
    let mut answers =
        older.server_reflection_info(futures_util::stream::iter([ask])).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response.unwrap();
    let v1alpha::server_reflection_response::MessageResponse::ListServicesResponse(services) = answer else {
        panic!("no list")
    };
    assert!(services.service.iter().any(|service| service.name == "inference.GRPCInferenceService"));
}
