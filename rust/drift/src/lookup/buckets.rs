//! Points in buckets: a monotone key picks the bucket, a few compares find the place in it.

use std::ops::Range;

use super::keys::Key;

/// Points compared without a branch. A fuller bucket is searched by halves.
const WIDTH: usize = 8;

/// Which points each bucket holds.
#[derive(Debug)]
pub(crate) struct Placement<K> {
    key: K,
    /// Points of bucket `b` are `starts[b]..starts[b + 1]`.
    starts: Box<[u32]>,
}

impl<K: Key> Placement<K> {
    pub(crate) fn new(points: &[f64]) -> Self {
        let (key, buckets) = K::new(points);
        let mut starts = vec![0_u32; buckets + 1];
        for &point in points {
            starts[key.bucket(point).min(buckets - 1) + 1] += 1;
        }
        for bucket in 1..=buckets {
            starts[bucket] += starts[bucket - 1];
        }
        Self { key, starts: starts.into() }
    }

    /// Reference rows in buckets too full for the branchless compare.
    pub(crate) fn crowded(&self, weights: &[u64]) -> u128 {
        let buckets = self.starts.windows(2).map(|pair| pair[0] as usize..pair[1] as usize);
        let crowded = buckets.filter(|bucket| bucket.len() > WIDTH);
        crowded
            .flat_map(|bucket| weights.get(bucket).unwrap_or_default())
            .map(|&weight| u128::from(weight))
            .sum()
    }

    /// The points of the bucket of a number that is not NaN: earlier ones are below it, later ones above.
    #[inline]
    fn range(&self, value: f64) -> Range<usize> {
        let bucket = self.key.bucket(value).min(self.starts.len() - 2);
        self.starts[bucket] as usize..self.starts[bucket + 1] as usize
    }
}

/// Sorted points in buckets.
#[derive(Debug)]
pub(crate) struct Buckets<K, P> {
    placement: Placement<K>,
    /// The points, then `WIDTH + 1` NaNs.
    points: Box<[P]>,
}

impl<K> Buckets<K, f32> {
    /// These points in half the memory, or the placement back when one of them is no single-precision number.
    pub(crate) fn single(placement: Placement<K>, points: &[f64]) -> Result<Self, Placement<K>> {
        let exact = |point: f64| f64::from(point as f32).to_bits() == point.to_bits();
        if !points.iter().all(|&point| exact(point)) {
            return Err(placement);
        }
        let points = points.iter().map(|&point| point as f32).chain([f32::NAN; WIDTH + 1]).collect();
        Ok(Self { placement, points })
    }
}

impl<K> Buckets<K, f64> {
    /// These points as they are.
    pub(crate) fn double(placement: Placement<K>, points: &[f64]) -> Self {
        Self { placement, points: points.iter().copied().chain([f64::NAN; WIDTH + 1]).collect() }
    }
}

impl<K: Key, P: Copy + Into<f64>> Buckets<K, P> {
    /// The cell of a number that is not NaN.
    #[inline]
    #[expect(clippy::float_cmp, reason = "equal to a reference point means equal")]
    pub(crate) fn cell(&self, value: f64) -> usize {
        let Range { start, end } = self.placement.range(value);
        // Points of later buckets are above the value, so that comparing a few of them too changes nothing.
        let index = if end - start <= WIDTH {
            let below =
                self.points[start..start + WIDTH].iter().map(|&point| u64::from(point.into() < value));
            start + below.sum::<u64>() as usize
        } else {
            start + self.points[start..end].partition_point(|&point| point.into() < value)
        };
        2 * index + usize::from(self.points[index].into() == value)
    }
}
