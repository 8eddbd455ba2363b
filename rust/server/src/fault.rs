//! Why a request failed, before a transport says so.

use std::error::Error;
use std::fmt::Write as _;

use http::header::{HeaderName, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue};
use tidegate_engine::{EngineError, FeedbackError};
use tidegate_model::InputError;

use crate::ErrorKind;
use crate::access::Refusal;

const RATELIMIT_LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const RATELIMIT_REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RATELIMIT_RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// A failed request: its kind, the text for the client and what only the log may know.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) kind: ErrorKind,
    /// Names what was expected and what came; no paths, no addresses.
    pub(crate) message: String,
    cause: Option<String>,
    /// The limit that was reached.
    pub(crate) refusal: Option<Refusal>,
}

impl Fault {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), cause: None, refusal: None }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, message)
    }

    /// Keeps `error` and its sources for the log.
    pub(crate) fn because(mut self, error: &dyn Error) -> Self {
        let mut cause = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            let _ = write!(cause, ": {error}");
            source = error.source();
        }
        self.cause = Some(cause);
        self
    }

    /// An error that is nobody's request's fault.
    pub(crate) fn internal(error: &dyn Error) -> Self {
        Self::new(ErrorKind::Internal, "the server failed to answer; its log has the cause").because(error)
    }

    /// A panic while a request was handled.
    pub(crate) fn panicked() -> Self {
        let fault = Self::new(ErrorKind::Internal, "the server failed to answer; its log has the cause");
        Self { cause: Some("a panic".into()), ..fault }
    }

    /// Names the limit that was reached.
    pub(crate) fn limited(mut self, refusal: Refusal) -> Self {
        self.refusal = Some(refusal);
        self
    }

    /// What the answer's headers say beside the status, in both transports.
    pub(crate) fn headers(&self, headers: &mut HeaderMap) {
        if self.kind == ErrorKind::Unauthenticated {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(Refusal { limit, reset }) = self.refusal {
            headers.insert(RATELIMIT_LIMIT, HeaderValue::from(limit));
            headers.insert(RATELIMIT_REMAINING, HeaderValue::from(0));
            headers.insert(RATELIMIT_RESET, HeaderValue::from(reset));
        }
    }

    /// After how many seconds it makes sense to try again.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        let usual = self.kind.codes().retry_after.map(u64::from);
        self.refusal.map(|refusal| refusal.reset).or(usual)
    }

    /// Writes the log line of a failure that an operator should see.
    pub(crate) fn log(&self, request_id: &str) {
        if let Some(cause) = &self.cause {
            tracing::error!(request_id, kind = ?self.kind, cause, "{}", self.message);
        }
    }
}

impl From<InputError> for Fault {
    fn from(error: InputError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<EngineError> for Fault {
    fn from(error: EngineError) -> Self {
        let kind = match &error {
            EngineError::UnknownEndpoint { .. } | EngineError::UnknownVersion { .. } => ErrorKind::NotFound,
            EngineError::PinRefused { .. } => ErrorKind::PermissionDenied,
            EngineError::KeyDiffers { .. } | EngineError::RuleDiffers { .. } | EngineError::KeyNotText => {
                ErrorKind::InvalidInput
            }
            EngineError::Expired { .. } => ErrorKind::DeadlineExceeded,
            EngineError::Overloaded { .. } => ErrorKind::Overloaded,
            EngineError::Stopped | EngineError::Failing { .. } | EngineError::Quarantined { .. } => {
                ErrorKind::Unavailable
            }
            EngineError::OutputLimit { .. } => ErrorKind::TooLarge,
            EngineError::Model { endpoint, version, .. }
            | EngineError::Outputs { endpoint, version, .. }
            | EngineError::Panicked { endpoint, version } => {
                let message = format!(
                    "version {version} of endpoint '{endpoint}' failed on this request; the server's log has the cause"
                );
                return Self::new(ErrorKind::Internal, message).because(&error);
            }
            EngineError::Io { .. }
            | EngineError::HomeInUse { .. }
            | EngineError::Thread { .. }
            | EngineError::Worker { .. }
            | EngineError::Batch { .. }
            | EngineError::Encode(_) => return Self::internal(&error),
        };
        Self::new(kind, error.to_string())
    }
}

impl From<FeedbackError> for Fault {
    fn from(error: FeedbackError) -> Self {
        let kind = match &error {
            FeedbackError::UnknownEndpoint(_) => ErrorKind::NotFound,
            FeedbackError::NotFinite { .. } | FeedbackError::NoEventId { .. } => ErrorKind::InvalidInput,
            FeedbackError::Busy => ErrorKind::Overloaded,
            FeedbackError::Stopped => ErrorKind::Unavailable,
            FeedbackError::Write(source) if source.kind() == std::io::ErrorKind::StorageFull => {
                return Self::new(ErrorKind::DiskFull, "the disk is full; no label was taken")
                    .because(&error);
            }
            FeedbackError::Write(_) => return Self::internal(&error),
        };
        Self::new(kind, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_stays_out_of_the_message() {
        let inner = std::io::Error::other("/secret/path");
        let fault = Fault::internal(&inner);
        assert_eq!(fault.kind, ErrorKind::Internal);
        assert!(!fault.message.contains("secret"));
        assert_eq!(fault.cause.as_deref(), Some("/secret/path"));
    }

    #[test]
    fn what_the_engine_says_becomes_a_kind() {
        let kind = |error: EngineError| Fault::from(error).kind;
        let (endpoint, version) = (String::from("e"), String::from("1"));
        assert_eq!(
            kind(EngineError::UnknownVersion {
                endpoint: endpoint.clone(),
                version: version.clone(),
                live: vec![]
            }),
            ErrorKind::NotFound
        );
        assert_eq!(kind(EngineError::KeyNotText), ErrorKind::InvalidInput);
        assert_eq!(kind(EngineError::Stopped), ErrorKind::Unavailable);
        let failed = Fault::from(EngineError::Panicked { endpoint, version });
        assert_eq!(failed.kind, ErrorKind::Internal);
        assert!(failed.message.contains("version 1 of endpoint 'e'"));

        let write = |kind: std::io::ErrorKind| {
            Fault::from(FeedbackError::Write(std::sync::Arc::new(std::io::Error::from(kind)))).kind
        };
        assert_eq!(write(std::io::ErrorKind::StorageFull), ErrorKind::DiskFull);
        assert_eq!(write(std::io::ErrorKind::Other), ErrorKind::Internal);
    }
}
