//! Bodies: read under a limit, written whole.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use crate::ErrorKind;
use crate::fault::Fault;
use crate::plane::Limits;

/// What answers are made of.
pub(crate) enum Answer {
    /// A whole body, and trailers where the protocol has them.
    Whole { data: Option<Bytes>, trailers: Option<HeaderMap> },
    /// A body made by the gRPC library.
    Library(tonic::body::Body),
}

impl Answer {
    pub(crate) fn whole(data: impl Into<Bytes>) -> Self {
        Self::Whole { data: Some(data.into()), trailers: None }
    }
}

impl Default for Answer {
    fn default() -> Self {
        Self::Whole { data: None, trailers: None }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
        match &mut *self {
            Self::Whole { data, trailers } => {
                let frame = data.take().map(Frame::data).or_else(|| trailers.take().map(Frame::trailers));
                Poll::Ready(frame.map(Ok))
            }
            Self::Library(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole { data, trailers } => data.is_none() && trailers.is_none(),
            Self::Library(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole { data, .. } => {
                SizeHint::with_exact(data.as_ref().map_or(0, |data| data.len() as u64))
            }
            Self::Library(body) => body.size_hint(),
        }
    }
}

/// The whole body, if it comes in time and is no longer than the limit and its `framing`. A body in one piece is not
/// copied.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: Incoming,
    limits: Limits,
    framing: usize,
) -> Result<Bytes, Fault> {
    let longest = limits.body.saturating_add(framing);
    let declared = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > longest as u64) {
        return Err(too_large(limits.body));
    }
    match tokio::time::timeout(limits.body_time, collect(body, longest)).await {
        Ok(Ok(Some(body))) => Ok(body),
        Ok(Ok(None)) => Err(too_large(limits.body)),
        Ok(Err(fault)) => Err(fault),
        Err(_) => Err(Fault::new(
            ErrorKind::DeadlineExceeded,
            format!("the body did not come within {} s", limits.body_time.as_secs_f64()),
        )),
    }
}

/// The whole body, or `None` when it is longer than `limit`.
async fn collect(mut body: Incoming, limit: usize) -> Result<Option<Bytes>, Fault> {
    let Some(first) = next(&mut body).await? else { return Ok(Some(Bytes::new())) };
    let Some(second) = next(&mut body).await? else { return Ok(within(first, limit)) };
    let hint = usize::try_from(body.size_hint().lower()).unwrap_or(limit).min(limit);
    let mut whole = BytesMut::with_capacity(first.len() + second.len() + hint);
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&second);
    while whole.len() <= limit
        && let Some(piece) = next(&mut body).await?
    {
        whole.extend_from_slice(&piece);
    }
    Ok(within(whole.freeze(), limit))
}

/// The next piece of data; trailers are passed over.
async fn next(body: &mut Incoming) -> Result<Option<Bytes>, Fault> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Fault::invalid("the body broke off"))?;
        match frame.into_data() {
            Ok(data) if !data.is_empty() => return Ok(Some(data)),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(None)
}

fn within(body: Bytes, limit: usize) -> Option<Bytes> {
    (body.len() <= limit).then_some(body)
}

fn too_large(limit: usize) -> Fault {
    Fault::new(ErrorKind::TooLarge, format!("the body is over the limit of {limit} bytes"))
}
