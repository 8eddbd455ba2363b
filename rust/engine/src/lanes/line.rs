//! One variant as those see it who wait for it; it outlives deployments.

use super::tally::Tally;
use crate::status::LaneStatus;

/// What is known about waiting for a variant.
#[derive(Debug, Default)]
pub(crate) struct Line {
    pub(crate) tally: Tally,
}

impl Line {
    pub(crate) fn status(&self) -> LaneStatus {
        LaneStatus { expired: self.tally.expired.get() }
    }
}
