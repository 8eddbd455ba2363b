//! What a segment needs of a disk; a trait, so that tests can break it.

use std::fmt::Debug;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use crate::files::{create_folders, sync_folder};

/// Makes segment files.
pub(crate) trait Disk: Debug + Send + Sync {
    /// Makes a new file and its folders; the name is on the disk when this returns.
    fn create(&self, path: &Path) -> io::Result<Box<dyn SegmentFile>>;
}

/// A file that only grows, apart from cutting what was not whole.
pub(crate) trait SegmentFile: Debug + Send {
    /// Appends all bytes.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Forces what was appended to the disk.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the file to a length.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
}

/// The machine's file systems.
#[derive(Debug)]
pub(crate) struct Files;

impl Disk for Files {
    fn create(&self, path: &Path) -> io::Result<Box<dyn SegmentFile>> {
        let folder = path.parent().unwrap_or(Path::new("."));
        create_folders(folder)?;
        let file = File::options().append(true).create_new(true).open(path)?;
        sync_folder(folder)?;
        Ok(Box::new(file))
    }
}

impl SegmentFile for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}
