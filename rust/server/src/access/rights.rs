//! What a principal may do on the data port.

use serde::Deserialize;

use crate::admission::Right;

/// A right, as control writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Named {
    /// To see what is served.
    Look,
    /// To score.
    Score,
    /// To ask for a version by name.
    Pin,
    /// To tell outcomes.
    Feedback,
}

/// A set of rights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rights(u8);

impl Rights {
    pub(crate) const ALL: Self = Self(0b1111);

    pub(crate) const fn has(self, right: Named) -> bool {
        self.0 & (1 << right as u8) != 0
    }

    /// Whether a call that needs `right` may be made.
    pub(crate) const fn allow(self, right: Right) -> bool {
        match right {
            Right::Open => true,
            Right::Look => self.has(Named::Look),
            Right::Score => self.has(Named::Score),
            Right::Feedback => self.has(Named::Feedback),
        }
    }
}

impl FromIterator<Named> for Rights {
    fn from_iter<I: IntoIterator<Item = Named>>(named: I) -> Self {
        Self(named.into_iter().fold(0, |set, right| set | 1 << right as u8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_it_was_made_of() {
        let set: Rights = [Named::Score, Named::Look].into_iter().collect();
        assert!(set.allow(Right::Score) && set.allow(Right::Look) && set.allow(Right::Open));
        assert!(!set.allow(Right::Feedback) && !set.has(Named::Pin));
        assert!(Rights::default().allow(Right::Open) && !Rights::default().allow(Right::Look));
        for right in [Right::Open, Right::Look, Right::Score, Right::Feedback] {
            assert!(Rights::ALL.allow(right));
        }
    }
}
