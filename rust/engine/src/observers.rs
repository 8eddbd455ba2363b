//! What outlives a deployment: taps, meters, log losses. A variant that stays in the plan keeps its counters.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::Deployment;
use crate::lanes::Line;
use crate::meter::Meter;
use crate::pane::{Pane, PaneOwner};
use crate::tap::Tap;
use crate::totals::EndpointLog;

/// Least time between two writes of an endpoint's counts.
const SAVE_INTERVAL: Duration = Duration::from_secs(10);

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
    meters: HashMap<(String, String), Arc<Meter>>,
    lines: HashMap<(String, String), Arc<Line>>,
    logs: HashMap<String, Arc<EndpointLog>>,
    retired: Vec<Arc<Deployment>>,
    unsaved: HashSet<String>,
    saved: HashMap<String, Instant>,
}

impl Observers {
    pub(crate) fn tap(&self, key: &TapKey) -> Option<Arc<Tap>> {
        self.taps.get(key).map(|(tap, _)| Arc::clone(tap))
    }

    pub(crate) fn keep_tap(&mut self, key: TapKey, tap: Arc<Tap>, owner: PaneOwner) {
        self.taps.insert(key, (tap, owner));
    }

    pub(crate) fn meter(&mut self, endpoint: &str, digest: &str, threads: usize) -> Arc<Meter> {
        let key = (endpoint.to_owned(), digest.to_owned());
        Arc::clone(self.meters.entry(key).or_insert_with(|| Arc::new(Meter::new(threads))))
    }

    pub(crate) fn line(&mut self, endpoint: &str, digest: &str) -> Arc<Line> {
        Arc::clone(self.lines.entry((endpoint.to_owned(), digest.to_owned())).or_default())
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

    /// Endpoints with closed panes whose counts were not written for a while; they count as written now.
    pub(crate) fn take_unsaved(&mut self, now: Instant) -> Vec<String> {
        let (unsaved, saved) = (&mut self.unsaved, &mut self.saved);
        let due = |endpoint: &String| saved.get(endpoint).is_none_or(|&last| now - last >= SAVE_INTERVAL);
        let due: Vec<String> = unsaved.iter().filter(|endpoint| due(endpoint)).cloned().collect();
        for endpoint in &due {
            unsaved.remove(endpoint);
            saved.insert(endpoint.clone(), now);
        }
        due
    }
}
