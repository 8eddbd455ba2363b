//! Segments on a disk that fails.

use arrow_array::UInt64Array;
use arrow_schema::{DataType, Field, Schema};

use super::*;
use crate::recover;
use crate::testing::{BrokenDisk, Folder, Operation};

fn batch(rows: u64) -> RecordBatch {
    let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::UInt64, false)]));
    RecordBatch::try_new(schema, vec![Arc::new(UInt64Array::from_iter_values(0..rows))]).unwrap()
}

fn spool(folder: &Folder, disk: &BrokenDisk) -> Spool {
    let rotation = Rotation { bytes: 1 << 20, age: Duration::from_mins(1) };
    Spool::new(Arc::new(disk.clone()), folder.path().to_owned(), rotation, true)
}

/// Whole rows in each segment, oldest first.
fn rows(folder: &Folder) -> Vec<u64> {
    let mut paths: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path()).collect();
    paths.sort_by_key(|path| {
        path.file_stem().unwrap().to_str().unwrap().rsplit('-').next().unwrap().parse::<u64>().unwrap()
    });
    paths.iter().map(|path| recover(path).unwrap().rows).collect()
}

#[test]
fn a_failed_write_goes_to_a_new_segment() {
    let (folder, disk) = (Folder::new(), BrokenDisk::default());
    let mut spool = spool(&folder, &disk);
    spool.append(&batch(1), 0).unwrap();
    disk.fail(Operation::Append, 1);
    spool.append(&batch(2), 0).unwrap();
    spool.append(&batch(4), 0).unwrap();
    spool.finish(0).unwrap();
    assert_eq!(rows(&folder), [1, 6]);
    assert_eq!(spool.take_errors(), 1);
}

#[test]
fn a_disk_that_stays_full_refuses_the_batch_whole_and_heals() {
    let (folder, disk) = (Folder::new(), BrokenDisk::default());
    let mut spool = spool(&folder, &disk);
    spool.append(&batch(1), 0).unwrap();
    disk.fail(Operation::Append, 3);
    assert_eq!(spool.append(&batch(2), 0).unwrap_err().kind(), io::ErrorKind::StorageFull);
    spool.append(&batch(4), 0).unwrap();
    spool.sync(0).unwrap();
    let kept = rows(&folder);
    assert_eq!(kept.iter().sum::<u64>(), 5, "{kept:?}");
    assert!(spool.take_errors() >= 3);
}

#[test]
fn a_failed_sync_is_never_repeated_and_its_rows_are_written_again() {
    let (folder, disk) = (Folder::new(), BrokenDisk::default());
    let mut spool = spool(&folder, &disk);
    spool.append(&batch(1), 0).unwrap();
    spool.sync(0).unwrap();
    spool.append(&batch(2), 0).unwrap();
    spool.append(&batch(4), 0).unwrap();
    disk.fail(Operation::Sync, 1);
    spool.sync(0).unwrap();
    assert_eq!(rows(&folder), [1, 6], "what was not synced stands in the new segment, and only there");
    spool.append(&batch(8), 0).unwrap();
    spool.finish(0).unwrap();
    assert_eq!(rows(&folder), [1, 14]);
    assert_eq!(spool.take_errors(), 1);
}

#[test]
fn a_sync_that_fails_everywhere_is_an_error_and_loses_no_whole_batch() {
    let (folder, disk) = (Folder::new(), BrokenDisk::default());
    let mut spool = spool(&folder, &disk);
    spool.append(&batch(1), 0).unwrap();
    disk.fail(Operation::Sync, 2);
    spool.sync(0).unwrap_err();
    assert_eq!(rows(&folder), [1, 1], "a row may stand twice, never not at all");
    spool.append(&batch(2), 0).unwrap();
    spool.sync(0).unwrap();
    assert_eq!(rows(&folder), [1, 1, 2]);
}

#[test]
fn a_write_that_fails_rescues_what_was_not_synced() {
    let (folder, disk) = (Folder::new(), BrokenDisk::default());
    let mut spool = spool(&folder, &disk);
    spool.append(&batch(1), 0).unwrap();
    disk.fail(Operation::Append, 1);
    disk.fail(Operation::Sync, 1);
    spool.append(&batch(2), 0).unwrap();
    spool.finish(0).unwrap();
    let kept = rows(&folder);
    assert_eq!(kept.iter().sum::<u64>(), 3, "{kept:?}");
}

#[test]
fn a_folder_that_can_not_be_made_is_an_error() {
    let (folder, disk) = (Folder::new(), BrokenDisk::default());
    let mut spool = spool(&folder, &disk);
    disk.fail(Operation::Create, 2);
    spool.append(&batch(1), 0).unwrap_err();
    spool.append(&batch(2), 0).unwrap();
    assert_eq!(rows(&folder), [2]);
}

#[test]
fn names_are_utc_times() {
    assert_eq!(timestamp(0), "19700101T000000");
    assert_eq!(timestamp(-1), "19691231T235959");
    assert_eq!(timestamp(951_782_400_000_000), "20000229T000000");
    assert_eq!(timestamp(4_107_542_399_999_999), "21000228T235959");
    assert_eq!(timestamp(4_107_542_400_000_000), "21000301T000000");
}
