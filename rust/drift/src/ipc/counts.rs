//! Counts of variants as an Arrow IPC stream: metadata `tidegate.format = 1`, one row per variant and feature.
//!
//! Columns: variant (utf8, the version's digest), version (utf8), shadow (bool), feature (utf8), role (utf8: `input` or
//! `score`), rows (uint64, with a value or without), missing (uint64), nonfinite (uint64), cells (list of uint64: for a
//! numeric feature `2U + 1` cells, for a categorical one its own categories, then rare, then unseen).

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, ListBuilder, StringBuilder, UInt64Builder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::columns::{Columns, Problem, list};
use super::messages::read_stream;
use crate::{Counts, CountsError, FeatureCounts, ReferenceProfile, Role};

/// The counts of one variant, each feature with its role and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariantCounts {
    /// The version's digest.
    pub variant: String,
    /// The version's number, as text.
    pub version: String,
    /// Whether the variant is a shadow.
    pub shadow: bool,
    /// Role and name of each feature, and its counts.
    pub features: Vec<(Role, String, FeatureCounts)>,
}

impl VariantCounts {
    /// The counts of a variant whose profile is `profile`.
    ///
    /// # Errors
    /// When the counts do not have the profile's shape.
    pub fn new(
        variant: impl Into<String>,
        version: impl Into<String>,
        shadow: bool,
        profile: &ReferenceProfile,
        counts: &Counts,
    ) -> Result<Self, CountsError> {
        counts.check(profile)?;
        let features = profile.features().iter().zip(counts.features());
        let features =
            features.map(|(feature, counts)| (feature.role, feature.name.clone(), counts.clone())).collect();
        Ok(Self { variant: variant.into(), version: version.into(), shadow, features })
    }

    /// These counts in the order of `profile`. Features that the profile lacks are left out.
    ///
    /// # Errors
    /// When a feature of the profile is not here or has other cells.
    pub fn counts(&self, profile: &ReferenceProfile) -> Result<Counts, CountsError> {
        let find = |role: Role, name: &str| self.features.iter().find(|(r, n, _)| *r == role && n == name);
        let mut features = Vec::new();
        for feature in profile.features() {
            let (_, _, counts) = find(feature.role, &feature.name).ok_or_else(|| CountsError::Format {
                problem: format!("{} feature `{}`: expected, none came", feature.role.name(), feature.name),
            })?;
            features.push(counts.clone());
        }
        let counts = Counts::from_features(features);
        counts.check(profile)?;
        Ok(counts)
    }
}

fn schema() -> SchemaRef {
    let field = |name: &str, datatype: DataType| Field::new(name, datatype, false);
    let fields = vec![
        field("variant", DataType::Utf8),
        field("version", DataType::Utf8),
        field("shadow", DataType::Boolean),
        field("feature", DataType::Utf8),
        field("role", DataType::Utf8),
        field("rows", DataType::UInt64),
        field("missing", DataType::UInt64),
        field("nonfinite", DataType::UInt64),
        field("cells", list(DataType::UInt64)),
    ];
    let metadata = HashMap::from([("tidegate.format".to_owned(), "1".to_owned())]);
    Arc::new(Schema::new(fields).with_metadata(metadata))
}

#[derive(Default)]
struct Builders {
    variant: StringBuilder,
    version: StringBuilder,
    shadow: BooleanBuilder,
    feature: StringBuilder,
    role: StringBuilder,
    rows: UInt64Builder,
    missing: UInt64Builder,
    nonfinite: UInt64Builder,
    cells: ListBuilder<UInt64Builder>,
}

impl Builders {
    fn push(&mut self, variant: &VariantCounts) {
        for (role, name, counts) in &variant.features {
            self.variant.append_value(&variant.variant);
            self.version.append_value(&variant.version);
            self.shadow.append_value(variant.shadow);
            self.feature.append_value(name);
            self.role.append_value(role.name());
            self.rows.append_value(counts.rows());
            self.missing.append_value(counts.missing());
            self.nonfinite.append_value(counts.nonfinite());
            self.cells.append_value(counts.cells().iter().copied().map(Some));
        }
    }

    fn finish(mut self) -> Vec<ArrayRef> {
        vec![
            Arc::new(self.variant.finish()),
            Arc::new(self.version.finish()),
            Arc::new(self.shadow.finish()),
            Arc::new(self.feature.finish()),
            Arc::new(self.role.finish()),
            Arc::new(self.rows.finish()),
            Arc::new(self.missing.finish()),
            Arc::new(self.nonfinite.finish()),
            Arc::new(self.cells.finish()),
        ]
    }
}

/// The counts of these variants as Arrow IPC stream bytes.
///
/// # Errors
/// When a column outgrows Arrow's 32-bit offsets.
pub fn encode(variants: &[VariantCounts]) -> Result<Vec<u8>, CountsError> {
    let cells: usize =
        variants.iter().flat_map(|v| &v.features).map(|(_, _, counts)| counts.cells().len()).sum();
    if cells > i32::MAX as usize {
        return Err(CountsError::TooLarge);
    }
    let mut builders = Builders::default();
    for variant in variants {
        builders.push(variant);
    }
    let schema = schema();
    let batch = RecordBatch::try_new(Arc::clone(&schema), builders.finish())?;
    let mut writer = StreamWriter::try_new(Vec::new(), &schema)?;
    writer.write(&batch)?;
    Ok(writer.into_inner()?)
}

/// Reads what [`encode`] wrote. Damaged bytes are an error, never a panic.
///
/// # Errors
/// When the bytes are not an Arrow IPC stream of this format, or counts contradict themselves.
pub fn decode(bytes: &[u8]) -> Result<Vec<VariantCounts>, CountsError> {
    let batches = read_stream(bytes, &schema()).map_err(|problem| CountsError::Format { problem })?;
    let mut variants: Vec<VariantCounts> = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            push(&mut variants, &Columns(&batch), row)?;
        }
    }
    Ok(variants)
}

fn push(variants: &mut Vec<VariantCounts>, columns: &Columns<'_>, row: usize) -> Result<(), CountsError> {
    let format = |problem: Problem| CountsError::Format { problem };
    let variant = columns.text("variant", row).map_err(format)?;
    let version = columns.text("version", row).map_err(format)?;
    let shadow = columns.boolean("shadow", row).map_err(format)?;
    let role = columns.text("role", row).map_err(format)?;
    let role =
        Role::from_name(role).ok_or_else(|| format(format!("role `{role}`: expected input or score")))?;
    let name = columns.text("feature", row).map_err(format)?.to_owned();
    let cells = columns.counts("cells", row).map_err(format)?;
    let missing = columns.count("missing", row).map_err(format)?;
    let nonfinite = columns.count("nonfinite", row).map_err(format)?;
    let counts = FeatureCounts::new(row, cells, missing, nonfinite)?;
    let rows = columns.count("rows", row).map_err(format)?;
    if rows != counts.rows() {
        return Err(format(format!(
            "feature `{name}`: rows {rows}, cells and missing add up to {}",
            counts.rows()
        )));
    }
    let same = |v: &VariantCounts| v.variant == variant && v.version == version && v.shadow == shadow;
    if !variants.last().is_some_and(same) {
        let (variant, version) = (variant.to_owned(), version.to_owned());
        variants.push(VariantCounts { variant, version, shadow, features: Vec::new() });
    }
    if let Some(variant) = variants.last_mut() {
        variant.features.push((role, name, counts));
    }
    Ok(())
}
