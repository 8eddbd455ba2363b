//! A bounded queue into one thread: full means dropped, never waited for.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;

/// The sending side. `push` takes no lock: the reader never blocks inside the channel, it parks outside of it.
#[derive(Debug)]
pub(crate) struct Pusher<T> {
    sender: SyncSender<(T, usize)>,
    state: Arc<State>,
}

/// The reading side, for one thread.
#[derive(Debug)]
pub(crate) struct Popper<T> {
    receiver: Receiver<(T, usize)>,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    items: AtomicUsize,
    bytes: AtomicUsize,
    limit_items: usize,
    limit_bytes: usize,
    reader: OnceLock<Thread>,
}

/// A queue of at most `items` items and `bytes` bytes, whichever is reached first.
pub(crate) fn ring<T>(items: usize, bytes: usize) -> (Pusher<T>, Popper<T>) {
    let limit_items = items.max(1);
    let (sender, receiver) = sync_channel(limit_items);
    let state = Arc::new(State {
        items: AtomicUsize::new(0),
        bytes: AtomicUsize::new(0),
        limit_items,
        limit_bytes: bytes,
        reader: OnceLock::new(),
    });
    (Pusher { sender, state: Arc::clone(&state) }, Popper { receiver, state })
}

impl<T> Pusher<T> {
    /// Queues an item of `bytes` bytes, or gives it back when there is no room.
    pub(crate) fn push(&self, item: T, bytes: usize) -> Result<(), T> {
        let state = &*self.state;
        let before = state.bytes.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > state.limit_bytes {
            state.bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Err(item);
        }
        // Counted before it is sent, so that the reader never counts it down first.
        state.items.fetch_add(1, Ordering::Relaxed);
        self.sender.try_send((item, bytes)).map_err(|refused| {
            state.items.fetch_sub(1, Ordering::Relaxed);
            state.bytes.fetch_sub(bytes, Ordering::Relaxed);
            match refused {
                std::sync::mpsc::TrySendError::Full((item, _))
                | std::sync::mpsc::TrySendError::Disconnected((item, _)) => item,
            }
        })
    }

    /// Wakes the reader; a system call only when it is parked.
    pub(crate) fn wake(&self) {
        if let Some(reader) = self.state.reader.get() {
            reader.unpark();
        }
    }

    /// Wakes the reader when the queue is half full.
    pub(crate) fn wake_if_pressed(&self) {
        if self.state.pressed() {
            self.wake();
        }
    }
}

impl<T> Popper<T> {
    /// Makes the calling thread the one that `wake` wakes.
    pub(crate) fn attach(&self) {
        let _ = self.state.reader.set(std::thread::current());
    }

    /// The oldest item and its bytes, which count against the limit until [`Popper::release`].
    pub(crate) fn pop(&self) -> Option<(T, usize)> {
        let item = self.receiver.try_recv().ok()?;
        self.state.items.fetch_sub(1, Ordering::Relaxed);
        Some(item)
    }

    /// Gives bytes free that were popped.
    pub(crate) fn release(&self, bytes: usize) {
        self.state.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Whether half of either limit is in use.
    pub(crate) fn pressed(&self) -> bool {
        self.state.pressed()
    }
}

impl State {
    fn pressed(&self) -> bool {
        self.items.load(Ordering::Relaxed) >= self.limit_items.div_ceil(2)
            || self.bytes.load(Ordering::Relaxed) >= self.limit_bytes / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_refused_when_records_run_out() {
        let (pusher, popper) = ring(2, 100);
        assert_eq!(pusher.push('a', 1), Ok(()));
        assert_eq!(pusher.push('b', 1), Ok(()));
        assert_eq!(pusher.push('c', 1), Err('c'));
        assert_eq!(popper.pop(), Some(('a', 1)));
        assert_eq!(pusher.push('d', 1), Ok(()));
        assert_eq!(popper.pop(), Some(('b', 1)));
        assert_eq!(popper.pop(), Some(('d', 1)));
        assert_eq!(popper.pop(), None);
    }

    #[test]
    fn bytes_count_until_they_are_released() {
        let (pusher, popper) = ring(10, 100);
        assert_eq!(pusher.push('a', 60), Ok(()));
        assert!(popper.pressed());
        assert_eq!(pusher.push('b', 60), Err('b'));
        assert_eq!(popper.pop(), Some(('a', 60)));
        assert_eq!(pusher.push('b', 60), Err('b'));
        popper.release(60);
        assert!(!popper.pressed());
        assert_eq!(pusher.push('b', 60), Ok(()));
    }
}
