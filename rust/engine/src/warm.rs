//! The first rows through every variant, before anybody waits for them.

use crate::lanes::{calibrate, rows};
use crate::snapshot::{Endpoint, Variant};
use crate::{InstallError, scoring};

/// Scores one row of zeros and empty strings with each variant, and measures those that answer.
pub(crate) fn warm(endpoint: &Endpoint, output_limit: usize) -> Result<(), InstallError> {
    let batch = rows(&endpoint.contract, None, 1);
    for variant in &endpoint.variants {
        let first = scoring::run_whole(endpoint, variant, &batch, output_limit, None, || Ok(()));
        first.map_err(|error| InstallError::Warm {
            endpoint: endpoint.name.clone(),
            version: variant.version.to_string(),
            source: Box::new(error),
        })?;
        measure(endpoint, variant);
    }
    Ok(())
}

/// Once for each version, and not where the deployment says it all.
fn measure(endpoint: &Endpoint, variant: &Variant) {
    let said = variant.lane.is_some_and(|lane| lane.mode.is_some() && lane.batch.is_some());
    if said || variant.shadow || variant.line.calibration.get().is_some() {
        return;
    }
    match calibrate(endpoint, variant) {
        Ok(calibration) => {
            let _ = variant.line.calibration.set(calibration);
        }
        Err(error) => {
            tracing::warn!(endpoint = %endpoint.name, version = %variant.version, %error, "a model could not be measured");
        }
    }
}
