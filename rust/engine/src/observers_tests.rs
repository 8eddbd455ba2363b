//! Versions come and go: what is kept of them is bounded, what somebody still works with is never let go.

use super::*;

const THREADS: usize = 2;

fn come(observers: &mut Observers, digest: &str) -> (Arc<Meter>, Arc<Line>) {
    observers.variant("delay", digest, THREADS)
}

#[test]
fn of_a_thousand_versions_that_left_the_last_are_kept() {
    let mut observers = Observers::default();
    let stays = come(&mut observers, "stays");
    for version in 0..1000 {
        drop(come(&mut observers, &version.to_string()));
        observers.forget();
    }
    assert_eq!(observers.variants.len(), 1 + KEPT);
    let known = |digest: &str| observers.variants.contains_key(&("delay".to_owned(), digest.to_owned()));
    assert!(known("stays") && known("999") && known("936") && !known("935"));
    assert!(Arc::ptr_eq(&stays.0, &come(&mut observers, "stays").0));
}

#[test]
fn a_version_that_comes_back_goes_on_counting_and_leaves_anew() {
    let mut observers = Observers::default();
    let leave = |observers: &mut Observers, versions: std::ops::Range<usize>| {
        for version in versions {
            drop(come(observers, &version.to_string()));
            observers.forget();
        }
    };
    let first = come(&mut observers, "returns");
    let (meter, line) = (Arc::as_ptr(&first.0), Arc::as_ptr(&first.1));
    drop(first);
    leave(&mut observers, 0..KEPT - 1);
    let again = come(&mut observers, "returns");
    assert_eq!((Arc::as_ptr(&again.0), Arc::as_ptr(&again.1)), (meter, line));
    leave(&mut observers, 100..100 + 2 * KEPT);
    drop(again);
    leave(&mut observers, 300..300 + KEPT - 1);
    assert_eq!(Arc::as_ptr(&come(&mut observers, "returns").0), meter, "it left last, not first");
}

#[test]
fn a_request_that_still_runs_keeps_its_version() {
    let mut observers = Observers::default();
    let (meter, line) = come(&mut observers, "runs");
    drop(meter);
    for version in 0..2 * KEPT {
        drop(come(&mut observers, &version.to_string()));
        observers.forget();
    }
    assert!(Arc::ptr_eq(&line, &come(&mut observers, "runs").1));
}

#[test]
fn an_endpoint_is_forgotten_when_its_log_has_been_told_what_was_lost() {
    let mut observers = Observers::default();
    let totals = crate::totals::Totals::default();
    let log = observers.log("gone");
    log.lose(&totals, 3);
    let live = observers.log("live");
    drop(log);
    observers.forget();
    let known = |observers: &Observers| observers.logs.keys().cloned().collect::<HashSet<_>>();
    assert_eq!(known(&observers), HashSet::from(["gone".to_owned(), "live".to_owned()]));
    assert_eq!(observers.log("gone").gap.swap(0, Relaxed), 3, "its next batch tells");
    observers.forget();
    assert_eq!(known(&observers), HashSet::from(["live".to_owned()]));
    drop(live);
    observers.forget();
    assert!(observers.logs.is_empty());
}

#[test]
fn when_counts_were_written_is_remembered_only_while_it_matters() {
    let mut observers = Observers::default();
    let start = Instant::now();
    let mut due = |endpoint: &str, seconds: u64| {
        observers.unsaved.insert(endpoint.to_owned());
        let due = observers.take_unsaved(start + Duration::from_secs(seconds));
        (due.contains(&endpoint.to_owned()), observers.saved.len())
    };
    assert_eq!(due("a", 0), (true, 1));
    assert_eq!(due("a", 9), (false, 1));
    assert_eq!(due("b", 9), (true, 2));
    assert_eq!(due("a", 10), (true, 2));
    for endpoint in 0..100 {
        assert_eq!(due(&endpoint.to_string(), 20 + 10 * endpoint), (true, 1), "the others' are past");
    }
}
