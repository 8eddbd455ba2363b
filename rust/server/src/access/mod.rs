//! Who may do what on the data port: keys, certificates, the principal `local`; limits of how often.

mod denials;
mod key;
mod rate;
mod rights;
mod table;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use http::HeaderMap;

pub(crate) use denials::Counted;
use denials::{Denials, Reason};
use key::{Credential, Pepper};
pub(crate) use rate::Refusal;
use rate::{Failures, Rate};
pub(crate) use rights::{Named, Rights};
use table::Table;
pub(crate) use table::{Identity, TableError};

use crate::ErrorKind;
use crate::admission::Right;
use crate::config::ServerConfig;
use crate::fault::Fault;
use crate::peer::Peer;

/// The principal of requests that show nothing.
const LOCAL: &str = "local";
/// The same for every key that is no good, so that nobody learns which part was.
const REFUSED: &str = "no valid key was given";

/// What decides about requests; shared by all threads.
#[derive(Debug)]
pub(crate) struct Access {
    /// Who asks without a key or a certificate; nobody where keys are required.
    local: Option<Arc<Identity>>,
    pepper: Option<Pepper>,
    table: ArcSwap<Table>,
    rates: Rates,
    failures: Failures,
    denials: Denials,
}

/// Takes the credential of a head apart.
#[cfg(feature = "fuzzing")]
pub(crate) fn credential(headers: &HeaderMap) {
    let _ = Credential::of(headers);
}

impl Access {
    pub(crate) fn new(config: &ServerConfig) -> Self {
        let rates = Rates::new(config.limits.rate_per_second, config.limits.burst);
        let name = Arc::from(LOCAL);
        let rate = rates.of(&name);
        let local = Identity { name, rights: Rights::ALL, rate };
        Self {
            local: (!config.require_keys).then(|| Arc::new(local)),
            pepper: config.pepper.as_ref().and_then(|pepper| Pepper::new(pepper.text().as_bytes())),
            table: ArcSwap::default(),
            rates,
            failures: Failures::new(),
            denials: Denials::default(),
        }
    }

    /// Makes a table count from the next request on.
    pub(crate) fn install(&self, json: &[u8]) -> Result<(), TableError> {
        let table = Table::parse(json, |name| self.rates.of(name))?;
        self.table.store(Arc::new(table));
        Ok(())
    }

    /// Who asks, if they may do what needs `right`.
    pub(crate) fn admit(
        &self,
        peer: &Peer,
        headers: &HeaderMap,
        right: Right,
    ) -> Result<Arc<Identity>, Fault> {
        let identity = self.identify(peer, headers)?;
        if !identity.rights.allow(right) {
            self.denials.note(Reason::NotAllowed, &identity.name, peer.address);
            let message = format!("{} may not {}", identity.name, right.verb());
            return Err(Fault::new(ErrorKind::PermissionDenied, message));
        }
        if let Some(Err(refusal)) = identity.rate.as_ref().map(|rate| rate.take()) {
            let message = format!("{} asks more often than it may", identity.name);
            return Err(Fault::new(ErrorKind::Overloaded, message).limited(refusal));
        }
        Ok(identity)
    }

    fn identify(&self, peer: &Peer, headers: &HeaderMap) -> Result<Arc<Identity>, Fault> {
        match Credential::of(headers) {
            Credential::Key(key) => {
                let table = self.table.load();
                let found = self.pepper.as_ref().and_then(|pepper| table.identify(&key, pepper, now()));
                found.map(Arc::clone).ok_or_else(|| self.deny(Reason::BadKey, &key.name(), peer, REFUSED))
            }
            Credential::Malformed => Err(self.deny(Reason::Malformed, "", peer, REFUSED)),
            Credential::None if !peer.certified.is_empty() => {
                let table = self.table.load();
                let found = peer.certified.iter().find_map(|name| table.principal(name));
                let who = &peer.certified[0];
                let refused = "the client's certificate names no principal";
                found.map(Arc::clone).ok_or_else(|| self.deny(Reason::UnknownCertificate, who, peer, refused))
            }
            Credential::None => self.local.as_ref().map(Arc::clone).ok_or_else(|| {
                let needed = "a key is needed: Authorization: Bearer tg_... or x-api-key: tg_...";
                self.deny(Reason::NoKey, "", peer, needed)
            }),
        }
    }

    /// Counts a failed attempt and says how it is answered.
    #[cold]
    fn deny(&self, reason: Reason, who: &str, peer: &Peer, message: &str) -> Fault {
        match self.failures.take(peer.address) {
            Ok(()) => {
                self.denials.note(reason, who, peer.address);
                Fault::new(ErrorKind::Unauthenticated, message)
            }
            Err(refusal) => {
                self.denials.note(Reason::TooManyFailures, "", peer.address);
                let message = "too many requests without a valid key came from this address";
                Fault::new(ErrorKind::Overloaded, message).limited(refusal)
            }
        }
    }

    pub(crate) fn denials(&self) -> Vec<Counted> {
        self.denials.counted()
    }
}

/// The limits of principals; they outlive the tables, so that a new one gives nobody a new start.
#[derive(Debug)]
struct Rates {
    per_second: f64,
    burst: u32,
    known: Mutex<HashMap<Arc<str>, Arc<Rate>>>,
}

impl Rates {
    fn new(per_second: f64, burst: u32) -> Self {
        Self { per_second, burst, known: Mutex::default() }
    }

    fn of(&self, name: &Arc<str>) -> Option<Arc<Rate>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rate) = known.get(name) {
            return Some(Arc::clone(rate));
        }
        let rate = Arc::new(Rate::new(self.per_second, self.burst)?);
        known.insert(Arc::clone(name), Arc::clone(&rate));
        Some(rate)
    }
}

/// Unix seconds. A clock before 1970 is 1970: then keys seem to be in force that may not be, by a clock nobody trusts.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}
