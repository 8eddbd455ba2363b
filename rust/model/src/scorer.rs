//! The trait behind which every inference engine stands.

use crate::{Signature, Stop, Tensor};

/// Why a model did not score a batch.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// The batch does not fit the signature; the caller checked nothing.
    #[error("the batch does not fit the model's signature: {0}")]
    Mismatch(String),
    /// The engine refused or failed while running the graph.
    #[error("the model failed to run")]
    Run(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The run was ended because nobody waits for its answer.
    #[error("the run was ended before its time")]
    Stopped,
}

/// A loaded model. Shared by all threads; `score` takes no lock.
pub trait Scorer: Send + Sync {
    /// The model's inputs and outputs.
    fn signature(&self) -> &Signature;

    /// Scores `rows` rows. `inputs` stand in signature order, each with `rows` as its first dimension;
    /// the answer holds the outputs in signature order.
    ///
    /// # Errors
    /// [`ScoreError`] when the inputs do not fit or the graph fails.
    fn score(&self, rows: usize, inputs: &[&Tensor]) -> Result<Vec<Tensor>, ScoreError>;

    /// Scores like [`Scorer::score`], and ends early when `stop` says so, where the engine knows how to.
    ///
    /// # Errors
    /// Those of [`Scorer::score`], and [`ScoreError::Stopped`].
    fn score_until(&self, rows: usize, inputs: &[&Tensor], stop: &Stop) -> Result<Vec<Tensor>, ScoreError> {
        if stop.stopped() {
            return Err(ScoreError::Stopped);
        }
        self.score(rows, inputs)
    }

    /// Whether the number of rows alone bounds the work of a run. What a model without this is given may keep it busy for
    /// ever, so it must run where it can be ended.
    fn bounded(&self) -> bool {
        true
    }
}
