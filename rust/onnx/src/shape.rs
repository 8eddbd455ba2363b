//! How our tensors and a graph's shapes fit each other.

use smallvec::SmallVec;
use tidegate_model::{Shape, Tensor, TensorData, TensorSpec};

/// Dimensions as the C API takes them.
pub(crate) type Dimensions = SmallVec<[i64; 4]>;

/// A size as the C API takes it.
pub(crate) fn signed(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

/// The dimensions under which `tensor` is given to the graph, if it fits: a column may come as `[rows]` or
/// `[rows, 1]`, whichever the graph wants.
pub(crate) fn dimensions(spec: &TensorSpec, rows: usize, tensor: &Tensor) -> Option<Dimensions> {
    let (first, rest) = tensor.shape.split_first()?;
    let (want_first, want_rest) = spec.shape.split_first()?;
    let rows = i64::try_from(rows).ok()?;
    let same_rows = rows > 0 && signed(*first) == rows && (*want_first == -1 || *want_first == rows);
    let elements = tensor.shape.iter().try_fold(1_usize, |n, &size| n.checked_mul(size))?;
    if !same_rows || elements != tensor.data.len() || tensor.data.datatype() != spec.datatype {
        return None;
    }
    let mut dimensions = SmallVec::from_slice(&[rows]);
    let rest: Dimensions = rest.iter().map(|&size| signed(size)).collect();
    match (&rest[..], want_rest) {
        ([], [1 | -1]) => dimensions.push(1),
        ([1], []) => {}
        _ if rest.len() == want_rest.len()
            && rest.iter().zip(want_rest).all(|(&n, &w)| w == -1 || w == n) =>
        {
            dimensions.extend(rest);
        }
        _ => return None,
    }
    Some(dimensions)
}

/// A tensor of `spec` with `rows` rows, all zero; variable dimensions other than rows are 1.
pub(crate) fn zeros(spec: &TensorSpec, rows: usize) -> Tensor {
    let rest = spec.shape.iter().skip(1).map(|&size| usize::try_from(size).unwrap_or(1));
    let shape: Shape = std::iter::once(rows).chain(rest).collect();
    let elements = shape.iter().product();
    Tensor { shape, data: TensorData::zeros(spec.datatype, elements) }
}
