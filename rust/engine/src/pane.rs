//! Drift panes: what one stretch of traffic looked like, bin by bin.

use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder, UInt64Builder};
use arrow_array::{ArrayRef, BooleanArray, RecordBatch, StringArray, TimestampMicrosecondArray, UInt64Array};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use tidegate_drift::{Counts, ReferenceProfile, Role};

/// The open pane of a tap.
#[derive(Debug)]
pub(crate) struct PaneSums {
    open: Pane,
}

/// A stretch of traffic on one variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pane {
    /// Counts up from 0 within a process.
    number: u64,
    rows: u64,
    /// Earliest event time, in microseconds UTC.
    begin: i64,
    /// Latest event time.
    end: i64,
    features: Vec<PaneFeature>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct PaneFeature {
    name: String,
    role: Role,
    missing: u64,
    nonfinite: u64,
    bins: Vec<u64>,
}

/// Whose pane it is.
#[derive(Clone, Debug)]
pub(crate) struct PaneOwner {
    pub(crate) digest: Arc<str>,
    pub(crate) version: Arc<str>,
    pub(crate) shadow: bool,
}

impl PaneSums {
    pub(crate) fn new(profile: &ReferenceProfile) -> Self {
        let features = profile.features().iter().map(|feature| PaneFeature {
            name: feature.name.clone(),
            role: feature.role,
            missing: 0,
            nonfinite: 0,
            bins: vec![0; feature.reference_bins().len()],
        });
        let features = features.collect();
        Self { open: Pane { number: 0, rows: 0, begin: i64::MAX, end: i64::MIN, features } }
    }

    pub(crate) const fn rows(&self) -> u64 {
        self.open.rows
    }

    pub(crate) const fn range(&self) -> (i64, i64) {
        (self.open.begin, self.open.end)
    }

    pub(crate) fn extend(&mut self, rows: u64, begin: i64, end: i64) {
        self.open.rows += rows;
        self.open.begin = self.open.begin.min(begin);
        self.open.end = self.open.end.max(end);
    }

    pub(crate) fn add(&mut self, profile: &ReferenceProfile, counts: &Counts) {
        let features = profile.features().iter().zip(counts.features());
        for (sums, (feature, counts)) in self.open.features.iter_mut().zip(features) {
            sums.missing += counts.missing();
            sums.nonfinite += counts.nonfinite();
            for (sum, bin) in sums.bins.iter_mut().zip(feature.bins(counts.cells())) {
                *sum += bin;
            }
        }
    }

    /// Closes the pane and opens the next.
    pub(crate) fn take(&mut self) -> Pane {
        let closed = self.open.clone();
        self.open.number += 1;
        self.open.rows = 0;
        (self.open.begin, self.open.end) = (i64::MAX, i64::MIN);
        for feature in &mut self.open.features {
            (feature.missing, feature.nonfinite) = (0, 0);
            feature.bins.fill(0);
        }
        closed
    }
}

/// The pane log's columns.
fn schema() -> SchemaRef {
    let field = |name: &str, datatype| Field::new(name, datatype, false);
    let time = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let bins = DataType::List(Arc::new(Field::new_list_field(DataType::UInt64, true)));
    Arc::new(Schema::new(vec![
        field("variant", DataType::Utf8),
        field("version", DataType::Utf8),
        field("shadow", DataType::Boolean),
        field("pane", DataType::UInt64),
        field("begin", time()),
        field("end", time()),
        field("rows", DataType::UInt64),
        field("feature", DataType::Utf8),
        field("role", DataType::Utf8),
        field("missing", DataType::UInt64),
        field("nonfinite", DataType::UInt64),
        field("bins", bins),
    ]))
}

/// A record batch with one row per feature.
pub(crate) fn encode(owner: &PaneOwner, pane: &Pane) -> Result<RecordBatch, ArrowError> {
    let rows = pane.features.len();
    let text = |value: &str| Arc::new(StringArray::from(vec![value; rows])) as ArrayRef;
    let count = |value: u64| Arc::new(UInt64Array::from_value(value, rows)) as ArrayRef;
    let time = |value: i64| {
        Arc::new(TimestampMicrosecondArray::from_value(value, rows).with_timezone("UTC")) as ArrayRef
    };
    let each = |pick: fn(&PaneFeature) -> u64| {
        Arc::new(UInt64Array::from_iter_values(pane.features.iter().map(pick))) as ArrayRef
    };
    let (mut names, mut roles) = (StringBuilder::new(), StringBuilder::new());
    let mut bins = ListBuilder::new(UInt64Builder::new());
    for feature in &pane.features {
        names.append_value(&feature.name);
        roles.append_value(feature.role.name());
        bins.append_value(feature.bins.iter().copied().map(Some));
    }
    let columns: Vec<ArrayRef> = vec![
        text(&owner.digest),
        text(&owner.version),
        Arc::new(BooleanArray::from(vec![owner.shadow; rows])),
        count(pane.number),
        time(pane.begin),
        time(pane.end),
        count(pane.rows),
        Arc::new(names.finish()),
        Arc::new(roles.finish()),
        each(|feature| feature.missing),
        each(|feature| feature.nonfinite),
        Arc::new(bins.finish()),
    ];
    RecordBatch::try_new(schema(), columns)
}
