//! One scored request on its way to the log.

use std::sync::Arc;

use tidegate_model::{Batch, Tensor, TensorData};
use uuid::Uuid;

use crate::Route;
use crate::snapshot::{Endpoint, Variant};

/// What all rows of a request share, whoever scored it.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) id: Uuid,
    /// The place of the variant that answered.
    pub(crate) variant: usize,
    pub(crate) route: Route,
    pub(crate) sticky: bool,
    pub(crate) client_id: Option<String>,
    pub(crate) principal: Arc<str>,
    pub(crate) key: Option<String>,
    pub(crate) event_time: i64,
    pub(crate) received_at: i64,
    pub(crate) batch: Batch,
}

/// Whose outputs a row holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowRole {
    Answer,
    /// Of a variant that never answers.
    Shadow,
    /// Of a variant that answers other requests.
    Mirror,
}

impl RowRole {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Shadow => "shadow",
            Self::Mirror => "mirror",
        }
    }
}

/// A request and the outputs of one variant.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) request: Arc<Request>,
    pub(crate) variant: Arc<Variant>,
    pub(crate) role: RowRole,
    /// In the order of the contract.
    pub(crate) outputs: Arc<Vec<Tensor>>,
}

impl Request {
    /// What the request holds in memory, about.
    pub(crate) fn bytes(&self) -> usize {
        let context = self.batch.context.iter().flatten();
        let tensors = self.batch.inputs.iter().map(|tensor| &tensor.data).chain(context);
        size_of::<Self>() + tensors.map(data_bytes).sum::<usize>()
    }
}

impl Record {
    pub(crate) fn rows(&self) -> usize {
        self.request.batch.rows
    }

    /// Whether the endpoint's policy keeps it.
    pub(crate) fn kept(&self) -> bool {
        self.request.endpoint.policy.keeps(self.request.id)
    }

    /// What the record keeps in memory, about.
    pub(crate) fn bytes(&self) -> usize {
        let outputs: usize = self.outputs.iter().map(|tensor| data_bytes(&tensor.data)).sum();
        size_of::<Self>() + self.request.bytes() + outputs
    }
}

pub(crate) fn data_bytes(data: &TensorData) -> usize {
    match (data.datatype().size(), data) {
        (Some(size), _) => size * data.len(),
        (None, TensorData::Bytes(column)) => {
            column.iter().map(|value| value.len() + size_of::<usize>()).sum()
        }
        (None, _) => 0,
    }
}
