//! Points in buckets: a monotone key picks the bucket, a few compares find the place in it.

use std::fmt::Debug;

/// Buckets for each point, which leaves most of them with one point or none.
const BUCKETS_PER_POINT: usize = 4;
/// Points compared without a branch. A fuller bucket is searched by halves.
const WIDTH: usize = 4;

/// A map from numbers to buckets that never falls as the number rises, rounding included: that alone makes lookups exact.
pub(crate) trait Key: Debug + Sized {
    /// The map that spreads these points, which are not empty, over `buckets` buckets.
    fn new(points: &[f64], buckets: usize) -> Self;
    /// The bucket of a number that is not NaN; may pass the last one.
    fn bucket(&self, value: f64) -> usize;
}

/// Buckets of equal width between the least and the greatest finite point.
#[derive(Debug)]
pub(crate) struct Linear {
    low: f64,
    scale: f64,
}

impl Key for Linear {
    fn new(points: &[f64], buckets: usize) -> Self {
        let mut finite = points.iter().copied().filter(|point| point.is_finite());
        let low = finite.next().unwrap_or_default();
        let scale = buckets as f64 / (finite.next_back().unwrap_or(low) - low);
        Self { low, scale: if scale.is_finite() { scale } else { 0.0 } }
    }

    #[inline]
    fn bucket(&self, value: f64) -> usize {
        // Casts saturate: what is below goes to bucket 0. `inf * 0` is NaN and goes there too, as everything does then.
        ((value - self.low) * self.scale) as usize
    }
}

/// Buckets over the ordered bits of the number: steps of its logarithm, on both sides of zero.
#[derive(Debug)]
pub(crate) struct LogKey {
    low: u64,
    shift: u32,
}

/// The bits of a number as an integer of the same order.
#[inline]
fn ordered(value: f64) -> u64 {
    let bits = (value + 0.0).to_bits();
    bits ^ ((((bits as i64) >> 63) as u64) | 1 << 63)
}

impl Key for LogKey {
    fn new(points: &[f64], buckets: usize) -> Self {
        let low = points.first().copied().map_or(0, ordered);
        let range = points.last().copied().map_or(0, ordered) - low;
        let bits = u64::BITS - range.leading_zeros();
        Self { low, shift: bits.saturating_sub(buckets.ilog2()) }
    }

    #[inline]
    fn bucket(&self, value: f64) -> usize {
        (ordered(value).saturating_sub(self.low) >> self.shift) as usize
    }
}

/// Sorted points, and where each bucket's points start.
#[derive(Debug)]
pub(crate) struct Buckets<K> {
    key: K,
    /// Points of bucket `b` are `starts[b]..starts[b + 1]`.
    starts: Box<[u32]>,
    /// The points, then `WIDTH + 1` NaNs, which are neither below nor equal to anything.
    points: Box<[f64]>,
}

impl<K: Key> Buckets<K> {
    pub(crate) fn new(points: &[f64]) -> Self {
        let buckets = (BUCKETS_PER_POINT * points.len()).next_power_of_two();
        let key = K::new(points, buckets);
        let mut starts = vec![0_u32; buckets + 1];
        for &point in points {
            starts[key.bucket(point).min(buckets - 1) + 1] += 1;
        }
        for bucket in 1..=buckets {
            starts[bucket] += starts[bucket - 1];
        }
        let points = points.iter().copied().chain([f64::NAN; WIDTH + 1]).collect();
        Self { key, starts: starts.into(), points }
    }

    /// Expected compares for a value distributed as the reference.
    pub(crate) fn cost(&self, weights: &[u64]) -> u128 {
        let cost = |points: usize| if points <= WIDTH { 0 } else { u128::from(points.ilog2()) };
        let buckets = self.starts.windows(2).map(|pair| pair[0] as usize..pair[1] as usize);
        let rows = |bucket| {
            weights.get(bucket).into_iter().flatten().map(|&weight| u128::from(weight)).sum::<u128>()
        };
        buckets.map(|bucket| cost(bucket.len()) * rows(bucket)).sum()
    }

    /// The cell of a number that is not NaN.
    #[inline]
    pub(crate) fn cell(&self, value: f64) -> usize {
        let bucket = self.key.bucket(value).min(self.starts.len() - 2);
        let (start, end) = (self.starts[bucket] as usize, self.starts[bucket + 1] as usize);
        // Points of later buckets are above the value, so that comparing a few of them too changes nothing.
        let index = if end - start <= WIDTH {
            let below = self.points[start..start + WIDTH].iter().map(|&point| usize::from(point < value));
            start + below.sum::<usize>()
        } else {
            start + self.points[start..end].partition_point(|&point| point < value)
        };
        2 * index + usize::from(self.points[index] == value)
    }
}
