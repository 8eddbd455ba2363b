//! Which requests leave a trace: as their parent decided, else a share of them, chosen by the trace's id.

use super::context::{Parent, SpanId, TraceId};

/// What is decided of a request before anything else is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Context {
    pub(crate) trace: TraceId,
    pub(super) parent: Option<SpanId>,
    pub(super) sampled: bool,
}

/// Chooses the same traces as every other service with the same share (OpenTelemetry's `TraceIdRatioBased`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Sampler {
    /// Of the 2^63 values that the end of an id can have, those below are chosen.
    below: u64,
}

impl Sampler {
    /// `ratio` is between 0 and 1.
    pub(super) fn new(ratio: f64) -> Self {
        Self { below: (ratio * (1_u64 << 63) as f64) as u64 }
    }

    pub(super) fn decide(self, parent: Option<Parent>) -> Context {
        if let Some(Parent { trace, span, sampled }) = parent {
            return Context { trace, parent: Some(span), sampled };
        }
        let trace = TraceId(rand::random::<u128>().max(1));
        Context { trace, parent: None, sampled: self.chooses(trace) }
    }

    fn chooses(self, TraceId(id): TraceId) -> bool {
        (id as u64) >> 1 < self.below
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_decides() {
        for sampled in [false, true] {
            let parent = Parent { trace: TraceId(7), span: SpanId(9), sampled };
            let expected = Context { trace: TraceId(7), parent: Some(SpanId(9)), sampled };
            for ratio in [0.0, 1.0] {
                assert_eq!(Sampler::new(ratio).decide(Some(parent)), expected);
            }
        }
    }

    #[test]
    fn the_share_is_kept_and_lies_in_every_greater_one() {
        let ids: Vec<TraceId> = (0..20_000).map(|_| Sampler::new(0.0).decide(None).trace).collect();
        let chosen =
            |ratio: f64| -> Vec<bool> { ids.iter().map(|id| Sampler::new(ratio).chooses(*id)).collect() };
        let count = |ratio| chosen(ratio).iter().filter(|chosen| **chosen).count();
        assert_eq!((count(0.0), count(1.0)), (0, 20_000));
        // Five standard deviations of a binomial draw.
        assert!((count(0.1) as f64 - 2000.0).abs() < 5.0 * 42.5, "{}", count(0.1));
        assert!(chosen(0.1).iter().zip(chosen(0.2)).all(|(few, more)| more || !few));
        // The ends of the range, as in OpenTelemetry's own table.
        let half = Sampler::new(0.5);
        assert!(half.chooses(TraceId(u128::from(u64::MAX / 2))));
        assert!(!half.chooses(TraceId(u128::from(u64::MAX / 2 + 1))));
    }
}
