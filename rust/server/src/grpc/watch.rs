//! Answers that go on: something now, and again whenever it has changed, until the server drains.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::stream::{Stream, unfold};
use tokio::sync::watch::Receiver;
use tonic::Status;
use tonic::metadata::MetadataMap;

use super::status::status;
use crate::ErrorKind;
use crate::fault::Fault;
use crate::plane::Plane;
use crate::readiness::Phase;

/// What the library sends on.
pub(super) type Watched<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Sends what `look` finds new, for the request of these headers. A server that drains says a last word and ends.
pub(super) fn watch<T, L>(plane: &Arc<Plane>, asked: MetadataMap, look: L) -> Watched<T>
where
    T: Send + 'static,
    L: FnMut(&Plane) -> Option<T> + Send + 'static,
{
    let changes = plane.readiness.changes().subscribe();
    let watcher = Watcher { plane: Arc::clone(plane), asked, changes, look };
    Box::pin(unfold(Some(watcher), |watcher| async move {
        let mut watcher = watcher?;
        let Some(found) = watcher.next().await else {
            let end = Fault::new(ErrorKind::Unavailable, "the server is shutting down");
            return Some((Err(status(&end, watcher.asked.as_ref())), None));
        };
        Some((Ok(found), Some(watcher)))
    }))
}

struct Watcher<L> {
    plane: Arc<Plane>,
    asked: MetadataMap,
    changes: Receiver<()>,
    look: L,
}

impl<T, L: FnMut(&Plane) -> Option<T>> Watcher<L> {
    async fn next(&mut self) -> Option<T> {
        loop {
            self.changes.mark_unchanged();
            let ends = self.plane.readiness.phase() == Phase::Draining;
            let found = (self.look)(&self.plane);
            if found.is_some() || ends {
                return found;
            }
            self.changes.changed().await.ok()?;
        }
    }
}
