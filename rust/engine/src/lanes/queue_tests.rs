use std::time::{Duration, Instant};

use super::*;
use crate::testing;

fn milliseconds(time: u64) -> Duration {
    Duration::from_millis(time)
}

struct Maker {
    endpoint: Arc<crate::Endpoint>,
    slots: Vec<Arc<Slot>>,
}

impl Maker {
    fn new() -> Self {
        Self { endpoint: testing::endpoint(), slots: vec![] }
    }

    fn job(&mut self, rows: usize, queued: Instant) -> Job {
        let request = Arc::into_inner(testing::record(&self.endpoint, rows).request).unwrap();
        let variant = Arc::clone(&self.endpoint.variants[0]);
        let slot = Slot::new(&self.endpoint, &variant);
        self.slots.push(Arc::clone(&slot));
        Job { request, variant, slot, deadline: None, priority: Priority::Interactive, queued, arrived: None }
    }
}

fn sizes(taken: &Taken) -> Vec<usize> {
    taken.run.iter().map(|job| job.request.batch.rows).collect()
}

fn whys(taken: &Taken) -> Vec<Shed> {
    taken.shed.iter().map(|(_, why)| *why).collect()
}

#[test]
fn the_bound_is_ten_milliseconds_of_work() {
    let bound = |service_us, lanes| {
        let mut queue = Queue::default();
        queue.ran(Duration::from_micros(service_us), 1);
        queue.bound(lanes)
    };
    assert_eq!(bound(50, 1), 200);
    assert_eq!(bound(50, 3), 600);
    assert_eq!(bound(2_000, 1), 8, "five are less than the least");
    assert_eq!(bound(2_000, 4), 20);
    assert_eq!(bound(1, 1), 1024);
    // What a request costs, not what a run does.
    let mut queue = Queue::default();
    queue.ran(milliseconds(1), 20);
    assert_eq!(queue.bound(1), 200);
}

#[test]
fn a_full_queue_refuses_the_newest_and_evicts_batches_first() {
    let (mut queue, mut maker, now) = (Queue::default(), Maker::new(), Instant::now());
    queue.ran(milliseconds(1), 1);
    let bound = queue.bound(1);
    assert_eq!(bound, 10);
    let batch = |job| Job { priority: Priority::Batch, ..job };
    assert!(queue.push(batch(maker.job(1, now)), now, 1).is_none());
    let second = queue.push(batch(maker.job(2, now)), now, 1);
    assert_eq!(second.map(|job| job.request.batch.rows), Some(2), "a tenth is one");
    for _ in 0..9 {
        assert!(queue.push(maker.job(3, now), now, 1).is_none());
    }
    let evicted = queue.push(maker.job(4, now), now, 1).unwrap();
    assert_eq!((evicted.priority, evicted.request.batch.rows), (Priority::Batch, 1));
    let refused = queue.push(maker.job(5, now), now, 1).unwrap();
    assert_eq!(refused.request.batch.rows, 5);
    assert_eq!(queue.len(), 10);
}

#[test]
fn a_run_takes_what_waits_in_order_up_to_its_rows() {
    let (mut queue, mut maker, now) = (Queue::default(), Maker::new(), Instant::now());
    for rows in [3, 4, 2, 100, 1] {
        queue.push(maker.job(rows, now), now, 1);
    }
    assert_eq!(sizes(&queue.take(now, 8)), [3, 4]);
    assert_eq!(sizes(&queue.take(now, 8)), [2]);
    assert_eq!(sizes(&queue.take(now, 8)), [100], "one request is never cut here");
    assert_eq!(sizes(&queue.take(now, 8)), [1]);
    assert_eq!(sizes(&queue.take(now, 8)), [0; 0]);
}

#[test]
fn batches_have_their_turn_among_interactive_requests_that_never_end() {
    let (mut queue, mut maker, now) = (Queue::default(), Maker::new(), Instant::now());
    let batch = Job { priority: Priority::Batch, ..maker.job(7, now) };
    queue.push(batch, now, 1);
    let mut runs = 0;
    loop {
        queue.push(maker.job(1, now), now, 1);
        runs += 1;
        if sizes(&queue.take(now, 1)) == [7] {
            break;
        }
        assert!(runs < 20, "starved");
    }
    assert_eq!(runs, 10);
}

#[test]
fn what_can_t_be_in_time_is_not_run() {
    let (mut queue, mut maker, now) = (Queue::default(), Maker::new(), Instant::now());
    queue.ran(milliseconds(20), 1);
    let until = |job, time| Job { deadline: Some(now + milliseconds(time)), ..job };
    for (rows, time) in [(1, 5), (2, 30), (3, 19), (4, 40)] {
        queue.push(until(maker.job(rows, now), time), now, 1);
    }
    let taken = queue.take(now, 64);
    assert_eq!((sizes(&taken), whys(&taken)), (vec![2, 4], vec![Shed::Expired; 2]));
    // A single slow run must not refuse everybody for ever.
    let mut queue = Queue::default();
    queue.ran(milliseconds(60_000), 1);
    let served = (0..1000).find(|_| {
        queue.push(until(maker.job(1, now), 1000), now, 1);
        !queue.take(now, 1).run.is_empty()
    });
    assert!(served.is_some_and(|refused| refused < 50), "{served:?}");
}

#[test]
fn a_standing_queue_drops_the_oldest_but_not_the_last() {
    let (mut queue, mut maker, start) = (Queue::default(), Maker::new(), Instant::now());
    queue.ran(milliseconds(1), 1);
    // 101 ms old, then 50, 4 and 0.
    let now = start + milliseconds(101);
    for (rows, age) in [(1, 101), (2, 50), (3, 4), (4, 0)] {
        let queued = start + milliseconds(101 - age);
        queue.push(maker.job(rows, queued), queued, 1);
    }
    let taken = queue.take(now, 64);
    assert_eq!((sizes(&taken), whys(&taken)), (vec![3, 4], vec![Shed::Overloaded; 2]));
    queue.push(maker.job(5, start), start, 1);
    let taken = queue.take(now + milliseconds(500), 64);
    assert_eq!((sizes(&taken), taken.shed.len()), (vec![5], 0));
}

#[test]
fn who_is_gone_is_passed_over_and_swept() {
    let (mut queue, mut maker, now) = (Queue::default(), Maker::new(), Instant::now());
    for rows in 1..=4 {
        queue.push(maker.job(rows, now), now, 1);
    }
    drop(super::super::Pending::new(&maker.slots[0]));
    drop(super::super::Pending::new(&maker.slots[2]));
    let taken = queue.take(now, 2);
    assert_eq!((sizes(&taken), taken.gone), (vec![2], 1));
    assert_eq!(queue.sweep(), 1);
    assert_eq!(sizes(&queue.take(now, 64)), [4]);
}
