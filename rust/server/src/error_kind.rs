//! What can go wrong with a request, and how both transports say it: one table.

use http::StatusCode;
use tonic::Code;

/// The kinds of failure that a client can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request is malformed, or has a wrong name, shape, type or size.
    InvalidInput,
    /// The endpoint, model or version does not exist here.
    NotFound,
    /// No call of that path or method name.
    UnknownCall,
    /// The path exists, with another verb.
    WrongVerb,
    /// The body's media type or encoding is not spoken.
    UnsupportedMedia,
    /// No credential, or a bad one.
    Unauthenticated,
    /// The principal may not do this.
    PermissionDenied,
    /// The body is over the limit.
    TooLarge,
    /// A queue is full or a rate limit is reached.
    Overloaded,
    /// The server is draining, or holds nothing that could answer yet.
    Unavailable,
    /// A durable write found no room.
    DiskFull,
    /// The deadline passed first.
    DeadlineExceeded,
    /// Another change came first.
    Conflict,
    /// A gate or a rule refuses.
    Refused,
    /// Anything else; its cause is logged and not sent.
    Internal,
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Codes {
    /// The gRPC code.
    pub grpc: Code,
    /// The HTTP status.
    pub http: StatusCode,
    /// Seconds after which trying again makes sense.
    pub retry_after: Option<u8>,
}

impl ErrorKind {
    /// All kinds.
    pub const ALL: [Self; 15] = [
        Self::InvalidInput,
        Self::NotFound,
        Self::UnknownCall,
        Self::WrongVerb,
        Self::UnsupportedMedia,
        Self::Unauthenticated,
        Self::PermissionDenied,
        Self::TooLarge,
        Self::Overloaded,
        Self::Unavailable,
        Self::DiskFull,
        Self::DeadlineExceeded,
        Self::Conflict,
        Self::Refused,
        Self::Internal,
    ];

    /// The codes of both transports.
    #[must_use]
    pub const fn codes(self) -> Codes {
        let (grpc, http) = match self {
            Self::InvalidInput => (Code::InvalidArgument, StatusCode::BAD_REQUEST),
            Self::NotFound => (Code::NotFound, StatusCode::NOT_FOUND),
            Self::UnknownCall => (Code::Unimplemented, StatusCode::NOT_FOUND),
            Self::WrongVerb => (Code::Unimplemented, StatusCode::METHOD_NOT_ALLOWED),
            Self::UnsupportedMedia => (Code::Unimplemented, StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Self::Unauthenticated => (Code::Unauthenticated, StatusCode::UNAUTHORIZED),
            Self::PermissionDenied => (Code::PermissionDenied, StatusCode::FORBIDDEN),
            Self::TooLarge => (Code::ResourceExhausted, StatusCode::PAYLOAD_TOO_LARGE),
            Self::Overloaded => (Code::ResourceExhausted, StatusCode::TOO_MANY_REQUESTS),
            Self::Unavailable => (Code::Unavailable, StatusCode::SERVICE_UNAVAILABLE),
            Self::DiskFull => (Code::ResourceExhausted, StatusCode::INSUFFICIENT_STORAGE),
            Self::DeadlineExceeded => (Code::DeadlineExceeded, StatusCode::GATEWAY_TIMEOUT),
            Self::Conflict => (Code::Aborted, StatusCode::CONFLICT),
            Self::Refused => (Code::FailedPrecondition, StatusCode::PRECONDITION_FAILED),
            Self::Internal => (Code::Internal, StatusCode::INTERNAL_SERVER_ERROR),
        };
        let retry_after = match self {
            Self::Overloaded | Self::Unavailable => Some(1),
            _ => None,
        };
        Codes { grpc, http, retry_after }
    }

    /// The kind that a status made by the gRPC library stands for. Its own codes for timeouts, oversize and messages
    /// that can't be decoded are not the table's.
    #[must_use]
    pub const fn from_grpc(code: Code) -> Self {
        match code {
            Code::InvalidArgument | Code::Internal => Self::InvalidInput,
            Code::NotFound => Self::NotFound,
            Code::Unimplemented => Self::UnknownCall,
            Code::Unauthenticated => Self::Unauthenticated,
            Code::PermissionDenied => Self::PermissionDenied,
            Code::OutOfRange => Self::TooLarge,
            Code::ResourceExhausted => Self::Overloaded,
            Code::Unavailable => Self::Unavailable,
            Code::Cancelled | Code::DeadlineExceeded => Self::DeadlineExceeded,
            Code::Aborted | Code::AlreadyExists => Self::Conflict,
            Code::FailedPrecondition => Self::Refused,
            Code::Ok | Code::Unknown | Code::DataLoss => Self::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_s_own_codes_stand_in_the_table() {
        assert_eq!(ErrorKind::from_grpc(Code::Cancelled).codes().grpc, Code::DeadlineExceeded);
        assert_eq!(ErrorKind::from_grpc(Code::OutOfRange).codes().grpc, Code::ResourceExhausted);
        assert_eq!(ErrorKind::from_grpc(Code::Internal).codes().grpc, Code::InvalidArgument);
        for kind in ErrorKind::ALL.into_iter().filter(|kind| *kind != ErrorKind::Internal) {
            let again = ErrorKind::from_grpc(kind.codes().grpc);
            assert_eq!(again.codes().grpc, kind.codes().grpc, "{kind:?}");
        }
    }
}
