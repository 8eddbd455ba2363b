//! After a crash or a restart: torn tails are cut, counters go on, the home has one holder.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tidegate_engine::{Engine, EngineConfig, EngineError, SystemClock, recover};

use crate::fake::FakeLoader;
use crate::support::{Bench, Home, batch, cells, recount, request, row_count, rows};

/// A home whose log holds batches of 1, 2, 3 and 4 rows; the lengths after each, the schema's first.
fn written(home: &Home) -> Vec<u64> {
    let bench = Bench::single(home);
    let endpoint = bench.engine.deployment().default_endpoint.clone().unwrap();
    let mut worker = bench.worker();
    let mut lengths = Vec::new();
    for count in 1..=4 {
        worker.score(&endpoint, request(batch(&rows(count, count), None))).unwrap();
        bench.engine.flush().unwrap();
        lengths.push(fs::metadata(&home.segments("predictions")[0]).unwrap().len());
    }
    lengths
}

#[test]
fn a_cut_at_every_byte_of_the_last_two_batches_keeps_the_batches_before_it() {
    let home = Home::new();
    let lengths = written(&home);
    let segment = &home.segments("predictions")[0];
    let cut = home.path().join("cut.arrows");
    fs::copy(segment, &cut).unwrap();
    let file = fs::File::options().write(true).open(&cut).unwrap();
    let mut cuts = 0;
    for length in (lengths[1]..=lengths[3]).rev() {
        file.set_len(length).unwrap();
        let found = recover(&cut).unwrap();
        let batches = lengths.iter().filter(|&&end| end <= length).count();
        assert_eq!(found.bytes, lengths[batches - 1], "cut at {length}");
        assert_eq!(found.rows, [0, 1, 3, 6, 10][batches], "cut at {length}");
        cuts += 1;
    }
    assert!(cuts > 4000, "{cuts} cuts");
}

#[test]
fn a_start_cuts_torn_tails_and_leaves_foreign_files_alone() {
    let home = Home::new();
    let lengths = written(&home);
    let segment = home.segments("predictions")[0].clone();
    let whole = fs::read(&segment).unwrap();
    let folder = segment.parent().unwrap();
    let file = |name: &str, bytes: &[u8]| fs::write(folder.join(name), bytes).unwrap();
    fs::write(&segment, &whole[..lengths[2] as usize + 100]).unwrap();
    file("20260101T000000-1-900.arrows", &whole[..20]);
    file("20260101T000000-1-901.arrows", b"");
    file("20260101T000000-1-902.arrows", b"a letter to somebody else");
    drop(Bench::start(&home));

    assert_eq!(fs::metadata(&segment).unwrap().len(), lengths[2]);
    assert!(!folder.join("20260101T000000-1-900.arrows").exists(), "no whole schema, no rows");
    assert!(!folder.join("20260101T000000-1-901.arrows").exists());
    let foreign = folder.join("20260101T000000-1-902.arrows");
    assert_eq!(fs::read(&foreign).unwrap(), b"a letter to somebody else");
    assert_eq!(recover(&foreign).unwrap_err().kind(), std::io::ErrorKind::InvalidData);
    fs::remove_file(foreign).unwrap();
    assert_eq!(row_count(&home.batches("predictions")), 6);
}

#[test]
fn damage_in_a_frame_never_panics() {
    let home = Home::new();
    written(&home);
    let whole = fs::read(&home.segments("predictions")[0]).unwrap();
    let damaged = home.path().join("damaged.arrows");
    for position in (0..whole.len()).step_by(7) {
        let mut bytes = whole.clone();
        bytes[position] ^= 0xff;
        fs::write(&damaged, &bytes).unwrap();
        if let Ok(found) = recover(&damaged) {
            assert!(found.bytes <= whole.len() as u64);
        }
    }
}

#[test]
fn counters_go_on_after_a_restart() {
    let home = Home::new();
    let mut all = Vec::new();
    for run in 1..=3_u32 {
        let bench = Bench::single(&home);
        let endpoint = bench.engine.deployment().default_endpoint.clone().unwrap();
        assert_eq!(cells(&bench.counts("1")), recount(all.iter(), 1.0), "run {run}");
        let rows = rows(run, 50);
        bench.worker().score(&endpoint, request(batch(&rows, None))).unwrap();
        all.extend(rows);
        assert!(bench.engine.shutdown(Duration::from_secs(30)).complete);
    }
    assert_eq!(home.batches("drift").len(), 3, "a shutdown closes the pane");
}

#[test]
fn counters_go_on_in_the_next_deployment() {
    let home = Home::new();
    let mut bench = Bench::single(&home);
    let mut worker = bench.worker();
    let mut all = Vec::new();
    for generation in 2..=4 {
        let endpoint = bench.engine.deployment().default_endpoint.clone().unwrap();
        let rows = rows(generation, 20);
        worker.score(&endpoint, request(batch(&rows, None))).unwrap();
        all.extend(rows);
        let plan = vec![bench.variant("1", "scale 1", 1.0, &[(0, 99)]), bench.shadow("2", "scale 2")];
        bench.install(u64::from(generation), plan);
        bench.engine.poll();
    }
    assert_eq!(cells(&bench.counts("1")), recount(all.iter(), 1.0));
    assert_eq!(bench.engine.status().endpoints[0].variants[0].rows, 60);
    assert_eq!(bench.engine.stats()[0].rows, 60);
}

#[test]
fn damaged_counts_are_no_reason_not_to_start() {
    let home = Home::new();
    let folder = home.path().join("drift/delay");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("counts.arrow"), b"no counts").unwrap();
    let bench = Bench::single(&home);
    assert_eq!(bench.counts("1").features()[0].rows(), 0);
}

fn start(home: &Path) -> Result<std::sync::Arc<Engine>, EngineError> {
    let loader = std::sync::Arc::new(FakeLoader::default());
    Engine::start(EngineConfig::new(home, 1), loader, std::sync::Arc::new(SystemClock))
}

#[test]
fn a_home_has_one_holder_and_must_exist() {
    let home = Home::new();
    let first = start(home.path()).unwrap();
    let error = start(home.path()).unwrap_err();
    let pid = std::process::id().to_string();
    assert!(matches!(&error, EngineError::HomeInUse { pid: holder, .. } if *holder == pid), "{error}");
    drop(first);
    start(home.path()).unwrap();

    let nowhere = home.path().join("nowhere");
    assert!(matches!(start(&nowhere), Err(EngineError::Io { .. })));
    assert!(!nowhere.exists());
}
