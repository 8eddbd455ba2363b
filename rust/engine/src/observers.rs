//! What outlives a deployment: taps, meters, log losses. A variant that stays in the plan keeps its counters.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use crate::Deployment;
use crate::lanes::Line;
use crate::meter::Meter;
use crate::pane::{Pane, PaneOwner};
use crate::tap::Tap;
use crate::totals::EndpointLog;

/// Least time between two writes of an endpoint's counts.
const SAVE_INTERVAL: Duration = Duration::from_secs(10);
/// Versions out of every plan whose meters and lines are kept, newest first: one that comes back goes on counting.
const KEPT: usize = 64;

/// A tap belongs to a version, its profile and an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TapKey {
    pub(crate) endpoint: String,
    pub(crate) digest: String,
    pub(crate) profile: String,
}

/// A closed pane and whose it is.
pub(crate) struct Closed {
    pub(crate) endpoint: String,
    pub(crate) owner: PaneOwner,
    pub(crate) pane: Pane,
}

/// Everything that deployments share.
#[derive(Debug, Default)]
pub(crate) struct Observers {
    taps: HashMap<TapKey, (Arc<Tap>, PaneOwner)>,
    /// By endpoint and digest.
    variants: HashMap<(String, String), Observed>,
    logs: HashMap<String, Arc<EndpointLog>>,
    retired: Vec<Arc<Deployment>>,
    unsaved: HashSet<String>,
    saved: HashMap<String, Instant>,
    /// Counts the versions that left.
    left: u64,
}

/// What is known of a version on an endpoint.
#[derive(Debug)]
struct Observed {
    meter: Arc<Meter>,
    line: Arc<Line>,
    /// Which one it was to leave, while nobody works with it.
    left: Option<u64>,
}

impl Observed {
    /// Whether somebody may still count here. Others get at it through the observers only, so "no" stays true under
    /// their lock.
    fn in_use(&self) -> bool {
        Arc::strong_count(&self.meter) > 1 || Arc::strong_count(&self.line) > 1
    }
}

impl Observers {
    pub(crate) fn tap(&self, key: &TapKey) -> Option<Arc<Tap>> {
        self.taps.get(key).map(|(tap, _)| Arc::clone(tap))
    }

    pub(crate) fn keep_tap(&mut self, key: TapKey, tap: Arc<Tap>, owner: PaneOwner) {
        self.taps.insert(key, (tap, owner));
    }

    pub(crate) fn variant(
        &mut self,
        endpoint: &str,
        digest: &str,
        threads: usize,
    ) -> (Arc<Meter>, Arc<Line>) {
        let made = || Observed { meter: Arc::new(Meter::new(threads)), line: Arc::default(), left: None };
        let key = (endpoint.to_owned(), digest.to_owned());
        let observed = self.variants.entry(key).or_insert_with(made);
        (Arc::clone(&observed.meter), Arc::clone(&observed.line))
    }

    pub(crate) fn log(&mut self, endpoint: &str) -> Arc<EndpointLog> {
        Arc::clone(self.logs.entry(endpoint.to_owned()).or_default())
    }

    /// Keeps a replaced deployment until its last request is done, so that no request pays for dropping it.
    pub(crate) fn retire(&mut self, deployment: Arc<Deployment>) {
        self.retired.push(deployment);
    }

    /// Closes panes that have enough rows and time; those of taps that nobody counts on any more whatever they have.
    pub(crate) fn close_panes(&mut self, rows: u64, span_us: i64) -> Vec<Closed> {
        self.retired.retain(Deployment::in_use);
        let mut closed = Vec::new();
        self.taps.retain(|key, (tap, owner)| {
            let live = Arc::strong_count(tap) > 1;
            let pane = if live { tap.close_pane(rows, span_us) } else { tap.close_pane(1, 0) };
            if let Some(pane) = pane {
                let (endpoint, owner) = (key.endpoint.clone(), owner.clone());
                self.unsaved.insert(endpoint.clone());
                closed.push(Closed { endpoint, owner, pane });
            }
            live
        });
        closed
    }

    /// Forgets what nobody works with: versions that left before the last [`KEPT`], and endpoints that owe their log
    /// no word about lost rows.
    pub(crate) fn forget(&mut self) {
        for observed in self.variants.values_mut() {
            if observed.in_use() {
                observed.left = None;
            } else if observed.left.is_none() {
                self.left += 1;
                observed.left = Some(self.left);
            }
        }
        let mut left: Vec<u64> = self.variants.values().filter_map(|observed| observed.left).collect();
        left.sort_unstable_by(|one, other| other.cmp(one));
        if let Some(&last) = left.get(KEPT) {
            self.variants.retain(|_, observed| observed.left.is_none_or(|left| left > last));
        }
        self.logs.retain(|_, log| Arc::strong_count(log) > 1 || log.gap.load(Relaxed) > 0);
    }

    /// Endpoints with closed panes whose counts were not written for a while; they count as written now.
    pub(crate) fn take_unsaved(&mut self, now: Instant) -> Vec<String> {
        let (unsaved, saved) = (&mut self.unsaved, &mut self.saved);
        saved.retain(|_, last| now - *last < SAVE_INTERVAL);
        let due: Vec<String> =
            unsaved.iter().filter(|endpoint| !saved.contains_key(*endpoint)).cloned().collect();
        for endpoint in &due {
            unsaved.remove(endpoint);
            saved.insert(endpoint.clone(), now);
        }
        due
    }
}

#[cfg(test)]
#[path = "observers_tests.rs"]
mod tests;
