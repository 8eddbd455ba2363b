//! What can be wrong with slots, weights and stacks.

use thiserror::Error;

/// A refused slot table or assignment.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum TrafficError {
    /// A table or an assignment with no slots, or with more than a million.
    #[error("slots: expected 1 to 1000000, got {got}")]
    Slots {
        /// Slots asked for.
        got: usize,
    },
    /// An assignment with no arms.
    #[error("arms: expected at least 1, got 0")]
    NoArms,
    /// More positive weights than slots, so that some arm could not get its one slot.
    #[error("{arms} arms have a positive weight but there are only {slots} slots")]
    TooManyArms {
        /// Arms with a positive weight.
        arms: usize,
        /// Slots to share.
        slots: u32,
    },
    /// Weights for another number of arms.
    #[error("weights: expected {expected}, one for each arm, got {got}")]
    WeightCount {
        /// Arms of the assignment.
        expected: usize,
        /// Weights given.
        got: usize,
    },
    /// A weight that is negative, NaN or infinite.
    #[error("weight {index}: expected a finite number of at least 0, got {value}")]
    Weight {
        /// Position of the weight.
        index: usize,
        /// The weight.
        value: f64,
    },
    /// Weights that do not add up to 1.
    #[error("weights: expected a sum of 1, got {sum}")]
    WeightSum {
        /// Their sum.
        sum: f64,
    },
    /// A range whose end lies before its start or past the last slot.
    #[error("slots {start} to {end}: expected a range within 0 to {last}")]
    Range {
        /// First slot.
        start: u32,
        /// Last slot, inclusive.
        end: u32,
        /// The table's last slot.
        last: u32,
    },
    /// A slot that two arms own.
    #[error("slot {slot} is owned twice")]
    Overlap {
        /// The slot.
        slot: u32,
    },
    /// A slot that nobody owns.
    #[error("slot {slot} has no owner")]
    Gap {
        /// The slot.
        slot: u32,
    },
}
