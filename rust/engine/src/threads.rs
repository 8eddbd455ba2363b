//! The engine's own threads, and their end.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::poll::Stop;
use crate::shared::{Shared, lock};
use crate::{EngineError, ShutdownReport, shadow, writer};

/// Handles of the writer, shadow and poll threads.
#[derive(Debug)]
pub(crate) struct Threads {
    pub(crate) shadow: Sender<shadow::Command>,
    pub(crate) stop_poll: Arc<Stop>,
    /// In the order in which they end.
    pub(crate) handles: Mutex<Vec<JoinHandle<()>>>,
}

impl Threads {
    pub(crate) fn tell_shadow(&self, shared: &Shared, command: shadow::Command) -> Result<(), EngineError> {
        self.shadow.send(command).map_err(|_| EngineError::Stopped)?;
        shared.mirrors.wake();
        Ok(())
    }

    /// Ends lanes first (they feed shadows), then shadows (they log), then the poll (it closes panes), then the writer.
    pub(crate) fn shutdown(&self, shared: &Shared, deadline: Duration) -> ShutdownReport {
        let until = Instant::now() + deadline;
        let left = || until.saturating_duration_since(Instant::now());
        let lanes = shared.pool.stop(left());

        let (stopped, answer) = channel();
        let told = self.tell_shadow(shared, shadow::Command::Stop(until, stopped));
        let shadows = told.ok().and_then(|()| answer.recv_timeout(left()).ok());

        self.stop_poll.stop();
        shared.poll_last();

        let (stopped, answer) = channel();
        let told = shared.commands.send(writer::Command::Stop(stopped));
        shared.records.wake();
        let written = told.ok().and_then(|()| answer.recv_timeout(left()).ok());

        if shadows.is_some() && written.is_some() {
            for handle in lock(&self.handles).drain(..) {
                // A panic of a thread was logged when it happened.
                let _ = handle.join();
            }
        }
        ShutdownReport {
            complete: lanes && shadows.is_some() && written == Some(true),
            shadows_cut: shadows.unwrap_or_default(),
        }
    }
}
