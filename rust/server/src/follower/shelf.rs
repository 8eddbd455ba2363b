//! Deployments on disk: the newest good one is served without control.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tidegate_engine::{ArtifactFiles, DeploymentSpec, Engine};

/// `deployments/` of a home.
#[derive(Clone, Debug)]
pub(crate) struct Shelf {
    folder: PathBuf,
    artifacts: ArtifactFiles,
}

impl Shelf {
    pub(crate) fn of_home(home: &Path) -> Self {
        Self { folder: home.join("deployments"), artifacts: ArtifactFiles::of_home(home) }
    }

    pub(crate) fn artifacts(&self) -> &ArtifactFiles {
        &self.artifacts
    }

    /// Installs the newest deployment that is whole; each broken one before it is logged and noted. Returns its
    /// generation, 0 where there is none.
    pub(crate) fn restore(&self, engine: &Engine) -> u64 {
        let mut broken = Vec::new();
        let mut restored = 0;
        for generation in self.generations().into_iter().rev() {
            match self.install(engine, generation) {
                Ok(()) => {
                    tracing::info!(generation, "deployment installed from disk");
                    restored = generation;
                    break;
                }
                Err(error) => {
                    let error = describe(&*error);
                    tracing::error!(
                        generation,
                        error,
                        "a deployment on disk can't be installed; an older one is tried"
                    );
                    broken.push((generation, error));
                }
            }
        }
        // Noted last: installing the older one must not make the newer one's failure look settled.
        for (generation, error) in broken.iter().rev() {
            engine.note_failure(*generation, error);
        }
        restored
    }

    /// Whether no deployment was ever kept here.
    pub(crate) fn is_empty(&self) -> bool {
        self.generations().is_empty()
    }

    fn install(&self, engine: &Engine, generation: u64) -> Result<(), Box<dyn std::error::Error>> {
        let bytes = fs::read(self.path(generation))?;
        let spec = DeploymentSpec::parse(&bytes)?;
        if spec.generation != generation {
            return Err(format!("the file of generation {generation} says {}", spec.generation).into());
        }
        engine.install(&spec, &self.artifacts)?;
        Ok(())
    }

    /// The generations that have a file, ascending.
    pub(super) fn generations(&self) -> Vec<u64> {
        let Ok(entries) = fs::read_dir(&self.folder) else { return Vec::new() };
        let mut generations: Vec<u64> = entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".json")?.parse().ok())
            .collect();
        generations.sort_unstable();
        generations
    }

    /// Keeps a deployment: temporary file, fsync, rename, fsync of the folder. The same bytes are not written twice.
    pub(crate) fn keep(&self, generation: u64, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(generation);
        if fs::read(&path).is_ok_and(|kept| kept == bytes) {
            return Ok(());
        }
        fs::create_dir_all(&self.folder)?;
        let temporary = self.folder.join(format!(".{generation}.{}.tmp", std::process::id()));
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, &path)?;
        File::open(&self.folder)?.sync_all()
    }

    fn path(&self, generation: u64) -> PathBuf {
        self.folder.join(format!("{generation}.json"))
    }
}

/// An error and its sources in one line.
pub(super) fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.ends_with(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_kept_whole_and_listed_in_order() {
        let home = tempfile::tempdir().unwrap();
        let shelf = Shelf::of_home(home.path());
        assert_eq!(shelf.generations(), [0_u64; 0]);
        for generation in [10, 9, 2] {
            shelf.keep(generation, b"{}").unwrap();
            shelf.keep(generation, b"{}").unwrap();
        }
        fs::write(home.path().join("deployments/notes.txt"), "x").unwrap();
        assert_eq!(shelf.generations(), [2, 9, 10]);
        assert_eq!(fs::read_dir(home.path().join("deployments")).unwrap().count(), 4);
    }
}
