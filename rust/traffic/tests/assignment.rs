//! Weights to slots: golden tables, least movement, exact undo.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use proptest::prelude::*;
use serde_json::Value;
use tidegate_traffic::{Assignment, SlotTable, TrafficError, targets};

fn golden() -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/stats_reference.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn counts(assignment: &Assignment) -> Vec<u32> {
    assignment.stacks().iter().map(|stack| stack.len() as u32).collect()
}

#[test]
fn golden_reassignments() {
    let golden = golden();
    let steps = golden["slot_reassign_S20"].as_array().unwrap();
    assert_eq!(steps.len(), 6);
    let mut assignment = Assignment::start(20, 3).unwrap();
    for step in steps {
        let moved = assignment.reassign(&numbers(&step["weights"])).unwrap();
        assert_eq!(u64::from(moved), step["moved"].as_u64().unwrap());
        assert_eq!(serde_json::json!(counts(&assignment)), step["counts"]);
        assert_eq!(serde_json::json!(assignment.table()), step["table"]);
    }
}

fn weights(arms: usize) -> impl Strategy<Value = Vec<f64>> {
    let weight = prop_oneof![2 => Just(0.0), 1 => Just(1e-7), 5 => 0.0..1.0_f64];
    prop::collection::vec(weight, arms).prop_filter_map("all zero", |weights| {
        let sum: f64 = weights.iter().sum();
        (sum > 0.0).then(|| weights.iter().map(|weight| weight / sum).collect())
    })
}

proptest! {
    #[test]
    fn moves_as_few_slots_as_possible(steps in prop::collection::vec(weights(5), 1..20), slots in 5_u32..3000) {
        let mut assignment = Assignment::start(slots, 5).unwrap();
        for weights in steps {
            let (before, table) = (counts(&assignment), assignment.table());
            let moved = assignment.reassign(&weights).unwrap();
            let after = counts(&assignment);
            prop_assert_eq!(&after, &targets(slots, &weights).unwrap());
            let least: u32 = before.iter().zip(&after).map(|(old, new)| old.saturating_sub(*new)).sum();
            prop_assert_eq!(moved, least);
            let changed = table.iter().zip(assignment.table()).filter(|(old, new)| **old != *new).count();
            prop_assert_eq!(changed as u32, least);
        }
    }

    #[test]
    fn undo_restores_every_stack(steps in prop::collection::vec(weights(4), 1..8), slots in 4_u32..2000) {
        let mut assignment = Assignment::start(slots, 4).unwrap();
        let mut history = Vec::new();
        for weights in &steps {
            assignment.reassign(weights).unwrap();
            history.push(assignment.clone());
        }
        for (weights, before) in steps.iter().zip(&history).rev() {
            assignment.reassign(weights).unwrap();
            prop_assert_eq!(&assignment, before);
        }
    }

    #[test]
    fn targets_are_shares(weights in weights(6), slots in 6_u32..20_000) {
        let targets = targets(slots, &weights).unwrap();
        prop_assert_eq!(targets.iter().sum::<u32>(), slots);
        for (weight, target) in weights.iter().zip(&targets) {
            prop_assert_eq!(*target == 0, *weight == 0.0);
            prop_assert!((f64::from(*target) - weight * f64::from(slots)).abs() <= 6.0);
        }
    }

    #[test]
    fn ranges_and_stacks_carry_everything(weights in weights(3), slots in 3_u32..500) {
        let mut assignment = Assignment::start(slots, 3).unwrap();
        assignment.reassign(&weights).unwrap();
        let ranges: Vec<(u16, u32, u32)> = assignment.ranges().into_iter().enumerate()
            .flat_map(|(arm, ranges)| ranges.into_iter().map(move |(start, end)| (arm as u16, start, end)))
            .collect();
        let table = SlotTable::from_ranges(slots, &ranges).unwrap();
        let owners: Vec<usize> = (0..slots).map(|slot| usize::from(table.owner(slot).unwrap())).collect();
        prop_assert_eq!(owners, assignment.table());
        let json = serde_json::to_string(&assignment).unwrap();
        prop_assert_eq!(serde_json::from_str::<Assignment>(&json).unwrap(), assignment);
    }
}

#[test]
fn a_sliver_of_weight_gets_one_slot() {
    assert_eq!(targets(10, &[0.999, 0.001]).unwrap(), [9, 1]);
    assert_eq!(targets(10_000, &[0.9, 0.1]).unwrap(), [9000, 1000]);
    assert_eq!(targets(3, &[0.98, 0.01, 0.01]).unwrap(), [1, 1, 1]);
}

#[test]
fn a_new_arm_owns_nothing_until_it_has_weight() {
    let mut assignment = Assignment::start(10, 1).unwrap();
    assert_eq!(assignment.add_arm(), 1);
    assert_eq!(counts(&assignment), [10, 0]);
    assert_eq!(assignment.reassign(&[0.7, 0.3]).unwrap(), 3);
    assert_eq!(assignment.ranges(), [vec![(0, 6)], vec![(7, 9)]]);
}

#[test]
fn refuses_weights_and_stacks_that_make_no_sense() {
    let mut assignment = Assignment::start(10, 2).unwrap();
    let before = assignment.clone();
    assert_eq!(assignment.reassign(&[1.0]), Err(TrafficError::WeightCount { expected: 2, got: 1 }));
    assert_eq!(assignment.reassign(&[1.5, -0.5]), Err(TrafficError::Weight { index: 1, value: -0.5 }));
    assert!(matches!(assignment.reassign(&[1.0, f64::NAN]), Err(TrafficError::Weight { index: 1, .. })));
    assert!(matches!(assignment.reassign(&[0.6, 0.6]), Err(TrafficError::WeightSum { .. })));
    assert_eq!(assignment, before);
    assert_eq!(targets(1, &[0.5, 0.5]), Err(TrafficError::TooManyArms { arms: 2, slots: 1 }));
    assert_eq!(Assignment::start(0, 1), Err(TrafficError::Slots { got: 0 }));
    assert_eq!(Assignment::start(10, 0), Err(TrafficError::NoArms));
    for stacks in ["[]", "[[]]", "[[0,0]]", "[[0],[2]]", "[[1]]"] {
        assert!(serde_json::from_str::<Assignment>(stacks).is_err(), "{stacks}");
    }
}
