//! Follows control's key table: fetched, made to count, kept on disk for the next start.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::control::{Control, ControlError};
use super::{for_ever, shelf};
use crate::access::TableError;
use crate::plane::Plane;

/// In the home; readable by its owner alone.
const FILE: &str = "scoring-keys.json";

/// Why a new key table does not count.
#[derive(Debug, thiserror::Error)]
enum KeysError {
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error(transparent)]
    Table(#[from] TableError),
    #[error("the key table counts, but can't be kept on disk: {0}")]
    Keep(#[from] io::Error),
}

/// The key table as it is kept, and where new ones go.
pub(crate) struct Keys {
    plane: Arc<Plane>,
    path: PathBuf,
    /// The digest of the table that counts, empty where there is none.
    known: String,
}

impl Keys {
    /// Makes the table on disk count, if there is a good one.
    pub(crate) fn restore(plane: Arc<Plane>, home: &Path) -> Self {
        let path = home.join(FILE);
        let known = match fs::read(&path) {
            Ok(bytes) => match plane.access.install(&bytes) {
                Ok(()) => tidegate_engine::digest(&bytes),
                Err(error) => {
                    tracing::error!(error = shelf::describe(&error), "the key table on disk does not count");
                    String::new()
                }
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                tracing::error!(error = &*error.to_string(), "the key table on disk can't be read");
                String::new()
            }
        };
        Self { plane, path, known }
    }

    /// Follows for ever; end it by dropping the future.
    pub(crate) async fn follow(mut self, control: Control) {
        let lost = "control's key table is not followed; the last one counts";
        for_ever(lost, async || self.step(&control).await).await;
    }

    async fn step(&mut self, control: &Control) -> Result<(), KeysError> {
        let Some(bytes) = control.keys(&self.known).await? else { return Ok(()) };
        self.plane.access.install(&bytes)?;
        self.known = tidegate_engine::digest(&bytes);
        tracing::info!("a new key table counts");
        let path = self.path.clone();
        Ok(tokio::task::spawn_blocking(move || keep(&path, &bytes)).await.map_err(io::Error::other)??)
    }
}

/// Temporary file, fsync, rename, fsync of the folder.
fn keep(path: &Path, bytes: &Bytes) -> io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let temporary = folder.join(format!(".{FILE}.{}.tmp", std::process::id()));
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    File::open(folder)?.sync_all()
}
