//! A checked batch: every tensor is where the contract wants it, and nothing else is there.

use crate::{Contract, DataType, Shape, Tensor, TensorData};

/// The rows of one request, in the order of the contract.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Number of rows, at least 1.
    pub rows: usize,
    /// One tensor per input of the contract, shaped `[rows]` or `[rows, k]` as the contract says.
    pub inputs: Vec<Tensor>,
    /// One column per context column of the contract, where the client sent it.
    pub context: Vec<Option<TensorData>>,
}

/// What is wrong with the inputs of a request. The text names the column, what was expected and what came.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// A name that the contract lacks.
    #[error("unknown input '{name}'; the endpoint takes: {expected}")]
    Unknown {
        /// What came.
        name: String,
        /// The names of the contract.
        expected: String,
    },
    /// An input that the contract has and the request lacks.
    #[error("input '{name}' ({datatype}) is missing")]
    Missing {
        /// The input.
        name: String,
        /// Its type.
        datatype: DataType,
    },
    /// The same input came twice.
    #[error("input '{0}' came twice")]
    Twice(String),
    /// Another element type than the contract's.
    #[error("input '{name}' must be {expected}, got {actual}")]
    Datatype {
        /// The input.
        name: String,
        /// The contract's type.
        expected: DataType,
        /// The type that came.
        actual: DataType,
    },
    /// A shape that does not fit the contract.
    #[error("input '{name}' must have shape {expected:?}, got {actual:?}")]
    Shape {
        /// The input.
        name: String,
        /// The contract's shape, -1 for rows.
        expected: Vec<i64>,
        /// The shape that came.
        actual: Vec<usize>,
    },
    /// Shape and data disagree.
    #[error("input '{name}' has shape {shape:?} but {elements} elements")]
    Elements {
        /// The input.
        name: String,
        /// The shape that came.
        shape: Vec<usize>,
        /// The number of elements that came.
        elements: usize,
    },
    /// Inputs disagree about the number of rows.
    #[error("input '{name}' has {actual} rows, the inputs before it {expected}")]
    Rows {
        /// The input.
        name: String,
        /// Rows of the first input.
        expected: usize,
        /// Rows of this one.
        actual: usize,
    },
    /// No rows at all.
    #[error("the request has no rows")]
    Empty,
}

/// Collects the tensors of one request, in any order, and checks each against the contract.
#[derive(Debug)]
pub struct BatchBuilder<'a> {
    contract: &'a Contract,
    rows: Option<usize>,
    inputs: Vec<Option<Tensor>>,
    context: Vec<Option<TensorData>>,
}

impl<'a> BatchBuilder<'a> {
    /// An empty builder.
    #[must_use]
    pub fn new(contract: &'a Contract) -> Self {
        Self {
            contract,
            rows: None,
            inputs: vec![None; contract.inputs.len()],
            context: vec![None; contract.context.len()],
        }
    }

    /// Adds a tensor. `position` is where the name is expected (the index of the tensor in the request): clients
    /// mostly send inputs in the contract's order, and then no search is needed.
    ///
    /// # Errors
    /// [`InputError`] when the contract has no such tensor, or another type or shape.
    pub fn add(
        &mut self,
        position: usize,
        name: &str,
        shape: &[usize],
        data: TensorData,
    ) -> Result<(), InputError> {
        let expected = self.contract.inputs.get(position).filter(|input| input.name == name);
        match expected.map(|_| position).or_else(|| self.contract.input(name)) {
            Some(index) => self.add_input(index, shape, data),
            None => match self.contract.context_column(name) {
                Some(index) => self.add_context(index, shape, data),
                None => Err(self.unknown(name)),
            },
        }
    }

    /// The batch, complete.
    ///
    /// # Errors
    /// [`InputError::Missing`] for the first input that did not come, [`InputError::Empty`] without rows.
    pub fn finish(self) -> Result<Batch, InputError> {
        let rows = self.rows.unwrap_or(0);
        let inputs = self
            .inputs
            .into_iter()
            .zip(&self.contract.inputs)
            .map(|(tensor, spec)| {
                tensor.ok_or_else(|| InputError::Missing { name: spec.name.clone(), datatype: spec.datatype })
            })
            .collect::<Result<_, _>>()?;
        if rows == 0 {
            return Err(InputError::Empty);
        }
        Ok(Batch { rows, inputs, context: self.context })
    }

    fn add_input(&mut self, index: usize, shape: &[usize], data: TensorData) -> Result<(), InputError> {
        let spec = &self.contract.inputs[index];
        if self.inputs[index].is_some() {
            return Err(InputError::Twice(spec.name.clone()));
        }
        check_type(&spec.name, spec.datatype, &data)?;
        let width = spec.width();
        let fits = match shape {
            [_] => width == 1,
            [_, columns] => *columns == width,
            _ => false,
        };
        if !fits {
            return Err(InputError::Shape {
                name: spec.name.clone(),
                expected: spec.shape.clone(),
                actual: shape.to_vec(),
            });
        }
        check_elements(&spec.name, shape, width, &data)?;
        self.check_rows(&spec.name, shape[0])?;
        let shape = if spec.shape.len() == 1 {
            Shape::from_slice(&[shape[0]])
        } else {
            Shape::from_slice(&[shape[0], width])
        };
        self.inputs[index] = Some(Tensor { shape, data });
        Ok(())
    }

    fn add_context(&mut self, index: usize, shape: &[usize], data: TensorData) -> Result<(), InputError> {
        let spec = &self.contract.context[index];
        if self.context[index].is_some() {
            return Err(InputError::Twice(spec.name.clone()));
        }
        check_type(&spec.name, spec.datatype, &data)?;
        if !matches!(shape, [_] | [_, 1]) {
            return Err(InputError::Shape {
                name: spec.name.clone(),
                expected: vec![-1],
                actual: shape.to_vec(),
            });
        }
        check_elements(&spec.name, shape, 1, &data)?;
        self.check_rows(&spec.name, shape[0])?;
        self.context[index] = Some(data);
        Ok(())
    }

    fn check_rows(&mut self, name: &str, actual: usize) -> Result<(), InputError> {
        match *self.rows.get_or_insert(actual) {
            expected if expected == actual => Ok(()),
            expected => Err(InputError::Rows { name: name.to_owned(), expected, actual }),
        }
    }

    fn unknown(&self, name: &str) -> InputError {
        let names: Vec<_> = self.contract.inputs.iter().map(|input| input.name.as_str()).collect();
        InputError::Unknown { name: name.to_owned(), expected: names.join(", ") }
    }
}

fn check_type(name: &str, expected: DataType, data: &TensorData) -> Result<(), InputError> {
    let actual = data.datatype();
    if actual == expected {
        return Ok(());
    }
    Err(InputError::Datatype { name: name.to_owned(), expected, actual })
}

fn check_elements(name: &str, shape: &[usize], width: usize, data: &TensorData) -> Result<(), InputError> {
    if shape[0].checked_mul(width) == Some(data.len()) {
        return Ok(());
    }
    Err(InputError::Elements { name: name.to_owned(), shape: shape.to_vec(), elements: data.len() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ContextRole, ContextSpec, InputSpec};

    fn contract() -> Contract {
        let input = |name: &str, datatype, shape: &[i64], columns: &[&str]| InputSpec {
            name: name.into(),
            datatype,
            shape: shape.to_vec(),
            columns: columns.iter().map(ToString::to_string).collect(),
            missing: None,
        };
        Contract {
            inputs: vec![
                input("carrier", DataType::Bytes, &[-1, 1], &["carrier"]),
                input("x", DataType::Fp32, &[-1, 2], &["a", "b"]),
            ],
            context: vec![ContextSpec {
                name: "tail".into(),
                datatype: DataType::Bytes,
                role: ContextRole::Key,
            }],
            outputs: vec![],
            score: None,
            threshold: 0.5,
        }
    }

    fn text(values: &[&str]) -> TensorData {
        TensorData::Bytes(values.iter().collect())
    }

    #[test]
    fn any_order_gives_the_contracts_order() {
        let contract = contract();
        let mut builder = BatchBuilder::new(&contract);
        builder.add(0, "x", &[2, 2], TensorData::Fp32(vec![1.0, 2.0, 3.0, 4.0])).unwrap();
        builder.add(1, "tail", &[2], text(&["N1", "N2"])).unwrap();
        builder.add(2, "carrier", &[2], text(&["UA", "AA"])).unwrap();
        let batch = builder.finish().unwrap();
        assert_eq!(batch.rows, 2);
        assert_eq!(batch.inputs[0].shape[..], [2, 1]);
        assert_eq!(batch.inputs[0].data, text(&["UA", "AA"]));
        assert_eq!(batch.context, [Some(text(&["N1", "N2"]))]);
    }

    #[test]
    fn each_fault_names_its_input() {
        let contract = contract();
        let add = |name: &str, shape: &[usize], data| BatchBuilder::new(&contract).add(0, name, shape, data);
        assert!(matches!(add("y", &[1], text(&["a"])), Err(InputError::Unknown { name, .. }) if name == "y"));
        assert!(matches!(add("x", &[1], text(&["a"])), Err(InputError::Datatype { .. })));
        assert!(matches!(add("x", &[1, 3], TensorData::Fp32(vec![0.0; 3])), Err(InputError::Shape { .. })));
        assert!(matches!(add("x", &[], TensorData::Fp32(vec![0.0; 2])), Err(InputError::Shape { .. })));
        assert!(matches!(
            add("x", &[2, 2], TensorData::Fp32(vec![0.0; 3])),
            Err(InputError::Elements { .. })
        ));
        assert!(matches!(
            add("x", &[usize::MAX, 2], TensorData::Fp32(vec![])),
            Err(InputError::Elements { .. })
        ));

        let mut builder = BatchBuilder::new(&contract);
        builder.add(0, "carrier", &[2], text(&["a", "b"])).unwrap();
        assert!(matches!(builder.add(0, "carrier", &[2], text(&["a", "b"])), Err(InputError::Twice(_))));
        assert!(matches!(
            builder.add(1, "x", &[1, 2], TensorData::Fp32(vec![0.0; 2])),
            Err(InputError::Rows { expected: 2, actual: 1, .. })
        ));
        assert!(matches!(builder.finish(), Err(InputError::Missing { name, .. }) if name == "x"));
    }

    #[test]
    fn no_rows_is_an_error() {
        let contract = contract();
        let mut builder = BatchBuilder::new(&contract);
        builder.add(0, "carrier", &[0], text(&[])).unwrap();
        builder.add(1, "x", &[0, 2], TensorData::Fp32(vec![])).unwrap();
        assert_eq!(builder.finish(), Err(InputError::Empty));
    }
}
