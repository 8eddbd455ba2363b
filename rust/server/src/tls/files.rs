//! The PEM files of TLS, refused by the name of their setting when they can't be used.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::VerifierBuilderError;
use x509_parser::parse_x509_certificate;
use x509_parser::time::ASN1Time;

/// Rights on a key file that are not its owner's or group's.
const OTHERS: u32 = 0o007;

/// Why TLS material can't be used. No file's content is shown.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file can't be read.
    #[error("{setting}: the file can't be read: {source}")]
    Read {
        /// The setting.
        setting: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// It is no PEM file of the wanted kind.
    #[error("{setting}: the file holds no {wanted} in PEM")]
    Pem {
        /// The setting.
        setting: &'static str,
        /// What it should hold.
        wanted: &'static str,
    },
    /// Everybody on the machine can read the key.
    #[error("{setting}: the file has mode {mode:03o}; others than its owner and group can use it: chmod 600")]
    Open {
        /// The setting.
        setting: &'static str,
        /// The file's mode.
        mode: u32,
    },
    /// The certificate's time is over, or has not come.
    #[error("{setting}: the certificate is valid from {from} to {to}, not now")]
    Time {
        /// The setting.
        setting: &'static str,
        /// When it begins.
        from: String,
        /// When it ends.
        to: String,
    },
    /// The library refuses the material, for instance a key of another certificate.
    #[error("{setting}: {source}")]
    Refused {
        /// The setting.
        setting: &'static str,
        /// What the library said.
        source: rustls::Error,
    },
    /// No client can be verified with it.
    #[error("{setting}: {source}")]
    Verifier {
        /// The setting.
        setting: &'static str,
        /// What the library said.
        source: VerifierBuilderError,
    },
}

/// What changes when a file is replaced or written.
pub(super) type Stamp = (Option<SystemTime>, u64, u64);

pub(super) fn stamp(path: &Path) -> Option<Stamp> {
    let found = fs::metadata(path).ok()?;
    Some((found.modified().ok(), found.len(), found.ino()))
}

/// A chain whose first certificate is in force.
pub(super) fn certificates(
    setting: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(setting, path)?;
    let none = || TlsError::Pem { setting, wanted: "certificate" };
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(&text).collect::<Result<_, pem::Error>>().map_err(|_| none())?;
    let (_, first) = chain.first().and_then(|der| parse_x509_certificate(der).ok()).ok_or_else(none)?;
    let validity = first.validity();
    if !validity.is_valid_at(ASN1Time::now()) {
        let (from, to) = (validity.not_before.to_string(), validity.not_after.to_string());
        return Err(TlsError::Time { setting, from, to });
    }
    Ok(chain)
}

/// A private key that not everybody can read.
pub(super) fn private_key(setting: &'static str, path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let mode = fs::metadata(path).map_err(|source| TlsError::Read { setting, source })?.mode() & 0o777;
    if mode & OTHERS != 0 {
        return Err(TlsError::Open { setting, mode });
    }
    PrivateKeyDer::from_pem_slice(&read(setting, path)?)
        .map_err(|_| TlsError::Pem { setting, wanted: "private key" })
}

pub(super) fn roots(setting: &'static str, path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(setting, path)? {
        roots.add(certificate).map_err(|source| TlsError::Refused { setting, source })?;
    }
    Ok(roots)
}

fn read(setting: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Read { setting, source })
}
