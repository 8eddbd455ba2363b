//! Attempts that were refused, counted until control asks for them. What there is to count has an end.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// Different denials that are told apart; those of more are counted as one.
const DIFFERENT: usize = 1000;

/// Why somebody was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reason {
    /// Keys are required.
    NoKey,
    /// What was shown is no key, or more than one.
    Malformed,
    /// The key is unknown, revoked, expired or has another secret.
    BadKey,
    /// The certificate names no principal.
    UnknownCertificate,
    /// The principal may not do this.
    NotAllowed,
    /// More failures than an address may have.
    TooManyFailures,
    /// There were too many different ones to keep apart.
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Denial {
    reason: Reason,
    /// A principal, or the public part of a key.
    #[serde(skip_serializing_if = "String::is_empty")]
    who: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
}

/// A denial and how often it happened since the start.
#[derive(Debug, Serialize)]
pub(crate) struct Counted {
    #[serde(flatten)]
    denial: Denial,
    count: u64,
}

/// All denials since the start.
#[derive(Debug, Default)]
pub(crate) struct Denials(Mutex<BTreeMap<Denial, u64>>);

impl Denials {
    pub(crate) fn note(&self, reason: Reason, who: &str, address: IpAddr) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut denial = Denial { reason, who: who.to_owned(), address: Some(address) };
        if counts.len() >= DIFFERENT && !counts.contains_key(&denial) {
            denial = Denial { reason: Reason::Other, who: String::new(), address: None };
        }
        *counts.entry(denial).or_default() += 1;
    }

    pub(crate) fn counted(&self) -> Vec<Counted> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(denial, count)| Counted { denial: denial.clone(), count: *count }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn denials_are_counted_and_their_number_is_bounded() {
        let denials = Denials::default();
        let address = IpAddr::from([127, 0, 0, 1]);
        denials.note(Reason::NoKey, "", address);
        denials.note(Reason::NoKey, "", address);
        let json = serde_json::to_value(denials.counted()).unwrap();
        assert_eq!(json, serde_json::json!([{"reason": "no_key", "address": "127.0.0.1", "count": 2}]));
        for number in 0..2000 {
            denials.note(Reason::BadKey, &number.to_string(), address);
        }
        let counted = denials.counted();
        assert_eq!(counted.len(), DIFFERENT + 1);
        assert_eq!(counted.iter().map(|one| one.count).sum::<u64>(), 2002);
        assert_eq!(counted.last().unwrap().denial.reason, Reason::Other);
    }
}
