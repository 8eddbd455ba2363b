//! A connection that must show within a time which protocol it speaks. The library waits for that without a limit.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// What an HTTP/2 client says first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream, and the time that its first bytes have.
#[derive(Debug)]
pub(crate) struct FirstBytes<S> {
    stream: S,
    /// Gone as soon as the protocol is known.
    deadline: Option<Pin<Box<Sleep>>>,
    /// How much of the preface has come.
    matched: usize,
}

impl<S> FirstBytes<S> {
    pub(crate) fn within(stream: S, time: Duration) -> Self {
        Self { stream, deadline: Some(Box::pin(tokio::time::sleep(time))), matched: 0 }
    }

    /// Looks at what came: another byte than the preface's is HTTP/1, all of it is HTTP/2.
    fn see(&mut self, bytes: &[u8]) {
        let expected = &PREFACE[self.matched..];
        let same = bytes.iter().zip(expected).take_while(|(byte, expected)| byte == expected).count();
        self.matched += same;
        if same < bytes.len() || self.matched == PREFACE.len() {
            self.deadline = None;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for FirstBytes<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if let Some(deadline) = &mut self.deadline {
            if read.is_pending() && deadline.as_mut().poll(context).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.see(&buffer.filled()[before..]);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for FirstBytes<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    const TIME: Duration = Duration::from_secs(10);

    async fn read(stream: &mut FirstBytes<tokio::io::DuplexStream>) -> io::Result<usize> {
        stream.read(&mut [0; 64]).await
    }

    #[tokio::test(start_paused = true)]
    async fn silence_and_half_a_preface_run_into_the_deadline() {
        for said in [&b""[..], b"P", &PREFACE[..23]] {
            let (mut client, server) = duplex(64);
            let mut server = FirstBytes::within(server, TIME);
            client.write_all(said).await.unwrap();
            if !said.is_empty() {
                assert_eq!(read(&mut server).await.unwrap(), said.len());
            }
            assert_eq!(read(&mut server).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_protocol_that_is_known_has_no_deadline() {
        for said in [&b"POST /"[..], b"GET", PREFACE, b"PRI * HTTP/1.1"] {
            let (mut client, server) = duplex(64);
            let mut server = FirstBytes::within(server, TIME);
            for byte in said {
                client.write_all(&[*byte]).await.unwrap();
                assert_eq!(read(&mut server).await.unwrap(), 1);
            }
            tokio::time::advance(TIME * 2).await;
            client.write_all(b"x").await.unwrap();
            assert_eq!(read(&mut server).await.unwrap(), 1);
            assert!(server.deadline.is_none());
        }
    }
}
