//! `QuickScorer` with a row in each lane of AVX2's vectors.

use std::arch::x86_64::{
    __m256, __m256i, _CMP_NLE_UQ, _mm256_add_epi32, _mm256_add_ps, _mm256_and_si256, _mm256_andnot_si256,
    _mm256_blendv_ps, _mm256_castps_si256, _mm256_castsi256_ps, _mm256_cmp_ps, _mm256_cvtepi32_ps,
    _mm256_loadu_ps, _mm256_permutevar8x32_ps, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_si256,
    _mm256_slli_epi32, _mm256_srli_epi32, _mm256_storeu_ps, _mm256_sub_epi32,
};

use crate::quick::{BITS, Quick};

/// Rows in a vector.
pub(crate) const LANES: usize = 8;

/// Proof that the machine has AVX2.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lanes(());

impl Lanes {
    /// The proof, if there is one.
    pub(crate) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }

    /// Adds up the leaves of `V * LANES` rows. `rows` holds a vector of them for each column of the forest's rows, `sums` one for
    /// each target.
    #[expect(clippy::unused_self, reason = "whoever has it may call")]
    pub(crate) fn sum<const V: usize>(self, quick: &Quick, rows: &[f32], sums: &mut [f32]) {
        let (columns, targets) = (rows.as_chunks::<LANES>().0, sums.as_chunks_mut::<LANES>().0);
        // SAFETY: `self` is made where AVX2 was found.
        unsafe { sum::<V>(quick, columns, targets) }
    }
}

#[target_feature(enable = "avx2")]
fn sum<const V: usize>(quick: &Quick, columns: &[[f32; LANES]], sums: &mut [[f32; LANES]]) {
    let mut begin = 0;
    for ((&end, held), &target) in quick.ends.iter().zip(&quick.held).zip(&quick.target) {
        let mut reachable = [_mm256_set1_epi32(-1); V];
        for branch in &quick.branches[begin..end] {
            let threshold = _mm256_set1_ps(branch.threshold);
            let left = _mm256_set1_epi32(branch.left.cast_signed());
            let first = branch.column as usize * V;
            for (reachable, column) in reachable.iter_mut().zip(&columns[first..first + V]) {
                let goes_right = _mm256_cmp_ps::<_CMP_NLE_UQ>(load(column), threshold);
                let cleared = _mm256_and_si256(_mm256_castps_si256(goes_right), left);
                *reachable = _mm256_andnot_si256(cleared, *reachable);
            }
        }
        begin = end;
        for (reachable, sum) in reachable.into_iter().zip(&mut sums[target * V..][..V]) {
            let total = _mm256_add_ps(load(sum), leaf(held, reachable));
            store(sum, total);
        }
    }
}

/// What the leaf of the lowest bit holds, in each lane.
#[target_feature(enable = "avx2")]
fn leaf(held: &[f32; BITS], reachable: __m256i) -> __m256 {
    let lowest = _mm256_and_si256(reachable, _mm256_sub_epi32(_mm256_setzero_si256(), reachable));
    // A power of two's exponent, which is 127 too high; 128 is 0 in the five bits that count.
    let exponent = _mm256_srli_epi32::<23>(_mm256_castps_si256(_mm256_cvtepi32_ps(lowest)));
    let number = _mm256_add_epi32(exponent, _mm256_set1_epi32(1));
    let (quarters, _) = held.as_chunks::<LANES>();
    let quarter = |index: usize| _mm256_permutevar8x32_ps(load(&quarters[index]), number);
    let bit3 = _mm256_castsi256_ps(_mm256_slli_epi32::<28>(number));
    let bit4 = _mm256_castsi256_ps(_mm256_slli_epi32::<27>(number));
    let low = _mm256_blendv_ps(quarter(0), quarter(1), bit3);
    let high = _mm256_blendv_ps(quarter(2), quarter(3), bit3);
    _mm256_blendv_ps(low, high, bit4)
}

#[target_feature(enable = "avx2")]
fn load(values: &[f32; LANES]) -> __m256 {
    // SAFETY: eight floats are there, and the load asks for no alignment.
    unsafe { _mm256_loadu_ps(values.as_ptr()) }
}

#[target_feature(enable = "avx2")]
fn store(values: &mut [f32; LANES], vector: __m256) {
    // SAFETY: eight floats are there, and the store asks for no alignment.
    unsafe { _mm256_storeu_ps(values.as_mut_ptr(), vector) }
}
