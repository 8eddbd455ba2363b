//! Whether two scorers answer alike, bit for bit, and the rows on which that is worth asking.

use smallvec::SmallVec;
use tidegate_model::{BytesColumn, DataType, Scorer, Shape, Tensor, TensorData};

use crate::TreeScorer;
use crate::forest::Forest;

/// Batches in which rows are compared, again and again: every way of the kernel, full and not.
const BATCHES: [usize; 17] = [1, 8, 64, 2, 7, 9, 1, 31, 32, 33, 3, 65, 16, 1, 100, 128, 5];

/// Walks through trees that a check may cost; ONNX Runtime takes about 0.1 us for one.
const WALKS: usize = 200_000;
const FEWEST_ROWS: usize = 512;
const MOST_ROWS: usize = 4096;

/// What a check looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Rows that were compared, those of the reference among them.
    pub rows: usize,
    /// Rows of the reference.
    pub reference: usize,
}

/// Compares `other`'s answers with the ensemble's on rows made from its thresholds, and on `reference` rows, if there are any.
///
/// # Errors
/// The first difference, in words.
pub fn compare(trees: &TreeScorer, other: &dyn Scorer, reference: &[Tensor]) -> Result<Checked, String> {
    if trees.signature() != other.signature() {
        return Err("inputs and outputs are not those that ONNX Runtime shows".into());
    }
    let made = check_rows(trees);
    let rows = rows(&made);
    batches(trees, other, &made, "made from its thresholds")?;
    batches(trees, other, reference, "of the reference")?;
    let reference = self::rows(reference);
    Ok(Checked { rows: rows + reference, reference })
}

fn batches(trees: &dyn Scorer, other: &dyn Scorer, inputs: &[Tensor], origin: &str) -> Result<(), String> {
    let rows = rows(inputs);
    let mut sizes = BATCHES.iter().cycle();
    let mut first = 0;
    while first < rows {
        let end = rows.min(first + sizes.next().copied().unwrap_or(1));
        let batch: Vec<Tensor> = inputs.iter().map(|tensor| slice(tensor, first, end)).collect();
        let batch: Vec<&Tensor> = batch.iter().collect();
        let place = |error: &dyn std::fmt::Display| {
            format!("rows {first} to {} {origin}, in a batch of {}: {error}", end - 1, end - first)
        };
        let expected = other.score(end - first, &batch).map_err(|error| place(&error))?;
        let actual = trees.score(end - first, &batch).map_err(|error| place(&error))?;
        let found =
            difference(trees.signature().outputs.iter().map(|spec| &spec.name[..]), &expected, &actual);
        if let Some(difference) = found {
            return Err(place(&difference));
        }
        first = end;
    }
    Ok(())
}

/// The first difference between two answers, in words; floats differ when a bit does.
#[must_use]
pub fn difference<'a>(
    names: impl Iterator<Item = &'a str>,
    expected: &[Tensor],
    actual: &[Tensor],
) -> Option<String> {
    if expected.len() != actual.len() {
        return Some(format!("expected {} outputs, got {}", expected.len(), actual.len()));
    }
    names.zip(expected.iter().zip(actual)).find_map(|(name, (expected, actual))| {
        if expected.shape != actual.shape {
            let shapes = (&expected.shape[..], &actual.shape[..]);
            return Some(format!("output '{name}' has shape {:?}, expected {:?}", shapes.1, shapes.0));
        }
        let index = first_difference(&expected.data, &actual.data)?;
        Some(format!("output '{name}' differs at element {index}"))
    })
}

fn first_difference(expected: &TensorData, actual: &TensorData) -> Option<usize> {
    match (expected, actual) {
        (TensorData::Fp32(expected), TensorData::Fp32(actual)) => {
            expected.iter().zip(actual).position(|(a, b)| a.to_bits() != b.to_bits())
        }
        (TensorData::Int64(expected), TensorData::Int64(actual)) => {
            expected.iter().zip(actual).position(|(a, b)| a != b)
        }
        (TensorData::Bytes(expected), TensorData::Bytes(actual)) => {
            expected.iter().zip(actual.iter()).position(|(a, b)| a != b)
        }
        // No other type can come from trees.
        _ => Some(0),
    }
}

fn rows(inputs: &[Tensor]) -> usize {
    inputs.first().and_then(|tensor| tensor.shape.first()).copied().unwrap_or(0)
}

/// Rows `first..end` of a tensor of one of the types that trees read.
fn slice(tensor: &Tensor, first: usize, end: usize) -> Tensor {
    let width: usize = tensor.shape[1..].iter().product();
    let range = first * width..end * width;
    let data = match &tensor.data {
        TensorData::Fp32(values) => TensorData::Fp32(values[range].to_vec()),
        TensorData::Int64(values) => TensorData::Int64(values[range].to_vec()),
        TensorData::Bytes(values) => {
            TensorData::Bytes(range.map(|index| values.get(index).unwrap_or_default()).collect())
        }
        other => TensorData::zeros(other.datatype(), range.len()),
    };
    let shape: Shape = std::iter::once(end - first).chain(tensor.shape[1..].iter().copied()).collect();
    Tensor { shape, data }
}

/// Rows that meet the ensemble's thresholds exactly, just above and just below, and between them, with missing and infinite
/// values, signed zeros and random bits among them. The same for the same model.
#[must_use]
pub fn check_rows(trees: &TreeScorer) -> Vec<Tensor> {
    let rows = (WALKS / trees.trees().max(1)).clamp(FEWEST_ROWS, MOST_ROWS);
    let mut random = Random(rows as u64);
    // A row is calm or wild in all of its inputs.
    let wild: Vec<bool> = (0..rows).map(|_| random.below(4) == 0).collect();
    let columns = &trees.kernel.columns;
    let thresholds = thresholds(&trees.kernel.forest);
    let specs = trees.signature().inputs.iter().enumerate();
    specs
        .map(|(input, spec)| {
            let width = spec.shape.get(1).and_then(|&width| usize::try_from(width).ok()).unwrap_or(1);
            let mut known: Vec<Vec<f32>> = vec![Vec::new(); width];
            let mut keys: Vec<&[u8]> = vec![b"", b"none of these"];
            for (column, thresholds) in columns.iter().zip(&thresholds) {
                if column.input == input {
                    known[column.offset].extend(thresholds.iter().map(|&y| column.invert(y)));
                    keys.extend(column.codes.iter().flat_map(|codes| codes.keys()));
                }
            }
            let cells = wild.iter().flat_map(|&wild| known.iter().map(move |known| (wild, known)));
            let data = match spec.datatype {
                DataType::Int64 => {
                    TensorData::Int64(cells.map(|(wild, known)| random.integer(wild, known)).collect())
                }
                DataType::Bytes => {
                    let text = |_| keys[random.below(keys.len())];
                    TensorData::Bytes(cells.map(text).collect::<BytesColumn>())
                }
                _ => TensorData::Fp32(cells.map(|(wild, known)| random.float(wild, known)).collect()),
            };
            Tensor { shape: SmallVec::from_slice(&[rows, width]), data }
        })
        .collect()
}

/// The thresholds of each column, ascending.
fn thresholds(forest: &Forest) -> Vec<Vec<f32>> {
    let lowest = forest.row.lowest();
    let mut found: Vec<Vec<f32>> = vec![Vec::new(); forest.row.columns];
    for node in forest.places().iter().flat_map(|&place| forest.nodes(place)) {
        if node.column() != lowest {
            let column = node.column().checked_sub(lowest + 1).unwrap_or(node.column());
            found[column].push(node.threshold);
        }
    }
    for column in &mut found {
        column.sort_by(f32::total_cmp);
        column.dedup();
    }
    found
}

/// Sebastiano Vigna's `SplitMix64` (2015).
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.bits() % end.max(1) as u64) as usize
    }

    fn float(&mut self, wild: bool, known: &[f32]) -> f32 {
        const SPECIAL: [f32; 8] =
            [f32::NAN, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0, f32::MIN_POSITIVE, 1e-45];
        match self.below(if wild { 6 } else { 32 }) {
            0 | 1 if wild => SPECIAL[self.below(SPECIAL.len())],
            2 if wild => f32::from_bits(self.bits() as u32),
            0 => f32::NAN,
            _ => self.near(known),
        }
    }

    /// A threshold, one of its neighbours, or a value between two.
    fn near(&mut self, known: &[f32]) -> f32 {
        let Some(&threshold) = known.get(self.below(known.len())) else {
            return self.below(2001) as f32 / 1000.0 - 1.0;
        };
        match self.below(6) {
            0 => threshold,
            1 => threshold.next_up(),
            2 => threshold.next_down(),
            _ => {
                let other = known[self.below(known.len())];
                let share = self.below(1 << 20) as f32 / (1 << 20) as f32;
                threshold + (other - threshold) * share
            }
        }
    }

    fn integer(&mut self, wild: bool, known: &[f32]) -> i64 {
        const SPECIAL: [i64; 6] = [0, -1, 16_777_217, -16_777_217, i64::MAX, i64::MIN];
        match self.below(8) {
            0 if wild => SPECIAL[self.below(SPECIAL.len())],
            1 if wild => self.bits().cast_signed(),
            _ => (self.near(known).floor() as i64).saturating_add([-1, 0, 1][self.below(3)]),
        }
    }
}
