//! Keys to slots: golden values, evenness, and tables that are refused.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use serde_json::Value;
use tidegate_traffic::{SlotTable, TrafficError, seed, slot};

fn golden() -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/stats_reference.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn golden_slots() {
    let golden = golden();
    let case = &golden["slot"];
    let salt = seed(case["salt"].as_str().unwrap());
    assert_eq!(salt.to_string(), case["seed"].as_str().unwrap());
    let slots = case["slots"].as_u64().unwrap() as u32;
    let keys = case["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 6);
    for key in keys {
        let got = slot(salt, key["key"].as_str().unwrap().as_bytes(), slots);
        assert_eq!(u64::from(got), key["slot"].as_u64().unwrap(), "{key}");
    }
}

/// A million keys over 10,000 slots: 9,999 degrees of freedom have mean 9,999 and standard deviation 141.
#[test]
fn slots_are_even() {
    for pattern in ["user-", "", "00000000-0000-4000-8000-"] {
        let salt = seed("evenness");
        let mut counts = vec![0_u32; 10_000];
        for key in 0..1_000_000 {
            counts[slot(salt, format!("{pattern}{key}").as_bytes(), 10_000) as usize] += 1;
        }
        let chi2: f64 = counts.iter().map(|&count| (f64::from(count) - 100.0).powi(2) / 100.0).sum();
        assert!((chi2 - 9_999.0).abs() < 4.0 * 141.4, "{pattern}: {chi2}");
    }
}

#[test]
fn every_slot_has_its_owner() {
    let table = SlotTable::from_ranges(10, &[(1, 8, 9), (0, 0, 6), (2, 7, 7)]).unwrap();
    let owners: Vec<Option<u16>> = (0..11).map(|slot| table.owner(slot)).collect();
    let expected = [0, 0, 0, 0, 0, 0, 0, 2, 1, 1].map(Some);
    assert_eq!(owners[..10], expected);
    assert_eq!(owners[10], None);
    assert_eq!(table.slots(), 10);
    let salt = seed("s");
    for key in ["a", "b", "c"] {
        assert_eq!(table.slot(salt, key.as_bytes()), slot(salt, key.as_bytes(), 10));
    }
}

#[test]
fn refuses_tables_that_leave_doubt() {
    let table = |slots, ranges: &[(u16, u32, u32)]| SlotTable::from_ranges(slots, ranges).unwrap_err();
    assert_eq!(table(0, &[]), TrafficError::Slots { got: 0 });
    assert_eq!(table(u32::MAX, &[(0, 0, u32::MAX - 1)]), TrafficError::Slots { got: u32::MAX as usize });
    assert_eq!(table(10, &[]), TrafficError::Gap { slot: 0 });
    assert_eq!(table(10, &[(0, 0, 8)]), TrafficError::Gap { slot: 9 });
    assert_eq!(table(10, &[(0, 0, 3), (1, 5, 9)]), TrafficError::Gap { slot: 4 });
    assert_eq!(table(10, &[(0, 0, 5), (1, 5, 9)]), TrafficError::Overlap { slot: 5 });
    assert_eq!(table(10, &[(0, 0, 9), (1, 2, 3)]), TrafficError::Overlap { slot: 2 });
    assert_eq!(table(10, &[(0, 0, 10)]), TrafficError::Range { start: 0, end: 10, last: 9 });
    assert_eq!(table(10, &[(0, 5, 4)]), TrafficError::Range { start: 5, end: 4, last: 9 });
}
