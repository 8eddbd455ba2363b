//! Fits a model's signature to an endpoint's contract, by name.

use tidegate_model::{Contract, DataType, Signature};

use crate::Mismatch;
use crate::snapshot::Wiring;

/// Finds the model's inputs in the contract and the contract's outputs in the model.
///
/// # Errors
/// [`Mismatch`] naming the first tensor that is missing, or of another type or width.
pub(crate) fn wire(contract: &Contract, signature: &Signature) -> Result<Wiring, Mismatch> {
    let mut inputs = Vec::with_capacity(signature.inputs.len());
    for wanted in &signature.inputs {
        let index = contract.input(&wanted.name).ok_or_else(|| Mismatch::Input(wanted.name.clone()))?;
        let given = &contract.inputs[index];
        compare(&wanted.name, (given.datatype, &given.shape), (wanted.datatype, &wanted.shape))?;
        inputs.push(index);
    }
    let mut outputs = Vec::with_capacity(contract.outputs.len());
    for wanted in &contract.outputs {
        let index = signature
            .outputs
            .iter()
            .position(|output| output.name == wanted.name)
            .ok_or_else(|| Mismatch::Output(wanted.name.clone()))?;
        let given = &signature.outputs[index];
        compare(&wanted.name, (wanted.datatype, &wanted.shape), (given.datatype, &given.shape))?;
        outputs.push(index);
    }
    Ok(Wiring { inputs, outputs })
}

type Described<'a> = (DataType, &'a [i64]);

/// Same type, same rank, same width where both name one. The first dimension counts rows, whatever it says.
fn compare(name: &str, contract: Described<'_>, model: Described<'_>) -> Result<(), Mismatch> {
    let widths = contract.1.iter().zip(model.1).skip(1);
    let fit = contract.0 == model.0
        && contract.1.len() == model.1.len()
        && widths.into_iter().all(|(&a, &b)| a == b || a < 0 || b < 0);
    if fit {
        return Ok(());
    }
    let describe = |(datatype, shape): Described<'_>| format!("{datatype} {shape:?}");
    Err(Mismatch::Tensor { name: name.to_owned(), expected: describe(contract), actual: describe(model) })
}
