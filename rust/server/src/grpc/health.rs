//! The health protocol: of the server, of each service and of each endpoint, once or as it changes.

use tonic::{Request, Response};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::Health;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::service::{Answered, Service, call};
use super::watch::{Watched, watch};
use crate::ErrorKind;
use crate::fault::Fault;
use crate::plane::Plane;
use crate::readiness::Phase;

/// Names that stand for the server as a whole.
const WHOLE: [&str; 3] = ["", "inference.GRPCInferenceService", "tidegate.v1.Tidegate"];

/// The status of a service or an endpoint; `None` for what is neither.
fn serving(plane: &Plane, service: &str) -> Option<ServingStatus> {
    let phase = plane.readiness.phase();
    let known = WHOLE.contains(&service) || plane.engine.deployment().endpoint(service).is_some();
    match phase {
        Phase::Ready if known => Some(ServingStatus::Serving),
        Phase::Ready => None,
        // What is not known yet may come with the deployment.
        Phase::Starting => Some(ServingStatus::NotServing),
        Phase::Draining => known.then_some(ServingStatus::NotServing),
    }
}

#[tonic::async_trait]
impl Health for Service {
    async fn check(&self, request: Request<HealthCheckRequest>) -> Answered<HealthCheckResponse> {
        call(request, |asked| {
            if let Some(status) = serving(&self.0, &asked.service) {
                return Ok(HealthCheckResponse { status: status.into() });
            }
            self.0.endpoint(&asked.service)?;
            Err(Fault::new(ErrorKind::Unavailable, "the deployment changes; ask again"))
        })
    }

    type WatchStream = Watched<HealthCheckResponse>;

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Answered<Self::WatchStream> {
        let (metadata, _, asked) = request.into_parts();
        let mut said = None;
        let statuses = watch(&self.0, metadata, move |plane| {
            let status = serving(plane, &asked.service).unwrap_or(ServingStatus::ServiceUnknown);
            let new = said.replace(status) != Some(status);
            new.then_some(HealthCheckResponse { status: status.into() })
        });
        Ok(Response::new(statuses))
    }
}
