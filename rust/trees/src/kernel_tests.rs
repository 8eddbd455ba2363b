//! Every way of the kernel gives what a naive walk gives, whatever the trees and rows.

use proptest::prelude::*;
use tidegate_model::{Shape, Tensor, TensorData};

use crate::columns::Column;
use crate::ensemble::{Ensemble, Node, Tree};
use crate::forest::Forest;
use crate::kernel::{Kernel, Way};

const COLUMNS: usize = 5;
/// Few values, so that rows meet thresholds.
const VALUES: [f32; 10] =
    [0.0, -0.0, 1.0, -1.0, 0.5, f32::MAX, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1e-45];

/// A tree as nested choices.
#[derive(Clone, Debug)]
enum Shoot {
    Leaf(Vec<f32>),
    Branch(usize, f32, bool, Box<Self>, Box<Self>),
}

fn shoot(targets: usize, size: u32) -> impl Strategy<Value = Shoot> {
    let leaf = prop::collection::vec(-2.0_f32..2.0, targets).prop_map(Shoot::Leaf);
    leaf.prop_recursive(9, size, 2, |inner| {
        let threshold = prop::sample::select(&VALUES[..8]);
        (0..COLUMNS, threshold, any::<bool>(), inner.clone(), inner)
            .prop_map(|(c, t, m, left, right)| Shoot::Branch(c, t, m, left.into(), right.into()))
    })
}

/// Breadth first, siblings together; `one` keeps a single target's weight.
fn tree(shoot: &Shoot, one: Option<usize>) -> Tree {
    let mut queue = vec![shoot];
    let mut nodes = Vec::new();
    while let Some(&shoot) = queue.get(nodes.len()) {
        nodes.push(match shoot {
            Shoot::Leaf(weights) => {
                let weights = weights.iter().copied().enumerate();
                Node::Leaf(weights.filter(|(target, _)| one.is_none_or(|one| one == *target)).collect())
            }
            Shoot::Branch(column, threshold, missing_left, first, second) => {
                let left = queue.len();
                queue.extend([&**first, &**second]);
                Node::Branch {
                    column: *column,
                    threshold: *threshold,
                    missing_left: *missing_left,
                    left,
                    right: left + 1,
                }
            }
        });
    }
    Tree { nodes }
}

fn naive(ensemble: &Ensemble, row: &[f32]) -> Vec<u32> {
    let mut sums = vec![0.0_f32; ensemble.targets];
    for tree in &ensemble.trees {
        let mut at = 0;
        loop {
            match &tree.nodes[at] {
                Node::Branch { column, threshold, missing_left, left, right } => {
                    let value = row[*column];
                    let goes_left = if value.is_nan() { *missing_left } else { value <= *threshold };
                    at = if goes_left { *left } else { *right };
                }
                Node::Leaf(weights) => {
                    for &(target, weight) in weights {
                        sums[target] += weight;
                    }
                    break;
                }
            }
        }
    }
    sums.into_iter().map(f32::to_bits).collect()
}

fn kernel(ensemble: &Ensemble) -> Kernel {
    let column =
        |offset| Column { input: 0, offset, stride: COLUMNS, steps: smallvec::SmallVec::new(), codes: None };
    Kernel::new((0..COLUMNS).map(column).collect(), Forest::new(ensemble, COLUMNS).unwrap())
}

fn check(ensemble: &Ensemble, values: &[f32]) {
    let rows = values.len() / COLUMNS;
    let kernel = kernel(ensemble);
    let expected: Vec<_> = values.chunks_exact(COLUMNS).map(|row| naive(ensemble, row)).collect();
    for way in [Way::Portable, Way::best()] {
        for batch in [1, 2, 3, 7, 8, 9, 31, 32, 33, 64, rows] {
            let mut got = Vec::new();
            for part in values.chunks(batch * COLUMNS) {
                let rows = part.len() / COLUMNS;
                let data = TensorData::Fp32(part.to_vec());
                let tensor = Tensor { shape: Shape::from_slice(&[rows, COLUMNS]), data };
                kernel.sums(way, rows, &[&tensor], |_, sums| {
                    got.push(sums.iter().map(|sum| sum.to_bits()).collect::<Vec<_>>());
                });
            }
            assert_eq!(got, expected, "{way:?} in batches of {batch}");
        }
    }
}

fn rows() -> impl Strategy<Value = Vec<f32>> {
    let value = prop_oneof![prop::sample::select(&VALUES[..]), any::<u32>().prop_map(f32::from_bits)];
    prop::collection::vec(value, COLUMNS * 130)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn small_trees(shoots in prop::collection::vec(shoot(1, 24), 1..40), rows in rows()) {
        let trees = shoots.iter().map(|shoot| tree(shoot, None)).collect();
        check(&Ensemble { trees, targets: 1 }, &rows);
    }

    #[test]
    fn trees_of_several_classes(shoots in prop::collection::vec(shoot(3, 40), 1..20), rows in rows()) {
        let trees = shoots.iter().enumerate().map(|(index, shoot)| tree(shoot, Some(index % 3))).collect();
        check(&Ensemble { trees, targets: 3 }, &rows);
    }

    #[test]
    fn leaves_of_several_targets(shoots in prop::collection::vec(shoot(2, 200), 1..12), rows in rows()) {
        let trees = shoots.iter().map(|shoot| tree(shoot, None)).collect();
        check(&Ensemble { trees, targets: 2 }, &rows);
    }
}

/// A chain: `leaves - 1` branches, each with a leaf on the left or on the right.
fn chain(leaves: usize, left: bool) -> Tree {
    let leaf = |number: usize| Shoot::Leaf(vec![number as f32 + 0.25]);
    let grow = |inner: Shoot, number: usize| {
        let threshold = number as f32 / leaves as f32;
        let (first, second) = if left { (leaf(number), inner) } else { (inner, leaf(number)) };
        Shoot::Branch(number % COLUMNS, threshold, number.is_multiple_of(2), first.into(), second.into())
    };
    tree(&(1..leaves).fold(leaf(0), grow), None)
}

#[test]
fn trees_at_the_limit_of_a_word() {
    let rows: Vec<f32> = (0..COLUMNS * 90).map(|cell| (cell * 37 % 101) as f32 / 100.0).collect();
    for leaves in [1, 2, 31, 32, 33, 64, 100] {
        for left in [false, true] {
            let trees = vec![chain(leaves, left), chain(2, left), chain(leaves, !left)];
            let ensemble = Ensemble { trees, targets: 1 };
            assert_eq!(kernel(&ensemble).forest.quick.is_some(), leaves <= 32);
            check(&ensemble, &rows);
        }
    }
}

#[test]
fn too_deep_is_refused() {
    let ensemble = Ensemble { trees: vec![chain(140, true)], targets: 1 };
    assert!(Forest::new(&ensemble, COLUMNS).is_err());
}
