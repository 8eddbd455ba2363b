//! Bodies: read under a limit, written whole.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, timeout_at};

use crate::ErrorKind;
use crate::budget::Share;
use crate::fault::Fault;
use crate::memory::Level;
use crate::plane::Plane;

/// What answers are made of.
pub(crate) enum Answer {
    /// A whole body, and trailers where the protocol has them.
    Whole { data: Option<Bytes>, trailers: Option<HeaderMap> },
    /// Pieces that are made one by one, on the connection's own thread.
    Pieces(Pin<Box<dyn Stream<Item = Frame<Bytes>>>>),
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
            Self::Pieces(pieces) => pieces.as_mut().poll_next(context).map(|piece| piece.map(Ok)),
            Self::Library(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole { data, trailers } => data.is_none() && trailers.is_none(),
            Self::Pieces(_) => false,
            Self::Library(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole { data, .. } => {
                SizeHint::with_exact(data.as_ref().map_or(0, |data| data.len() as u64))
            }
            Self::Pieces(_) => SizeHint::new(),
            Self::Library(body) => body.size_hint(),
        }
    }
}

/// Bytes a second that a body must bring to get more time.
const FLOOR: f64 = 8192.0;
/// Bodies over this are refused while memory is short.
const LARGE: u64 = 16 << 10;

/// The whole body, if there is room for it, it comes in time and is no longer than the limit and its `framing`. A body in
/// one piece is not copied.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: Incoming,
    plane: &Plane,
    framing: usize,
) -> Result<Bytes, Fault> {
    let limit = plane.limits.body;
    let longest = limit.saturating_add(framing);
    let declared = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > longest as u64) {
        return Err(too_large(limit));
    }
    if declared.is_none_or(|length| length > LARGE) && plane.memory.level() >= Level::Pressed {
        return Err(Fault::new(ErrorKind::Overloaded, "the server is short of memory for large bodies"));
    }
    let share = plane.budget.take(usize::try_from(declared.unwrap_or(0)).unwrap_or(longest))?;
    let read = collect(body, longest, share, plane.limits.body_time).await?;
    read.ok_or_else(|| too_large(limit))
}

/// The whole body, or `None` when it is longer than `limit`.
async fn collect(
    mut body: Incoming,
    limit: usize,
    mut share: Share,
    time: Duration,
) -> Result<Option<Bytes>, Fault> {
    let began = Instant::now();
    let slow = || {
        let message = format!("the body did not come within {} s", time.as_secs_f64());
        Fault::new(ErrorKind::DeadlineExceeded, message)
    };
    // A client that goes on sending gets more time, at the pace of the floor.
    let end = |bytes: usize| began + time + Duration::from_secs_f64(bytes as f64 / FLOOR);
    let first_two = async {
        let Some(first) = next(&mut body).await? else { return Ok((Bytes::new(), None)) };
        let second = next(&mut body).await?;
        Ok::<_, Fault>((first, second))
    };
    let (first, second) = timeout_at(end(0), first_two).await.map_err(|_| slow())??;
    let Some(second) = second else {
        share.grow(first.len())?;
        return Ok(within(first, limit).map(|body| share.with(body)));
    };
    let hint = usize::try_from(body.size_hint().lower()).unwrap_or(limit).min(limit);
    let mut whole = BytesMut::with_capacity(first.len() + second.len() + hint);
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&second);
    while whole.len() <= limit
        && let Some(piece) = timeout_at(end(whole.len()), next(&mut body)).await.map_err(|_| slow())??
    {
        share.grow(whole.len() + piece.len())?;
        whole.extend_from_slice(&piece);
    }
    Ok(within(whole.freeze(), limit).map(|body| share.with(body)))
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
