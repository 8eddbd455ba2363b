//! What the training data looked like.

use std::collections::HashSet;

use crate::{FeatureProfile, ProfileError, Role, ipc};

/// The reference of a version: one profile per feature, in a fixed order.
#[derive(Clone, Debug, PartialEq)]
pub struct ReferenceProfile {
    features: Vec<FeatureProfile>,
}

impl ReferenceProfile {
    /// A profile of these features, in this order.
    ///
    /// # Errors
    /// When there is no feature, or two share name and role.
    pub fn new(features: Vec<FeatureProfile>) -> Result<Self, ProfileError> {
        if features.is_empty() {
            return Err(ProfileError::NoFeatures);
        }
        let mut seen = HashSet::new();
        for feature in &features {
            if !seen.insert((feature.role, feature.name.as_str())) {
                let (name, role) = (feature.name.clone(), feature.role.name());
                return Err(ProfileError::DuplicateFeature { name, role });
            }
        }
        Ok(Self { features })
    }

    /// The features, in order.
    #[must_use]
    pub fn features(&self) -> &[FeatureProfile] {
        &self.features
    }

    /// Position of the feature of that role and name.
    #[must_use]
    pub fn position(&self, role: Role, name: &str) -> Option<usize> {
        self.features.iter().position(|feature| feature.role == role && feature.name == name)
    }

    /// The profile as an Arrow IPC file: one row per feature, readable with any Arrow tool (see `ipc/profile.rs`).
    ///
    /// # Errors
    /// When a column outgrows Arrow's 32-bit offsets.
    pub fn to_ipc(&self) -> Result<Vec<u8>, ProfileError> {
        ipc::profile::encode(self)
    }

    /// Reads what [`Self::to_ipc`] wrote. Damaged bytes are an error, never a panic.
    ///
    /// # Errors
    /// When the bytes are not an Arrow IPC file of this format, or a feature contradicts itself.
    pub fn from_ipc(bytes: &[u8]) -> Result<Self, ProfileError> {
        ipc::profile::decode(bytes)
    }
}
