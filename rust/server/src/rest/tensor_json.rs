//! The `data` of one tensor in JSON: flat or nested, row-major.

use tidegate_model::Shape;

use super::column::Column;
use super::tokens::{Token, Tokens};
use crate::fault::Fault;

#[derive(Default)]
struct Level {
    scalars: usize,
    arrays: usize,
}

/// Reads the valid JSON text `data` into `column`. Nested arrays must have the lengths of `shape`; a flat array's length
/// is checked with the contract.
pub(super) fn read(name: &str, data: &str, shape: &Shape, column: &mut Column) -> Result<(), Fault> {
    let mut levels: Vec<Level> = Vec::with_capacity(shape.len());
    for token in Tokens::new(data) {
        match token {
            Token::ArrayStart => {
                if let Some(level) = levels.last_mut() {
                    level.arrays += 1;
                }
                if levels.len() >= shape.len().max(1) {
                    return Err(ragged(name, shape));
                }
                levels.push(Level::default());
            }
            Token::ArrayEnd => {
                let Some(level) = levels.pop() else { return Err(no_array(name)) };
                check_level(name, shape, levels.len(), &level)?;
            }
            scalar => {
                let Some(level) = levels.last_mut() else { return Err(no_array(name)) };
                level.scalars += 1;
                column.push(&scalar).map_err(|refused| {
                    let datatype = column.datatype();
                    let index = column.len();
                    Fault::invalid(format!(
                        "input '{name}' must be {datatype}, element {index} is {}",
                        refused.0
                    ))
                })?;
            }
        }
    }
    Ok(())
}

fn check_level(name: &str, shape: &Shape, depth: usize, level: &Level) -> Result<(), Fault> {
    let nested = depth > 0 || level.arrays > 0;
    let mixed = level.arrays > 0 && level.scalars > 0;
    let innermost = depth + 1 == shape.len();
    let misplaced = nested && (if innermost { level.arrays > 0 } else { level.scalars > 0 });
    if mixed || misplaced || (nested && shape.get(depth) != Some(&(level.arrays + level.scalars))) {
        return Err(ragged(name, shape));
    }
    Ok(())
}

fn no_array(name: &str) -> Fault {
    Fault::invalid(format!("the data of input '{name}' must be an array"))
}

fn ragged(name: &str, shape: &Shape) -> Fault {
    Fault::invalid(format!("the nested data of input '{name}' does not have its shape {shape:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_model::{DataType, TensorData};

    fn fp32(data: &str, shape: &[usize]) -> Result<TensorData, String> {
        let mut column = Column::new(DataType::Fp32, None, 0);
        read("x", data, &Shape::from_slice(shape), &mut column).map_err(|fault| fault.message)?;
        Ok(column.into_data())
    }

    #[test]
    fn flat_and_nested_are_the_same() {
        let expected = Ok(TensorData::Fp32(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
        assert_eq!(fp32("[1,2,3,4,5,6]", &[2, 3]), expected);
        assert_eq!(fp32("[[1,2,3],[4,5,6]]", &[2, 3]), expected);
        assert_eq!(fp32("[[[1],[2],[3]],[[4],[5],[6]]]", &[2, 3, 1]), expected);
        assert_eq!(fp32("[]", &[0, 3]), Ok(TensorData::Fp32(vec![])));
    }

    #[test]
    fn a_nesting_that_is_not_the_shape_is_refused() {
        for data in
            ["[[1,2],[3,4,5,6]]", "[[1,2,3]]", "[1,[2,3,4]]", "[[1,2,[3]],[4,5,6]]", "[[[1,2,3]],[[4,5,6]]]"]
        {
            let message = fp32(data, &[2, 3]).unwrap_err();
            assert!(message.contains("'x'") && message.contains("[2, 3]"), "{data}: {message}");
        }
        assert!(fp32("7", &[1]).unwrap_err().contains("must be an array"));
    }

    #[test]
    fn a_wrong_value_is_named_with_its_place() {
        assert_eq!(fp32("[1,\"a\"]", &[2]).unwrap_err(), "input 'x' must be FP32, element 1 is \"a\"");
        assert_eq!(fp32("[{}]", &[1]).unwrap_err(), "input 'x' must be FP32, element 0 is an object");
    }
}
