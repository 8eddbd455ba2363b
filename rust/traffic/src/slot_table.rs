//! From a routing key to the variant that answers it.

use xxhash_rust::xxh64::xxh64;

use crate::TrafficError;

/// Most slots of a table, which bounds its memory.
const MAX_SLOTS: usize = 1_000_000;

/// The last of `slots` slots.
pub(crate) fn last_slot(slots: usize) -> Result<u32, TrafficError> {
    if (1..=MAX_SLOTS).contains(&slots) {
        Ok(slots as u32 - 1)
    } else {
        Err(TrafficError::Slots { got: slots })
    }
}

/// The hash seed of a salt: XXH64 of its UTF-8 bytes with seed 0. Another salt is another, independent shuffle of keys.
#[must_use]
pub fn seed(salt: &str) -> u64 {
    xxh64(salt.as_bytes(), 0)
}

/// The slot of a key: `floor(XXH64(key, seed) * slots / 2^64)`, in `0..slots` (0 when there are no slots).
#[must_use]
pub fn slot(seed: u64, key: &[u8], slots: u32) -> u32 {
    ((u128::from(xxh64(key, seed)) * u128::from(slots)) >> 64) as u32
}

/// Who owns each slot. Immutable; built once per deployment, read for every request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotTable {
    owners: Box<[u16]>,
}

impl SlotTable {
    /// A table of `slots` slots from ranges `(variant, first slot, last slot inclusive)`.
    ///
    /// # Errors
    /// When there are no slots or more than a million, a range leaves `0..slots`, or a slot is owned twice or by nobody.
    pub fn from_ranges(slots: u32, ranges: &[(u16, u32, u32)]) -> Result<Self, TrafficError> {
        let last = last_slot(slots as usize)?;
        let mut sorted = ranges.to_vec();
        sorted.sort_unstable_by_key(|&(_, start, end)| (start, end));
        let mut owners = Vec::new();
        for (variant, start, end) in sorted {
            if start > end || end > last {
                return Err(TrafficError::Range { start, end, last });
            }
            let next = owners.len() as u32;
            if start < next {
                return Err(TrafficError::Overlap { slot: start });
            }
            if start > next {
                return Err(TrafficError::Gap { slot: next });
            }
            owners.resize(end as usize + 1, variant);
        }
        if owners.len() as u32 <= last {
            return Err(TrafficError::Gap { slot: owners.len() as u32 });
        }
        Ok(Self { owners: owners.into() })
    }

    /// Number of slots.
    #[must_use]
    pub fn slots(&self) -> u32 {
        self.owners.len() as u32
    }

    /// The slot of a key under a salt's [`seed`].
    #[must_use]
    pub fn slot(&self, seed: u64, key: &[u8]) -> u32 {
        slot(seed, key, self.slots())
    }

    /// The variant that owns `slot`, or `None` past the last slot.
    #[must_use]
    pub fn owner(&self, slot: u32) -> Option<u16> {
        self.owners.get(slot as usize).copied()
    }
}
