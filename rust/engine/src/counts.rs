//! An endpoint's drift counts: read from its taps, kept in `drift/<endpoint>/counts.arrow` over a restart.

use std::io;
use std::path::{Path, PathBuf};

use tidegate_drift::{Counts, CountsError, ReferenceProfile, VariantCounts, counts_ipc};

use crate::files::write_atomic;
use crate::snapshot::Endpoint;

/// The counts of the endpoint's variants as they are now, as counts IPC.
pub(crate) fn encode(endpoint: &Endpoint) -> Result<Vec<u8>, CountsError> {
    let mut variants = Vec::new();
    for variant in &endpoint.variants {
        if let Some(drift) = &variant.drift {
            let (digest, version) = (&*variant.digest, &*variant.version);
            let (profile, counts) = (drift.tap.profile(), drift.tap.counts());
            variants.push(VariantCounts::new(digest, version, variant.shadow, profile, &counts)?);
        }
    }
    counts_ipc::encode(&variants)
}

/// Writes the endpoint's counts, whole or not at all.
pub(crate) fn save(home: &Path, endpoint: &Endpoint) -> io::Result<()> {
    let bytes = encode(endpoint).map_err(io::Error::other)?;
    write_atomic(&path(home, &endpoint.name), &bytes)
}

/// What an earlier process saved for a version, if it has the cells of `profile`; else zero.
pub(crate) fn load(home: &Path, endpoint: &str, digest: &str, profile: &ReferenceProfile) -> Counts {
    let path = path(home, endpoint);
    let saved = match std::fs::read(&path) {
        Ok(bytes) => counts_ipc::decode(&bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => {
            tracing::error!(file = %path.display(), %error, "drift counts can't be read; counting starts at zero");
            Ok(Vec::new())
        }
    };
    let counts = saved.and_then(|variants| {
        let found = variants.iter().find(|variant| variant.variant == digest);
        found.map(|variant| variant.counts(profile)).transpose()
    });
    counts
        .inspect_err(|error| {
            let file = path.display();
            tracing::error!(%file, %error, "saved drift counts don't fit; counting starts at zero");
        })
        .unwrap_or_default()
        .unwrap_or_else(|| Counts::zero(profile))
}

fn path(home: &Path, endpoint: &str) -> PathBuf {
    home.join("drift").join(endpoint).join("counts.arrow")
}
