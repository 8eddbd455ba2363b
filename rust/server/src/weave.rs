//! Columns of one type into a matrix, row by row.

use tidegate_model::{BytesColumn, TensorData};

/// The columns of a matrix, row by row. All have one type and one length.
pub(crate) fn interleave(mut columns: Vec<TensorData>) -> TensorData {
    macro_rules! weave {
        ($variant:ident, $first:expr) => {{
            let rows = $first.len();
            let columns: Vec<&[_]> = columns
                .iter()
                .filter_map(|column| match column {
                    TensorData::$variant(values) => Some(values.as_slice()),
                    _ => None,
                })
                .collect();
            TensorData::$variant(
                (0..rows).flat_map(|row| columns.iter().map(move |column| column[row])).collect(),
            )
        }};
    }
    if columns.len() == 1 {
        return columns.swap_remove(0);
    }
    match &columns[0] {
        TensorData::Bool(first) => weave!(Bool, first),
        TensorData::Uint8(first) => weave!(Uint8, first),
        TensorData::Uint16(first) => weave!(Uint16, first),
        TensorData::Uint32(first) => weave!(Uint32, first),
        TensorData::Uint64(first) => weave!(Uint64, first),
        TensorData::Int8(first) => weave!(Int8, first),
        TensorData::Int16(first) => weave!(Int16, first),
        TensorData::Int32(first) => weave!(Int32, first),
        TensorData::Int64(first) => weave!(Int64, first),
        TensorData::Fp16(first) => weave!(Fp16, first),
        TensorData::Fp32(first) => weave!(Fp32, first),
        TensorData::Fp64(first) => weave!(Fp64, first),
        TensorData::Bytes(first) => {
            let rows = first.len();
            let columns: Vec<&BytesColumn> = columns
                .iter()
                .filter_map(|column| match column {
                    TensorData::Bytes(values) => Some(values),
                    _ => None,
                })
                .collect();
            TensorData::Bytes(
                (0..rows).flat_map(|row| columns.iter().filter_map(move |column| column.get(row))).collect(),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::interleave;
    use tidegate_model::TensorData;

    #[test]
    fn a_matrix_is_laid_row_by_row() {
        let columns = vec![TensorData::Fp32(vec![1.0, 2.0]), TensorData::Fp32(vec![3.0, 4.0])];
        assert_eq!(interleave(columns), TensorData::Fp32(vec![1.0, 3.0, 2.0, 4.0]));
        let text = |values: [&str; 2]| TensorData::Bytes(values.iter().collect());
        assert_eq!(
            interleave(vec![text(["a", "b"]), text(["c", "d"])]),
            TensorData::Bytes(["a", "c", "b", "d"].iter().collect())
        );
    }
}
