//! What both transports say of a tensor beside its elements: type and shape, checked.

use tidegate_model::{Contract, DataType, Shape};

use crate::fault::Fault;

/// The type of that name.
pub(crate) fn datatype(input: &str, name: &str) -> Result<DataType, Fault> {
    DataType::from_name(name).ok_or_else(|| {
        let names: Vec<_> = DataType::ALL.iter().map(|datatype| datatype.name()).collect();
        let name: String = name.chars().take(40).collect();
        Fault::invalid(format!(
            "input '{input}' has the unknown datatype '{name}', expected one of {}",
            names.join(", ")
        ))
    })
}

/// The shape, with every dimension from 0 up.
pub(crate) fn shape(input: &str, dimensions: &[i64]) -> Result<Shape, Fault> {
    dimensions.iter().map(|dimension| usize::try_from(*dimension)).collect::<Result<_, _>>().map_err(|_| {
        Fault::invalid(format!("input '{input}' has shape {dimensions:?}; no dimension may be negative"))
    })
}

/// The positions of the outputs that a request names; all of them when it names none.
pub(crate) fn outputs<'a>(
    contract: &Contract,
    names: impl Iterator<Item = &'a str>,
) -> Result<Vec<usize>, Fault> {
    let mut positions = Vec::with_capacity(contract.outputs.len());
    for name in names {
        let found = contract.outputs.iter().position(|output| output.name == name);
        positions.push(found.ok_or_else(|| {
            let known: Vec<_> = contract.outputs.iter().map(|output| output.name.as_str()).collect();
            let name: String = name.chars().take(80).collect();
            Fault::invalid(format!("unknown output '{name}'; the endpoint gives: {}", known.join(", ")))
        })?);
    }
    if positions.is_empty() {
        positions.extend(0..contract.outputs.len());
    }
    Ok(positions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_model::TensorSpec;

    #[test]
    fn faults_name_the_tensor() {
        assert!(datatype("x", "fp32").unwrap_err().message.contains("'x' has the unknown datatype 'fp32'"));
        assert!(shape("x", &[2, -1]).unwrap_err().message.contains("'x' has shape [2, -1]"));
        assert_eq!(shape("x", &[2, 3]).unwrap()[..], [2, 3]);
    }

    #[test]
    fn outputs_come_as_asked_or_all() {
        let output = |name: &str| TensorSpec { name: name.into(), datatype: DataType::Fp32, shape: vec![-1] };
        let contract = Contract {
            inputs: vec![],
            context: vec![],
            outputs: vec![output("label"), output("probabilities")],
            score: None,
            threshold: 0.5,
        };
        assert_eq!(outputs(&contract, [].into_iter()).unwrap(), [0, 1]);
        assert_eq!(outputs(&contract, ["probabilities"].into_iter()).unwrap(), [1]);
        let message = outputs(&contract, ["p"].into_iter()).unwrap_err().message;
        assert_eq!(message, "unknown output 'p'; the endpoint gives: label, probabilities");
    }
}
