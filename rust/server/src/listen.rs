//! Opens ports, and says which one it was when it can't.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use crate::ServerError;

/// Connections that may wait for an accept.
const BACKLOG: i32 = 1024;

/// A listening socket at `address`; `what` names the port in errors.
pub(crate) fn listen(what: &'static str, address: &str) -> Result<TcpListener, ServerError> {
    let parsed: SocketAddr =
        address.parse().map_err(|_| ServerError::Address { what, address: address.to_owned() })?;
    open(parsed).map_err(|source| match source.kind() {
        ErrorKind::AddrInUse => ServerError::PortInUse { what, address: address.to_owned() },
        _ => ServerError::Listen { what, address: address.to_owned(), source },
    })
}

fn open(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for connections of the process before it. SO_REUSEPORT stays off: it would let a second
    // server take a share of the port unnoticed.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Connections that half of the files that this process may open suffice for.
pub(crate) fn connections() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let soft = limits.lines().find_map(|line| {
        line.strip_prefix("Max open files")?.split_ascii_whitespace().next()?.parse::<usize>().ok()
    });
    soft.map_or(usize::MAX, |files| files / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_port() {
        let first = listen("data", "127.0.0.1:0").unwrap();
        let address = first.local_addr().unwrap().to_string();
        let error = listen("admin", &address).unwrap_err();
        assert!(
            matches!(&error, ServerError::PortInUse { what: "admin", address: named } if *named == address)
        );
        assert_eq!(error.to_string(), format!("admin port {address} is in use"));

        for bad in ["localhost", "127.0.0.1", "127.0.0.1:99999", ""] {
            assert!(matches!(listen("data", bad), Err(ServerError::Address { .. })), "{bad}");
        }
        // TEST-NET-1: no machine has it.
        assert!(matches!(listen("data", "192.0.2.1:1"), Err(ServerError::Listen { .. })));
    }
}
