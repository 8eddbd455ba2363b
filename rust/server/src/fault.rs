//! Why a request failed, before a transport says so.

use std::error::Error;
use std::fmt::Write as _;

use tidegate_model::InputError;

use crate::ErrorKind;

/// A failed request: its kind, the text for the client and what only the log may know.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) kind: ErrorKind,
    /// Names what was expected and what came; no paths, no addresses.
    pub(crate) message: String,
    cause: Option<String>,
}

impl Fault {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), cause: None }
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
}
