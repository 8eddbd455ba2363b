//! Which arm owns which slots, and how weights move them.

use serde::{Deserialize, Serialize};

use crate::TrafficError;
use crate::slot_table::last_slot;

/// How far the weights' sum may be from 1.
const SUM_TOLERANCE: f64 = 1e-9;

/// One stack of slots per arm. Slots leave and come back in last-in, first-out order, so that shrinking an arm
/// returns exactly the slots that it got last, and the keys that saw it first keep it longest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Vec<u32>>", into = "Vec<Vec<u32>>")]
pub struct Assignment {
    stacks: Vec<Vec<u32>>,
    slots: u32,
}

impl Assignment {
    /// All of `slots` owned by arm 0, the champion; `arms` arms altogether.
    ///
    /// # Errors
    /// When there are no slots, more than a million, or no arms.
    pub fn start(slots: u32, arms: usize) -> Result<Self, TrafficError> {
        last_slot(slots as usize)?;
        if arms == 0 {
            return Err(TrafficError::NoArms);
        }
        let mut stacks = vec![Vec::new(); arms];
        stacks[0] = (0..slots).collect();
        Ok(Self { stacks, slots })
    }

    /// Number of slots.
    #[must_use]
    pub const fn slots(&self) -> u32 {
        self.slots
    }

    /// The stacks, one per arm, oldest slot first.
    #[must_use]
    pub fn stacks(&self) -> &[Vec<u32>] {
        &self.stacks
    }

    /// Adds an arm that owns nothing and returns its index.
    pub fn add_arm(&mut self) -> usize {
        self.stacks.push(Vec::new());
        self.stacks.len() - 1
    }

    /// Moves slots until every arm owns its target for `weights`; returns how many moved, which is the least possible.
    ///
    /// # Errors
    /// As [`targets`]; nothing moves then.
    pub fn reassign(&mut self, weights: &[f64]) -> Result<u32, TrafficError> {
        if weights.len() != self.stacks.len() {
            return Err(TrafficError::WeightCount { expected: self.stacks.len(), got: weights.len() });
        }
        let targets = targets(self.slots, weights)?;
        // Arms give in falling and take in rising order: the way back then meets the slots in exactly the reverse order,
        // so that undoing restores every stack. Were both orders the same, two arms could come back with swapped slots.
        let mut pool = Vec::new();
        for (stack, &target) in self.stacks.iter_mut().zip(&targets).rev() {
            while stack.len() > target as usize {
                pool.extend(stack.pop());
            }
        }
        let moved = pool.len() as u32;
        let mut pool = pool.into_iter();
        for (stack, &target) in self.stacks.iter_mut().zip(&targets) {
            let wanted = (target as usize).saturating_sub(stack.len());
            stack.extend(pool.by_ref().take(wanted));
        }
        Ok(moved)
    }

    /// The owner of every slot, indexed by slot.
    #[must_use]
    pub fn table(&self) -> Vec<usize> {
        let mut table = vec![0; self.slots as usize];
        for (arm, stack) in self.stacks.iter().enumerate() {
            for &slot in stack {
                table[slot as usize] = arm;
            }
        }
        table
    }

    /// The slots of each arm as ascending ranges `(first, last inclusive)`.
    #[must_use]
    pub fn ranges(&self) -> Vec<Vec<(u32, u32)>> {
        self.stacks.iter().map(|stack| ranges(stack)).collect()
    }
}

impl TryFrom<Vec<Vec<u32>>> for Assignment {
    type Error = TrafficError;

    fn try_from(stacks: Vec<Vec<u32>>) -> Result<Self, TrafficError> {
        if stacks.is_empty() {
            return Err(TrafficError::NoArms);
        }
        let slots = stacks.iter().map(Vec::len).sum();
        let last = last_slot(slots)?;
        let mut seen = vec![false; slots];
        for &slot in stacks.iter().flatten() {
            match seen.get_mut(slot as usize) {
                None => return Err(TrafficError::Range { start: slot, end: slot, last }),
                Some(true) => return Err(TrafficError::Overlap { slot }),
                Some(owned) => *owned = true,
            }
        }
        Ok(Self { stacks, slots: slots as u32 })
    }
}

impl From<Assignment> for Vec<Vec<u32>> {
    fn from(assignment: Assignment) -> Self {
        assignment.stacks
    }
}

/// Slots per arm: `floor(w * slots)`, the rest by largest fractional part (ties to the lower arm); an arm with a
/// positive weight gets at least one slot, taken from the arm with the most.
///
/// # Errors
/// When there are no slots or more than a million, a weight is negative or not finite, the weights do not add up to 1, or there are more positive weights than slots.
pub fn targets(slots: u32, weights: &[f64]) -> Result<Vec<u32>, TrafficError> {
    check(slots, weights)?;
    let shares: Vec<f64> = weights.iter().map(|w| w * f64::from(slots)).collect();
    let mut targets: Vec<u32> = shares.iter().map(|share| (share.floor() as u32).min(slots)).collect();
    let mut order: Vec<usize> = (0..weights.len()).filter(|&arm| weights[arm] > 0.0).collect();
    order.sort_by(|&a, &b| shares[b].fract().total_cmp(&shares[a].fract()));
    let rest = slots.saturating_sub(targets.iter().sum());
    for &arm in order.iter().cycle().take(rest as usize) {
        targets[arm] += 1;
    }
    for arm in 0..targets.len() {
        if weights[arm] > 0.0 && targets[arm] == 0 {
            let (richest, _) =
                targets.iter().enumerate().rev().max_by_key(|&(_, count)| *count).unwrap_or((arm, &0));
            targets[richest] -= 1;
            targets[arm] = 1;
        }
    }
    Ok(targets)
}

fn check(slots: u32, weights: &[f64]) -> Result<(), TrafficError> {
    last_slot(slots as usize)?;
    if let Some((index, &value)) = weights.iter().enumerate().find(|(_, w)| !w.is_finite() || **w < 0.0) {
        return Err(TrafficError::Weight { index, value });
    }
    let sum: f64 = weights.iter().sum();
    if (sum - 1.0).abs() > SUM_TOLERANCE {
        return Err(TrafficError::WeightSum { sum });
    }
    let arms = weights.iter().filter(|w| **w > 0.0).count();
    if arms > slots as usize {
        return Err(TrafficError::TooManyArms { arms, slots });
    }
    Ok(())
}

fn ranges(stack: &[u32]) -> Vec<(u32, u32)> {
    let mut sorted = stack.to_vec();
    sorted.sort_unstable();
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for slot in sorted {
        match ranges.last_mut() {
            Some((_, end)) if *end + 1 == slot => *end = slot,
            _ => ranges.push((slot, slot)),
        }
    }
    ranges
}
