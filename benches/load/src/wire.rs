//! What the driver needs of a protocol. A wire does no input or output: bytes in, bytes out.

use std::time::Duration;

use crate::tally::Ending;

/// An answer that came in whole.
pub(crate) struct Answer<'a> {
    /// The slot that the request was sent in.
    pub(crate) slot: usize,
    /// Its status, or how it was reset.
    pub(crate) ending: Ending,
    /// The body.
    pub(crate) body: &'a [u8],
}

/// One connection's side of a protocol.
pub(crate) trait Wire {
    /// The ending that means success.
    const GOOD: Ending;

    /// What is sent first.
    fn greet(&mut self, out: &mut Vec<u8>);

    /// Writes a request; false when the server's window has no room for it yet.
    fn send(
        &mut self,
        slot: usize,
        body: &[u8],
        left: Option<Duration>,
        out: &mut Vec<u8>,
    ) -> Result<bool, String>;

    /// Takes what came in, from its beginning; returns how many bytes were understood.
    fn receive(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
        done: &mut dyn FnMut(Answer<'_>),
    ) -> Result<usize, String>;
}
