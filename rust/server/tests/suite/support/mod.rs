//! What the tests share: fake models, a home, a running server, clients.

pub(crate) mod collector;
pub(crate) mod control;
pub(crate) mod grpc_call;
pub(crate) mod home;
pub(crate) mod http;
pub(crate) mod keys;
pub(crate) mod scorer;
pub(crate) mod server;

use std::net::SocketAddr;

use tonic::transport::Channel;

use crate::generated::inference::grpc_inference_service_client::GrpcInferenceServiceClient;

/// A connected gRPC channel. Its task must live on while the test's thread waits for the server's end, or the server
/// waits for it in vain: such tests need a runtime with more than one thread.
pub(crate) async fn channel(address: SocketAddr) -> Channel {
    Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

pub(crate) async fn grpc(address: SocketAddr) -> GrpcInferenceServiceClient<Channel> {
    GrpcInferenceServiceClient::new(channel(address).await)
}
