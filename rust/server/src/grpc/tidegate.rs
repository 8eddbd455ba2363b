//! Tidegate's own calls beside scoring: feedback, drift, the deployment as it changes.

use std::sync::Arc;

use tidegate_engine::Label as EngineLabel;
use tonic::{Request, Response};
use uuid::Uuid;

use super::service::{Answered, Service, call, unanswered};
use super::status::status;
use super::watch::{Watched, watch};
use crate::admission::Caller;
use crate::fault::Fault;
use crate::generated::tidegate_v1::deployment::{Endpoint, Variant};
use crate::generated::tidegate_v1::tidegate_server::Tidegate;
use crate::generated::tidegate_v1::{
    Deployment, DriftRequest, DriftResponse, FeedbackRequest, FeedbackResponse, Label, ScoreRequest,
    ScoreResponse, WatchDeploymentRequest,
};
use crate::plane::Plane;

#[tonic::async_trait]
impl Tidegate for Service {
    /// The dispatcher answers it before it comes here.
    async fn score(&self, request: Request<ScoreRequest>) -> Answered<ScoreResponse> {
        call(request, |_| Err(unanswered("Score")))
    }

    async fn feedback(&self, request: Request<FeedbackRequest>) -> Answered<FeedbackResponse> {
        let (metadata, extensions, asked) = request.into_parts();
        let principal =
            extensions.get::<Caller>().map_or_else(|| "".into(), |caller| Arc::clone(&caller.principal));
        let taken = feedback(&self.0, asked, &principal).await;
        taken.map(Response::new).map_err(|fault| status(&fault, metadata.as_ref()))
    }

    async fn drift(&self, request: Request<DriftRequest>) -> Answered<DriftResponse> {
        let (metadata, _, asked) = request.into_parts();
        let plane = Arc::clone(&self.0);
        // Adding up large counters must not hold up who scores on this thread.
        let counted = tokio::task::spawn_blocking(move || {
            plane.endpoint(&asked.endpoint)?;
            Ok(DriftResponse { counts: plane.engine.counts_ipc(&asked.endpoint)?.into() })
        });
        let counted = counted.await.unwrap_or_else(|error| Err(Fault::internal(&error)));
        counted.map(Response::new).map_err(|fault| status(&fault, metadata.as_ref()))
    }

    type WatchDeploymentStream = Watched<Deployment>;

    async fn watch_deployment(
        &self,
        request: Request<WatchDeploymentRequest>,
    ) -> Answered<Self::WatchDeploymentStream> {
        let (metadata, ..) = request.into_parts();
        let mut said = None;
        let deployments = watch(&self.0, metadata, move |plane| {
            let live = plane.engine.deployment();
            let new = said.replace(live.generation) != Some(live.generation);
            new.then(|| described(&live))
        });
        Ok(Response::new(deployments))
    }
}

async fn feedback(
    plane: &Plane,
    asked: FeedbackRequest,
    principal: &Arc<str>,
) -> Result<FeedbackResponse, Fault> {
    if asked.labels.is_empty() {
        return Err(Fault::invalid("'labels' is empty"));
    }
    let endpoint = match asked.endpoint.as_str() {
        "" => plane.implied_endpoint()?,
        name => plane.endpoint(name)?,
    };
    let labels = asked.labels.into_iter().enumerate();
    let labels: Vec<_> =
        labels.map(|(index, label)| read(index, label, principal)).collect::<Result<_, _>>()?;
    let accepted = labels.len() as u64;
    plane.feedback(&endpoint.name, labels).await?;
    Ok(FeedbackResponse { accepted })
}

pub(super) fn read(index: usize, label: Label, principal: &Arc<str>) -> Result<EngineLabel, Fault> {
    let prediction_id = Uuid::parse_str(&label.prediction_id).map_err(|_| {
        let shown: String = label.prediction_id.chars().take(80).collect();
        Fault::invalid(format!("label {index}: prediction_id '{shown}' is no UUID"))
    })?;
    let event_id = match label.event_id {
        empty if empty.is_empty() => format!("{prediction_id}/{}", label.row),
        given => given,
    };
    let (row, label, observed_at) = (label.row, label.label, label.observed_at);
    let principal = Arc::clone(principal);
    Ok(EngineLabel { prediction_id, row, label, event_id, observed_at, principal })
}

fn described(live: &tidegate_engine::Deployment) -> Deployment {
    let variant = |variant: &Arc<tidegate_engine::Variant>| Variant {
        model: variant.model.to_string(),
        version: variant.version.to_string(),
        digest: variant.digest.to_string(),
        weight: variant.weight,
        shadow: variant.shadow,
    };
    let endpoint = |endpoint: &Arc<tidegate_engine::Endpoint>| Endpoint {
        name: endpoint.name.clone(),
        variants: endpoint.variants.iter().map(variant).collect(),
    };
    Deployment {
        generation: live.generation,
        default_endpoint: live.default_endpoint.as_ref().map_or_else(String::new, |found| found.name.clone()),
        endpoints: live.endpoints().iter().map(endpoint).collect(),
    }
}
