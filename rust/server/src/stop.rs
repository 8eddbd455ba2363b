//! The signal that ends a server: fired once, seen by all.

use tokio::sync::watch;

/// Ends the server, from any thread. Dropping all of them ends it too: nobody else could.
#[derive(Clone, Debug)]
pub struct Stopper(watch::Sender<bool>);

/// What a server waits on.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

/// A pair that belongs together.
#[must_use]
pub fn stop() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    /// Asks the server to drain and end. Twice is once.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    pub(crate) async fn wait(&mut self) {
        // An error says that every stopper is gone.
        let _ = self.0.wait_for(|stopped| *stopped).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stop_is_seen_late_and_when_nobody_is_left() {
        let (stopper, mut signal) = stop();
        stopper.stop();
        signal.wait().await;
        let (stopper, mut signal) = stop();
        drop(stopper);
        signal.wait().await;
    }
}
