//! Content-addressed files: `artifacts/sha256/<first 2 hex>/<other 62 hex>`.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::files::write_atomic;

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
        self.path(digest).is_ok_and(|path| path.is_file())
    }

    /// Stores bytes under their digest, after verifying it: temporary file, fsync, rename.
    ///
    /// # Errors
    /// [`ArtifactError::Mismatch`] when the bytes give another digest; I/O errors.
    pub fn put(&self, digest: &str, bytes: &[u8]) -> Result<(), ArtifactError> {
        let path = self.path(digest)?;
        verify(digest, bytes)?;
        write_atomic(&path, bytes).map_err(|source| ArtifactError::Io { digest: digest.to_owned(), source })
    }

    fn path(&self, digest: &str) -> Result<PathBuf, ArtifactError> {
        let hex = hex_of(digest).ok_or_else(|| ArtifactError::Digest(digest.to_owned()))?;
        let (head, tail) = hex.split_at(2);
        Ok(self.root.join("sha256").join(head).join(tail))
    }
}

impl Artifacts for ArtifactFiles {
    fn read(&self, digest: &str) -> Result<Vec<u8>, ArtifactError> {
        std::fs::read(self.path(digest)?).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => ArtifactError::Missing(digest.to_owned()),
            _ => ArtifactError::Io { digest: digest.to_owned(), source },
        })
    }
}

/// `sha256:<hex>` of some bytes.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", sha256_hex(bytes))
}

/// Refuses bytes that are not those of the digest.
pub(crate) fn verify(expected: &str, bytes: &[u8]) -> Result<(), ArtifactError> {
    let actual = digest(bytes);
    if actual == expected {
        return Ok(());
    }
    Err(ArtifactError::Mismatch { expected: expected.to_owned(), actual })
}

/// The 64 digits of a digest, if it is one.
pub(crate) fn hex_of(digest: &str) -> Option<&str> {
    let hex = digest.strip_prefix("sha256:")?;
    let good = hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    good.then_some(hex)
}

pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let nibbles = |byte: u8| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
    Sha256::digest(bytes).iter().flat_map(|&byte| nibbles(byte)).map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("tidegate-artifacts-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        path
    }

    #[test]
    fn bytes_come_back_under_their_digest() {
        let home = home("round");
        let artifacts = ArtifactFiles::of_home(&home);
        let name = digest(b"abc");
        assert_eq!(name, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert!(!artifacts.contains(&name));
        artifacts.put(&name, b"abc").unwrap();
        assert!(artifacts.contains(&name));
        assert_eq!(artifacts.read(&name).unwrap(), b"abc");
        let path =
            home.join("artifacts/sha256/ba/7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert!(path.is_file());
        std::fs::remove_dir_all(home).unwrap();
    }

    #[test]
    fn other_bytes_and_other_names_are_refused() {
        let home = home("refused");
        let artifacts = ArtifactFiles::of_home(&home);
        let name = digest(b"abc");
        assert!(matches!(artifacts.put(&name, b"abd"), Err(ArtifactError::Mismatch { .. })));
        assert!(matches!(artifacts.read(&name), Err(ArtifactError::Missing(_))));
        for bad in ["sha256:../../etc/passwd", "abc", "", "sha256:"] {
            assert!(matches!(artifacts.read(bad), Err(ArtifactError::Digest(_))), "{bad}");
        }
        let upper = name.to_uppercase().replace("SHA256", "sha256");
        assert!(matches!(artifacts.read(&upper), Err(ArtifactError::Digest(_))));
    }
}
