//! How fast a model is, measured before it answers: inline or on lanes, and how many rows at once pay off.

use std::time::{Duration, Instant};

use tidegate_model::{Batch, Tensor, TensorData};

use super::reference;
use crate::snapshot::{Endpoint, Variant};
use crate::{EngineError, LaneMode, scoring};

/// A model that takes longer for a row waits for lanes: hopping to one costs about as much as such a run.
const INLINE: Duration = Duration::from_micros(100);
/// A batch takes no longer than this.
const LONGEST: Duration = Duration::from_millis(2);
/// Batches that are tried.
const SIZES: [usize; 7] = [2, 4, 8, 16, 32, 64, 128];
/// Time for all of it, and for the sizes of it.
const BUDGET: Duration = Duration::from_millis(50);
const SIZES_BUDGET: Duration = Duration::from_millis(30);
/// Runs of one row, and how often they are repeated when something else ran meanwhile.
const SAMPLES: usize = 48;
const REPEATS: usize = 3;
/// Runs after which a slow model is known to be one.
const FEW: usize = 8;
/// Relative difference between a row alone and in a batch beyond which rows influence each other.
const TOLERANCE: f64 = 1e-3;
/// Outputs below this are compared as if they were this.
const SMALL: f64 = 1e-6;

/// What was measured of a model.
#[derive(Clone, Debug)]
pub(crate) struct Calibration {
    pub(crate) mode: LaneMode,
    /// Rows that are joined at most.
    pub(crate) batch: usize,
    /// One row, in the slow case.
    pub(crate) one: Duration,
    /// Nanoseconds of a row where many are scored at once.
    pub(crate) row_ns: u64,
    /// Largest difference of a floating output between a row alone and in a batch, in units in the last place.
    pub(crate) ulps: Option<u64>,
    pub(crate) reason: &'static str,
}

struct Trial<'a> {
    endpoint: &'a Endpoint,
    variant: &'a Variant,
    end: Instant,
}

/// Measures a variant that has been warmed. Takes 50 ms and one run at most.
pub(crate) fn calibrate(endpoint: &Endpoint, variant: &Variant) -> Result<Calibration, EngineError> {
    let began = Instant::now();
    if !variant.loaded.scorer.bounded() {
        return bounded_by_nothing(endpoint, variant);
    }
    let trial = Trial { endpoint, variant, end: began + BUDGET };
    let zeros = |rows| reference::rows(&endpoint.contract, None, rows);
    let one = trial.slowest(&zeros(1))?;
    let mode = if one <= INLINE { LaneMode::Inline } else { LaneMode::Lane };
    let single =
        |batch, reason| Calibration { mode, batch, one, row_ns: nanoseconds(one), ulps: None, reason };
    if variant.signature.inputs.iter().any(|input| input.shape.first() == Some(&1)) {
        return Ok(single(1, "takes one row at a time"));
    }
    let mut times = vec![(1, trial.middle(&zeros(1))?)];
    for rows in SIZES {
        let last = times.last().map_or(Duration::ZERO, |&(_, time)| time);
        if last > LONGEST || began.elapsed() > SIZES_BUDGET {
            break;
        }
        let Ok(time) = trial.middle(&zeros(rows)) else { break };
        times.push((rows, time));
    }
    let batch = best(&times);
    let row_ns = times.iter().map(|&(rows, time)| nanoseconds(time) / rows as u64).min().unwrap_or(0);
    let measured = Calibration { batch, row_ns, ..single(1, "as measured") };
    if mode == LaneMode::Inline || batch == 1 {
        return Ok(measured);
    }
    Ok(match trial.difference(batch) {
        Some(Difference { ulps, apart: false }) => Calibration { ulps: Some(ulps), ..measured },
        Some(Difference { apart: true, .. }) => {
            Calibration { row_ns, ..single(1, "rows of a batch influence each other") }
        }
        None => Calibration { row_ns, ..single(1, "fails on a batch of reference rows") },
    })
}

/// A model that a row may keep busy for ever: on lanes, where a run can be ended, and no caller's row beside another's.
fn bounded_by_nothing(endpoint: &Endpoint, variant: &Variant) -> Result<Calibration, EngineError> {
    let trial = Trial { endpoint, variant, end: Instant::now() };
    let one = trial.time(&reference::rows(&endpoint.contract, None, 1))?;
    let (mode, row_ns) = (LaneMode::Lane, nanoseconds(one));
    Ok(Calibration { mode, batch: 1, one, row_ns, ulps: None, reason: "loops for as long as its rows say" })
}

/// The largest batch whose rows cost at most a tenth more than the cheapest, and that takes not too long.
fn best(times: &[(usize, Duration)]) -> usize {
    let per_row = |&(rows, time): &(usize, Duration)| time.as_nanos() as f64 / rows as f64;
    let least = times.iter().map(per_row).fold(f64::INFINITY, f64::min);
    let good = times.iter().filter(|entry| entry.1 <= LONGEST && per_row(entry) <= 1.1 * least);
    good.map(|&(rows, _)| rows).max().unwrap_or(1)
}

impl Trial<'_> {
    fn time(&self, batch: &Batch) -> Result<Duration, EngineError> {
        let began = Instant::now();
        self.run(batch)?;
        Ok(began.elapsed())
    }

    fn run(&self, batch: &Batch) -> Result<Vec<Tensor>, EngineError> {
        scoring::run_whole(self.endpoint, self.variant, batch, usize::MAX, None, || Ok(()))
    }

    fn over(&self) -> bool {
        Instant::now() >= self.end
    }

    /// The slowest of a few dozen runs, in the best of a few rounds: a busy machine must not make a fast model slow. Of a
    /// model that was never fast, a few runs tell enough.
    fn slowest(&self, batch: &Batch) -> Result<Duration, EngineError> {
        let mut best = Duration::MAX;
        for _ in 0..REPEATS {
            let (mut fastest, mut slowest) = (Duration::MAX, Duration::ZERO);
            for sample in 1..=SAMPLES {
                let took = self.time(batch)?;
                (fastest, slowest) = (fastest.min(took), slowest.max(took));
                if self.over() || (sample >= FEW && fastest > INLINE) {
                    break;
                }
            }
            best = best.min(slowest);
            if best <= INLINE || fastest > INLINE || self.over() {
                break;
            }
        }
        Ok(best)
    }

    fn middle(&self, batch: &Batch) -> Result<Duration, EngineError> {
        let mut times = Vec::with_capacity(5);
        while times.len() < 5 && (times.is_empty() || !self.over()) {
            times.push(self.time(batch)?);
        }
        times.sort_unstable();
        Ok(times.get(times.len() / 2).copied().unwrap_or_default())
    }

    /// Scores reference rows together and one by one, as many as there is time for.
    fn difference(&self, rows: usize) -> Option<Difference> {
        let profile = self.variant.drift.as_ref().map(|drift| drift.tap.profile());
        let batch = reference::rows(&self.endpoint.contract, profile, rows);
        let together = self.run(&batch).ok()?;
        let mut all = Difference::default();
        for row in 0..rows {
            let part = |tensors: &[Tensor]| {
                tensors.iter().map(|it| it.rows(row..row + 1)).collect::<Option<Vec<_>>>()
            };
            let alone = Batch { rows: 1, inputs: part(&batch.inputs)?, context: batch.context.clone() };
            let alone = self.run(&alone).ok()?;
            for (one, other) in alone.iter().zip(part(&together)?) {
                all.add(&one.data, &other.data);
            }
            if row > 0 && self.over() {
                break;
            }
        }
        Some(all)
    }
}

/// How far outputs are apart.
#[derive(Debug, Default)]
struct Difference {
    ulps: u64,
    apart: bool,
}

impl Difference {
    fn add(&mut self, one: &TensorData, other: &TensorData) {
        match (one, other) {
            (TensorData::Fp32(one), TensorData::Fp32(other)) => {
                for (&a, &b) in one.iter().zip(other) {
                    self.float(
                        f64::from(a),
                        f64::from(b),
                        ulps(
                            i64::from(a.to_bits().cast_signed()),
                            i64::from(b.to_bits().cast_signed()),
                            i64::from(i32::MIN),
                        ),
                    );
                }
            }
            (TensorData::Fp64(one), TensorData::Fp64(other)) => {
                for (&a, &b) in one.iter().zip(other) {
                    self.float(a, b, ulps(a.to_bits().cast_signed(), b.to_bits().cast_signed(), i64::MIN));
                }
            }
            (one, other) => self.apart |= one != other,
        }
    }

    fn float(&mut self, a: f64, b: f64, ulps: u64) {
        if ulps == 0 || (a.is_nan() && b.is_nan()) {
            return;
        }
        self.ulps = self.ulps.max(ulps);
        let close = (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()).max(SMALL);
        self.apart |= !(close && a.is_finite() && b.is_finite());
    }
}

/// Floating numbers between two, by their bits as signed integers; `zero` are the bits of minus zero.
fn ulps(a: i64, b: i64, zero: i64) -> u64 {
    let ordered = |bits: i64| if bits < 0 { zero.wrapping_sub(bits) } else { bits };
    ordered(a).abs_diff(ordered(b))
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_batch_that_pays_off() {
        let micros = |times: &[(usize, u64)]| {
            best(&times.iter().map(|&(rows, time)| (rows, Duration::from_micros(time))).collect::<Vec<_>>())
        };
        // The trees of RELIABILITY: bigger is worse after 64.
        assert_eq!(micros(&[(1, 11), (8, 22), (32, 52), (64, 104), (128, 448)]), 64);
        // What takes longer than 2 ms is no batch.
        assert_eq!(micros(&[(1, 2200), (2, 2300)]), 1);
        assert_eq!(micros(&[(1, 500), (2, 600), (4, 900), (8, 1700), (16, 3300)]), 8);
        assert_eq!(micros(&[(1, 100), (2, 200), (4, 400)]), 4);
        assert_eq!(micros(&[(1, 100), (2, 300)]), 1);
    }

    #[test]
    fn differences_are_counted_in_the_last_place() {
        let mut difference = Difference::default();
        let next = f32::from_bits(1.0_f32.to_bits() + 3);
        difference.add(&TensorData::Fp32(vec![1.0, f32::NAN]), &TensorData::Fp32(vec![next, f32::NAN]));
        assert_eq!((difference.ulps, difference.apart), (3, false));
        difference.add(&TensorData::Fp32(vec![0.0]), &TensorData::Fp32(vec![-0.0]));
        assert_eq!(difference.ulps, 3);
        let mut difference = Difference::default();
        difference
            .add(&TensorData::Fp64(vec![-f64::from_bits(1)]), &TensorData::Fp64(vec![f64::from_bits(1)]));
        assert_eq!((difference.ulps, difference.apart), (2, false));
        difference.add(&TensorData::Fp32(vec![1.0]), &TensorData::Fp32(vec![1.1]));
        assert!(difference.apart);
        for (one, other) in [(f32::NAN, 1.0), (f32::INFINITY, 1.0)] {
            let mut difference = Difference::default();
            difference.add(&TensorData::Fp32(vec![one]), &TensorData::Fp32(vec![other]));
            assert!(difference.apart, "{one} {other}");
        }
        let mut labels = Difference::default();
        labels.add(&TensorData::Int64(vec![1]), &TensorData::Int64(vec![1]));
        assert!(!labels.apart);
        labels.add(&TensorData::Int64(vec![1]), &TensorData::Int64(vec![2]));
        assert!(labels.apart);
    }
}
