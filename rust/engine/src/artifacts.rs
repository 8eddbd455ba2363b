//! Content-addressed files: `artifacts/sha256/<first 2 hex>/<other 62 hex>`.

use std::path::{Path, PathBuf};

/// Where the engine finds the bytes that a deployment names.
pub trait Artifacts: Send + Sync {
    /// The bytes of a digest (`sha256:<hex>`). The engine verifies them.
    ///
    /// # Errors
    /// [`ArtifactError`] when they are not to be had.
    fn read(&self, digest: &str) -> Result<Vec<u8>, ArtifactError>;
}

/// Why the bytes of a digest are not to be had.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// Not `sha256:` and 64 hexadecimal digits.
    #[error("'{0}' is no digest (sha256: and 64 lower-case hexadecimal digits)")]
    Digest(String),
    /// No such file.
    #[error("artifact {0} is not here")]
    Missing(String),
    /// The bytes are not those of the digest.
    #[error("artifact {expected} is damaged: its bytes give {actual}")]
    Mismatch {
        /// The digest that was asked for.
        expected: String,
        /// The digest of the bytes.
        actual: String,
    },
    /// The disk refused.
    #[error("artifact {digest}: {source}")]
    Io {
        /// The digest.
        digest: String,
        /// What the disk said.
        source: std::io::Error,
    },
}

/// The artifacts of a home.
#[derive(Clone, Debug)]
pub struct ArtifactFiles {
    root: PathBuf,
}

impl ArtifactFiles {
    /// The artifacts under `<home>/artifacts`.
    #[must_use]
    pub fn of_home(home: &Path) -> Self {
        Self { root: home.join("artifacts") }
    }

    /// Whether a file of that digest is here (its content is not looked at).
    #[must_use]
    pub fn contains(&self, digest: &str) -> bool {
        todo!()
    }

    /// Stores bytes under their digest, after verifying it: temporary file, fsync, rename.
    ///
    /// # Errors
    /// [`ArtifactError::Mismatch`] when the bytes give another digest; I/O errors.
    pub fn put(&self, digest: &str, bytes: &[u8]) -> Result<(), ArtifactError> {
        todo!()
    }
}

impl Artifacts for ArtifactFiles {
    fn read(&self, digest: &str) -> Result<Vec<u8>, ArtifactError> {
        todo!()
    }
}

/// `sha256:<hex>` of some bytes.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    todo!()
}
