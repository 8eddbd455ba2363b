//! The first row through every variant, before anybody waits for it.

use tidegate_model::{Batch, Contract, Shape, Tensor, TensorData};

use crate::snapshot::Endpoint;
use crate::{InstallError, scoring};

/// Scores one row of zeros and empty strings with each variant.
pub(crate) fn warm(endpoint: &Endpoint) -> Result<(), InstallError> {
    let batch = zeros(&endpoint.contract);
    for variant in &endpoint.variants {
        scoring::run(endpoint, variant, &batch).map_err(|error| InstallError::Warm {
            endpoint: endpoint.name.clone(),
            version: variant.version.to_string(),
            source: Box::new(error),
        })?;
    }
    Ok(())
}

fn zeros(contract: &Contract) -> Batch {
    let inputs = contract.inputs.iter().map(|input| {
        let shape = if input.shape.len() == 1 {
            Shape::from_slice(&[1])
        } else {
            Shape::from_slice(&[1, input.width()])
        };
        Tensor { shape, data: TensorData::zeros(input.datatype, input.width()) }
    });
    Batch { rows: 1, inputs: inputs.collect(), context: vec![None; contract.context.len()] }
}
