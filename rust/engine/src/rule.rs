//! Rules: a header or a column that sends a request to one version before the weights are asked.

use serde::{Deserialize, Serialize};
use tidegate_model::{Batch, Contract, DataType, TensorData};

use crate::key::{Strided, Wanted};
use crate::{EndpointSpec, EngineError};

/// Most rules of an endpoint.
const MAX_RULES: usize = 64;

/// A rule as a deployment file has it: `header` or `column`, what it must be equal to, and who answers then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSpec {
    /// A header of REST or a metadata key of gRPC, in lower case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// A context column or a feature, an integer or `BYTES`; equal in all rows of a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The value, integers in decimal.
    pub equals: String,
    /// The version that answers; it may have weight 0, and is no shadow.
    pub version: String,
}

/// Why a rule is no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// Neither a header nor a column, or both.
    #[error("a rule looks at either a header or a column")]
    Subject,
    /// A name that no header can have.
    #[error("'{0}' is no header's name: lower-case letters, digits and -_.")]
    Header(String),
    /// A column that the contract lacks.
    #[error("the contract has no column '{0}'")]
    Column(String),
    /// A column whose values have no exact text.
    #[error("column '{0}' must be an integer or BYTES to decide")]
    Datatype(String),
    /// An integer column that is compared with something else.
    #[error("column '{0}' holds integers; '{1}' is none")]
    Integer(String, String),
    /// A version that is not in the plan, or a shadow.
    #[error("version {0} is not in the plan as a version that may answer")]
    Version(String),
    /// More rules than there may be.
    #[error("there are {0} rules, at most {MAX_RULES} are allowed")]
    Number(usize),
}

/// Which header rules of an endpoint a request meets; made by [`crate::Endpoint::met`], empty by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeadersMet(u64);

/// An endpoint's rules, in order, ready to be asked.
#[derive(Debug, Default)]
pub(crate) struct Rules(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    subject: Subject,
    wanted: Wanted,
    variant: usize,
}

#[derive(Debug)]
enum Subject {
    Header { name: String, value: Vec<u8> },
    Context(usize),
    Feature { input: usize, column: usize },
}

impl Rules {
    /// Whether there is none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rules of an endpoint; the first that is wrong is an error.
    pub(crate) fn new(spec: &EndpointSpec) -> Result<Self, RuleError> {
        if spec.rules.len() > MAX_RULES {
            return Err(RuleError::Number(spec.rules.len()));
        }
        spec.rules.iter().map(|rule| Rule::new(rule, spec)).collect::<Result<_, _>>().map(Self)
    }

    /// Which rules' headers have the wanted value.
    pub(crate) fn met<'a>(&self, value: impl Fn(&str) -> Option<&'a [u8]>) -> HeadersMet {
        let mut met = 0;
        for (bit, rule) in self.0.iter().enumerate() {
            if let Subject::Header { name, value: wanted } = &rule.subject
                && value(name) == Some(&wanted[..])
            {
                met |= 1 << bit;
            }
        }
        HeadersMet(met)
    }

    /// The variant of the first rule that a request meets.
    pub(crate) fn choose(
        &self,
        contract: &Contract,
        batch: &Batch,
        met: HeadersMet,
    ) -> Result<Option<usize>, EngineError> {
        for (bit, rule) in self.0.iter().enumerate() {
            let column = match &rule.subject {
                Subject::Header { .. } if met.0 & (1 << bit) != 0 => return Ok(Some(rule.variant)),
                Subject::Header { .. } => None,
                Subject::Context(index) => context(batch, *index),
                Subject::Feature { input, column } => feature(batch, *input, *column),
            };
            let Some(column) = column else { continue };
            if let Some(row) = column.first_difference() {
                return Err(EngineError::RuleDiffers { column: rule.subject.name(contract), row });
            }
            if column.is(&rule.wanted) {
                return Ok(Some(rule.variant));
            }
        }
        Ok(None)
    }
}

impl Rule {
    fn new(rule: &RuleSpec, spec: &EndpointSpec) -> Result<Self, RuleError> {
        let wanted = Wanted::new(&rule.equals);
        let subject = match (&rule.header, &rule.column) {
            (Some(name), None) => header(name, &rule.equals)?,
            (None, Some(name)) => column(name, &spec.contract, &wanted, &rule.equals)?,
            _ => return Err(RuleError::Subject),
        };
        let variant = spec.variants.iter().position(|v| v.version == rule.version && !v.shadow);
        let variant = variant.ok_or_else(|| RuleError::Version(rule.version.clone()))?;
        Ok(Self { subject, wanted, variant })
    }
}

impl Subject {
    fn name(&self, contract: &Contract) -> String {
        let found = match self {
            Self::Header { name, .. } => Some(name),
            Self::Context(index) => contract.context.get(*index).map(|spec| &spec.name),
            Self::Feature { input, column } => {
                contract.inputs.get(*input).and_then(|spec| spec.columns.get(*column))
            }
        };
        found.cloned().unwrap_or_default()
    }
}

fn header(name: &str, equals: &str) -> Result<Subject, RuleError> {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    if name.is_empty() || !name.bytes().all(good) {
        return Err(RuleError::Header(name.to_owned()));
    }
    Ok(Subject::Header { name: name.to_owned(), value: equals.as_bytes().to_vec() })
}

fn column(name: &str, contract: &Contract, wanted: &Wanted, equals: &str) -> Result<Subject, RuleError> {
    let (subject, datatype) = match contract.context_column(name) {
        Some(index) => (Subject::Context(index), contract.context.get(index).map(|spec| spec.datatype)),
        None => contract
            .inputs
            .iter()
            .enumerate()
            .find_map(|(input, spec)| {
                let column = spec.columns.iter().position(|column| column == name)?;
                Some((Subject::Feature { input, column }, Some(spec.datatype)))
            })
            .ok_or_else(|| RuleError::Column(name.to_owned()))?,
    };
    match datatype {
        Some(DataType::Bytes) => Ok(subject),
        Some(datatype) if datatype.is_float() || datatype == DataType::Bool => {
            Err(RuleError::Datatype(name.to_owned()))
        }
        _ if wanted.is_integer() => Ok(subject),
        _ => Err(RuleError::Integer(name.to_owned(), equals.to_owned())),
    }
}

fn context(batch: &Batch, index: usize) -> Option<Strided<'_>> {
    let data: &TensorData = batch.context.get(index)?.as_ref()?;
    Some(Strided { data, offset: 0, stride: 1, rows: batch.rows })
}

fn feature(batch: &Batch, input: usize, column: usize) -> Option<Strided<'_>> {
    let data = &batch.inputs.get(input)?.data;
    let stride = (data.len() / batch.rows.max(1)).max(1);
    Some(Strided { data, offset: column, stride, rows: batch.rows })
}
