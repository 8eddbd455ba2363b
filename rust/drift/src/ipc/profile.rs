//! A reference profile as an Arrow IPC file: metadata `tidegate.format = 1`, one row per feature.
//!
//! | column | type | holds |
//! |---|---|---|
//! | name, role, kind | utf8 | the feature; `input` or `score`; `numeric` or `categorical` |
//! | missing, nonfinite | uint64 | reference rows without a value; with an infinite one |
//! | mode | utf8? | `discrete` or `quantile`; null for categorical features |
//! | points, weights | list of float64?, uint64? | distinct reference values, ascending, and the rows equal to each |
//! | gaps | list of uint64? | reference rows before, between and after the points |
//! | edges | list of float64? | PSI edges, each one of the points; bins are closed on the right |
//! | categories, counts | list of binary?, uint64? | categories with a bin of their own, and their rows |
//! | rare | list of binary? | categories without a bin of their own |
//! | `rare_count` | uint64? | rows of the rare categories together |

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, Float64Builder, ListBuilder, StringBuilder, UInt64Builder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::columns::{Columns, Problem, list};
use super::messages::read_file;
use crate::numeric::NumericParts;
use crate::{
    CategoricalProfile, FeatureProfile, Kind, Mode, NumericProfile, ProfileError, ReferenceProfile, Role,
};

fn schema() -> SchemaRef {
    let field = |name: &str, datatype: DataType, nullable: bool| Field::new(name, datatype, nullable);
    let fields = vec![
        field("name", DataType::Utf8, false),
        field("role", DataType::Utf8, false),
        field("kind", DataType::Utf8, false),
        field("missing", DataType::UInt64, false),
        field("nonfinite", DataType::UInt64, false),
        field("mode", DataType::Utf8, true),
        field("points", list(DataType::Float64), true),
        field("weights", list(DataType::UInt64), true),
        field("gaps", list(DataType::UInt64), true),
        field("edges", list(DataType::Float64), true),
        field("categories", list(DataType::Binary), true),
        field("counts", list(DataType::UInt64), true),
        field("rare", list(DataType::Binary), true),
        field("rare_count", DataType::UInt64, true),
    ];
    let metadata = HashMap::from([("tidegate.format".to_owned(), "1".to_owned())]);
    Arc::new(Schema::new(fields).with_metadata(metadata))
}

#[derive(Default)]
struct Builders {
    name: StringBuilder,
    role: StringBuilder,
    kind: StringBuilder,
    missing: UInt64Builder,
    nonfinite: UInt64Builder,
    mode: StringBuilder,
    points: ListBuilder<Float64Builder>,
    weights: ListBuilder<UInt64Builder>,
    gaps: ListBuilder<UInt64Builder>,
    edges: ListBuilder<Float64Builder>,
    categories: ListBuilder<BinaryBuilder>,
    counts: ListBuilder<UInt64Builder>,
    rare: ListBuilder<BinaryBuilder>,
    rare_count: UInt64Builder,
}

impl Builders {
    fn push(&mut self, feature: &FeatureProfile) {
        self.name.append_value(&feature.name);
        self.role.append_value(feature.role.name());
        self.kind.append_value(feature.kind.name());
        self.missing.append_value(feature.reference_missing());
        let (numeric, categorical) = match &feature.kind {
            Kind::Numeric(numeric) => (Some(numeric), None),
            Kind::Categorical(categorical) => (None, Some(categorical)),
        };
        self.nonfinite.append_value(numeric.map_or(0, NumericProfile::nonfinite));
        self.mode.append_option(numeric.map(|n| n.mode().name()));
        self.points.append_option(numeric.map(|n| n.points().iter().copied().map(Some)));
        self.weights.append_option(numeric.map(|n| n.weights().iter().copied().map(Some)));
        self.gaps.append_option(numeric.map(|n| n.gaps().iter().copied().map(Some)));
        self.edges.append_option(numeric.map(|n| n.edges().iter().copied().map(Some)));
        self.categories.append_option(categorical.map(|c| c.categories().iter().map(Some)));
        self.counts.append_option(categorical.map(|c| c.counts().iter().copied().map(Some)));
        self.rare.append_option(categorical.map(|c| c.rare().iter().map(Some)));
        self.rare_count.append_option(categorical.map(CategoricalProfile::rare_count));
    }

    fn finish(mut self) -> Vec<ArrayRef> {
        vec![
            Arc::new(self.name.finish()),
            Arc::new(self.role.finish()),
            Arc::new(self.kind.finish()),
            Arc::new(self.missing.finish()),
            Arc::new(self.nonfinite.finish()),
            Arc::new(self.mode.finish()),
            Arc::new(self.points.finish()),
            Arc::new(self.weights.finish()),
            Arc::new(self.gaps.finish()),
            Arc::new(self.edges.finish()),
            Arc::new(self.categories.finish()),
            Arc::new(self.counts.finish()),
            Arc::new(self.rare.finish()),
            Arc::new(self.rare_count.finish()),
        ]
    }
}

pub(crate) fn encode(profile: &ReferenceProfile) -> Result<Vec<u8>, ProfileError> {
    let bytes: usize = profile
        .features()
        .iter()
        .filter_map(|feature| match &feature.kind {
            Kind::Numeric(_) => None,
            Kind::Categorical(c) => {
                Some(c.categories().iter().chain(c.rare()).map(|value| value.len() + 1).sum::<usize>())
            }
        })
        .sum();
    let cells: usize = profile.features().iter().map(FeatureProfile::cells).sum();
    if bytes.max(cells) > i32::MAX as usize {
        return Err(ProfileError::TooLarge);
    }
    let mut builders = Builders::default();
    for feature in profile.features() {
        builders.push(feature);
    }
    let schema = schema();
    let batch = RecordBatch::try_new(Arc::clone(&schema), builders.finish())?;
    let mut writer = FileWriter::try_new(Vec::new(), &schema)?;
    writer.write(&batch)?;
    Ok(writer.into_inner()?)
}

pub(crate) fn decode(bytes: &[u8]) -> Result<ReferenceProfile, ProfileError> {
    let batches = read_file(bytes, &schema()).map_err(|problem| ProfileError::Format { problem })?;
    let mut features = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            features.push(feature(&Columns(&batch), row)?);
        }
    }
    ReferenceProfile::new(features)
}

fn feature(columns: &Columns<'_>, row: usize) -> Result<FeatureProfile, ProfileError> {
    let format = |problem: Problem| ProfileError::Format { problem };
    let name = columns.text("name", row).map_err(format)?.to_owned();
    let role = columns.text("role", row).map_err(format)?;
    let role =
        Role::from_name(role).ok_or_else(|| format(format!("role `{role}`: expected input or score")))?;
    let kind = match columns.text("kind", row).map_err(format)? {
        "numeric" => numeric(columns, row).map_err(format)?.map(Kind::Numeric),
        "categorical" => categorical(columns, row).map_err(format)?.map(Kind::Categorical),
        kind => return Err(format(format!("kind `{kind}`: expected numeric or categorical"))),
    };
    match kind {
        Ok(kind) => Ok(FeatureProfile { name, role, kind }),
        Err(ProfileError::Format { problem }) => Err(format(format!("feature `{name}`: {problem}"))),
        Err(error) => Err(error),
    }
}

fn numeric(columns: &Columns<'_>, row: usize) -> Result<Result<NumericProfile, ProfileError>, Problem> {
    let mode = columns.text("mode", row)?;
    Ok(NumericProfile::from_parts(NumericParts {
        points: columns.numbers("points", row)?,
        weights: columns.counts("weights", row)?,
        gaps: columns.counts("gaps", row)?,
        edges: columns.numbers("edges", row)?,
        mode: Mode::from_name(mode).ok_or_else(|| format!("mode `{mode}`: expected discrete or quantile"))?,
        missing: columns.count("missing", row)?,
        nonfinite: columns.count("nonfinite", row)?,
    }))
}

fn categorical(
    columns: &Columns<'_>,
    row: usize,
) -> Result<Result<CategoricalProfile, ProfileError>, Problem> {
    Ok(CategoricalProfile::from_parts(
        columns.byte_strings("categories", row)?,
        columns.counts("counts", row)?,
        columns.byte_strings("rare", row)?,
        columns.count("rare_count", row)?,
        columns.count("missing", row)?,
    ))
}
