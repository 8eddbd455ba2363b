//! Bytes of bodies that are held at once, over all connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use crate::ErrorKind;
use crate::fault::Fault;

/// Bodies up to here are not counted: the connections and streams that hold them are.
const SMALL: usize = 16 << 10;

/// The bytes that are left.
#[derive(Debug)]
pub(crate) struct Budget {
    held: AtomicUsize,
    /// From here on, new bodies are refused.
    limit: usize,
}

/// Bytes that are held, until it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    /// Four fifths of `bytes`: what is being read may still grow.
    pub(crate) const fn new(bytes: usize) -> Self {
        Self { held: AtomicUsize::new(0), limit: bytes / 5 * 4 }
    }

    /// Room for a body of this many bytes; an empty share for a small one.
    pub(crate) fn take(self: &Arc<Self>, bytes: usize) -> Result<Share, Fault> {
        let mut share = Share { budget: Arc::clone(self), bytes: 0 };
        share.grow(bytes)?;
        Ok(share)
    }

    #[cfg(test)]
    fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }
}

impl Share {
    /// Makes room for `bytes` in all.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Fault> {
        if bytes <= SMALL || bytes <= self.bytes {
            return Ok(());
        }
        let more = bytes - self.bytes;
        let before = self.budget.held.fetch_add(more, Ordering::Relaxed);
        self.bytes = bytes;
        if before.saturating_add(more) > self.budget.limit {
            let message = "the server holds as many bytes of requests as it may";
            return Err(Fault::new(ErrorKind::Overloaded, message));
        }
        Ok(())
    }

    /// The body, whose share ends with it.
    pub(crate) fn with(self, body: Bytes) -> Bytes {
        if self.bytes == 0 { body } else { Bytes::from_owner(Shared { body, _share: self }) }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.budget.held.fetch_sub(self.bytes, Ordering::Relaxed);
        }
    }
}

struct Shared {
    body: Bytes,
    _share: Share,
}

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_held_until_the_last_reader_is_done() {
        let budget = Arc::new(Budget::new(1 << 20));
        let share = budget.take(600 << 10).unwrap();
        assert_eq!(budget.take(300 << 10).unwrap_err().kind, ErrorKind::Overloaded);
        assert_eq!(budget.held(), 600 << 10, "what was refused holds nothing");
        let body = share.with(Bytes::from(vec![7; 600 << 10]));
        let part = body.slice(10..20);
        drop(body);
        assert_eq!((part[0], budget.held()), (7, 600 << 10));
        drop(part);
        assert_eq!(budget.held(), 0);
    }

    #[test]
    fn small_bodies_pass_and_growing_ones_are_counted() {
        let budget = Arc::new(Budget::new(1 << 20));
        let _full = budget.take(780 << 10).unwrap();
        let mut share = budget.take(SMALL).unwrap();
        assert_eq!(budget.held(), 780 << 10);
        share.grow(30 << 10).unwrap();
        assert!(share.grow(60 << 10).is_err());
        drop(share);
        assert_eq!(budget.held(), 780 << 10);
    }
}
