//! Maps from numbers to buckets.

use std::fmt::Debug;

/// Buckets for each point.
const BUCKETS_PER_POINT: usize = 1;
/// Points that need no more than one bucket.
const FEW: usize = 4;
/// Sections of a [`Sections`] key, as a power of two.
const SECTION_BITS: u32 = 6;

/// A map from numbers to buckets that never falls as the number rises, rounding included: that alone makes lookups exact.
pub(crate) trait Key: Debug + Sized {
    /// A map for these ascending points, and its number of buckets.
    fn new(points: &[f64]) -> (Self, usize);
    /// The bucket of a number that is not NaN; may pass the last one.
    fn bucket(&self, value: f64) -> usize;
}

/// Buckets of equal width between the least and the greatest finite point: for data that is spread out.
#[derive(Debug)]
pub(crate) struct Linear {
    low: f64,
    scale: f64,
}

impl Linear {
    fn spread(points: &[f64], buckets: usize) -> Self {
        let mut finite = points.iter().copied().filter(|point| point.is_finite());
        let low = finite.next().unwrap_or_default();
        let scale = buckets as f64 / (finite.next_back().unwrap_or(low) - low);
        Self { low, scale: if scale.is_finite() { scale } else { 0.0 } }
    }
}

impl Key for Linear {
    fn new(points: &[f64]) -> (Self, usize) {
        let buckets = buckets(points.len());
        (Self::spread(points, buckets), buckets)
    }

    #[inline]
    fn bucket(&self, value: f64) -> usize {
        // The cast saturates: what is below goes to bucket 0. `inf * 0` is NaN and goes there too, as everything does then.
        ((value - self.low) * self.scale) as u32 as usize
    }
}

/// Sections of a fraction of an octave each, on both sides of zero, with equal buckets in each of them as its points
/// need: for heavy tails.
#[derive(Debug)]
pub(crate) struct Sections {
    /// Magnitudes below this, as bits, count as zero: else the octaves next to zero would take all sections.
    least: u64,
    low: i64,
    shift: u32,
    parts: Box<[Section]>,
}

#[derive(Debug)]
struct Section {
    linear: Linear,
    first: u32,
    last: u32,
}

impl Sections {
    #[inline]
    fn section(&self, value: f64) -> usize {
        (octave(value, self.least).saturating_sub(self.low).max(0) >> self.shift) as usize
    }
}

impl Key for Sections {
    fn new(points: &[f64]) -> (Self, usize) {
        let least = least(points);
        let low = points.first().map_or(0, |&point| octave(point, least));
        let range = (points.last().map_or(0, |&point| octave(point, least)) - low) as u64;
        let shift = (u64::BITS - range.leading_zeros()).saturating_sub(SECTION_BITS);
        let mut key = Self { least, low, shift, parts: Box::default() };
        let (mut parts, mut start, mut first) = (Vec::new(), 0, 0);
        for section in 0..=(range >> shift) as usize {
            let end = start + points[start..].partition_point(|&point| key.section(point) <= section);
            let buckets = buckets(end - start);
            let linear = Linear::spread(&points[start..end], buckets);
            parts.push(Section { linear, first, last: first + buckets as u32 - 1 });
            start = end;
            first += buckets as u32;
        }
        key.parts = parts.into();
        (key, first as usize)
    }

    #[inline]
    fn bucket(&self, value: f64) -> usize {
        let section = &self.parts[self.section(value).min(self.parts.len() - 1)];
        (section.first as usize + section.linear.bucket(value)).min(section.last as usize)
    }
}

/// The bits of the magnitude that one point in 64 is below.
fn least(points: &[f64]) -> u64 {
    let mut magnitudes: Vec<u64> = points.iter().map(|point| point.abs().to_bits()).collect();
    magnitudes.sort_unstable();
    magnitudes.get(magnitudes.len() / 64).copied().unwrap_or_default()
}

/// The logarithm of a number, in a way: the bits of its magnitude above `least`, with its sign.
#[inline]
fn octave(value: f64, least: u64) -> i64 {
    let magnitude = value.abs().to_bits().saturating_sub(least).cast_signed();
    if value < 0.0 { -magnitude } else { magnitude }
}

fn buckets(points: usize) -> usize {
    if points <= FEW { 1 } else { BUCKETS_PER_POINT * points }
}
