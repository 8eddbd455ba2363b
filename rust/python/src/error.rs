//! From the crates' errors to the classes of `tidegate.errors`.

use std::error::Error;

use pyo3::prelude::*;
use pyo3::types::PyType;
use tidegate_drift::{CountsError, ProfileError};
use tidegate_engine::{EngineError, InstallError, OfflineError, SpecError};
use tidegate_model::{InputError, ScoreError};
use tidegate_onnx::OnnxError;
use tidegate_traffic::TrafficError;

use crate::argument::ArgumentError;

/// An error with its class in `tidegate.errors`.
pub(crate) trait Fault: Error {
    /// The name of the class.
    fn class(&self) -> &'static str;
}

/// The Python exception of a fault; its text is the whole chain of causes.
pub(crate) fn raise(py: Python<'_>, fault: &impl Fault) -> PyErr {
    let mut text = fault.to_string();
    let mut source = fault.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some errors show their cause themselves.
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    let class = py.import("tidegate.errors").and_then(|errors| errors.getattr(fault.class()));
    match class.and_then(|class| Ok(class.cast_into::<PyType>()?)) {
        Ok(class) => PyErr::from_type(class, text),
        Err(error) => error,
    }
}

impl Fault for ArgumentError {
    fn class(&self) -> &'static str {
        match self {
            Self::UnknownVariant { .. } => "NotFoundError",
            _ => "InvalidInputError",
        }
    }
}

impl Fault for ProfileError {
    fn class(&self) -> &'static str {
        "InvalidInputError"
    }
}

impl Fault for CountsError {
    fn class(&self) -> &'static str {
        "InvalidInputError"
    }
}

impl Fault for TrafficError {
    fn class(&self) -> &'static str {
        "InvalidInputError"
    }
}

impl Fault for ScoreError {
    fn class(&self) -> &'static str {
        match self {
            Self::Mismatch(_) => "InvalidInputError",
            Self::Run(_) => "InternalError",
            Self::Stopped => "UnavailableError",
        }
    }
}

impl Fault for OnnxError {
    fn class(&self) -> &'static str {
        match self {
            Self::Library { .. } => "SettingsError",
            Self::AnotherLibrary { .. } => "ConflictError",
            Self::NotOnnx { .. }
            | Self::Truncated { .. }
            | Self::Refused(_)
            | Self::NotTensor { .. }
            | Self::ElementType { .. }
            | Self::Rows { .. } => "ModelRefusedError",
        }
    }
}

impl Fault for InputError {
    fn class(&self) -> &'static str {
        "InvalidInputError"
    }
}

impl Fault for EngineError {
    fn class(&self) -> &'static str {
        match self {
            Self::HomeInUse { .. } => "HomeLockedError",
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => "HomeMissingError",
            Self::UnknownEndpoint { .. } | Self::UnknownVersion { .. } => "NotFoundError",
            Self::PinRefused { .. } => "PermissionDeniedError",
            Self::KeyDiffers { .. } | Self::RuleDiffers { .. } | Self::KeyNotText => "InvalidInputError",
            Self::Expired { .. }
            | Self::Overloaded { .. }
            | Self::Failing { .. }
            | Self::Quarantined { .. }
            | Self::Stopped => "UnavailableError",
            _ => "InternalError",
        }
    }
}

impl Fault for SpecError {
    fn class(&self) -> &'static str {
        "InvalidInputError"
    }
}

impl Fault for InstallError {
    fn class(&self) -> &'static str {
        match self {
            Self::Artifact { .. } => "NotFoundError",
            Self::Load { .. } | Self::Warm { .. } => "ModelRefusedError",
            _ => "InvalidInputError",
        }
    }
}

impl Fault for OfflineError {
    fn class(&self) -> &'static str {
        match self {
            Self::Unknown(error) => error.class(),
            Self::Several { .. } => "InvalidInputError",
            Self::Install(error) => error.class(),
        }
    }
}
