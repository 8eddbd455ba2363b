//! Who is at the other end of a connection, as far as the connection itself tells.

use std::net::IpAddr;
use std::sync::Arc;

/// The other end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    /// The names in the client's certificate that was verified, in the words of the key table.
    pub(crate) certified: Arc<[Box<str>]>,
}

impl Peer {
    /// Somebody who showed no certificate.
    pub(crate) fn at(address: IpAddr) -> Self {
        Self { address, certified: Arc::default() }
    }
}
