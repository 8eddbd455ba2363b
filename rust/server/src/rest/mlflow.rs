//! `MLflow`'s scoring call: rows as its clients send them, predictions as its server answers.
//!
//! An endpoint with one output answers the values of that output; one with several answers an object per row, as `MLflow`
//! does for a model that returns a data frame.

use std::fmt;

use http::Response;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeSeq, Serializer};
use serde_json::value::RawValue;
use tidegate_engine::{Endpoint, ScoreResponse};
use tidegate_model::{Batch, BatchBuilder, Contract, InputSpec, Shape};

use super::asked::Asked;
use super::column::Column;
use super::elements::Row;
use super::parameters::Parameters;
use super::score::Prediction;
use super::table::Table;
use super::tokens::{Token, Tokens};
use super::{located, rows, tensor_json};
use crate::body::Answer;
use crate::decided::width;
use crate::fault::Fault;
use crate::http_answer;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Body<'a> {
    #[serde(borrow, default)]
    dataframe_split: Option<Split<'a>>,
    #[serde(borrow, default)]
    dataframe_records: Option<&'a RawValue>,
    #[serde(borrow, default)]
    inputs: Option<&'a RawValue>,
    #[serde(borrow, default)]
    instances: Option<&'a RawValue>,
    #[serde(default)]
    params: Option<Parameters>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Split<'a> {
    columns: Vec<String>,
    #[serde(borrow)]
    data: &'a RawValue,
    /// Says nothing that a model takes.
    #[serde(default, rename = "index")]
    _index: Option<serde::de::IgnoredAny>,
}

/// Decodes a body, which has its rows in one of the four forms.
pub(super) fn decode(contract: &Contract, body: &[u8]) -> Result<Asked, Fault> {
    let body: Body<'_> = located::parse("an invocation", body)?;
    let batch = match (body.dataframe_split, body.dataframe_records, body.inputs, body.instances) {
        (Some(split), None, None, None) => read_split(contract, &split)?,
        (None, Some(records), None, None) => rows::read_records(contract, records.get())?,
        (None, None, Some(data), None) | (None, None, None, Some(data)) => read_any(contract, data.get())?,
        _ => {
            return Err(Fault::invalid(
                "the body must have one of 'dataframe_split', 'dataframe_records', 'inputs' and 'instances'",
            ));
        }
    };
    Ok(Asked { batch, id: None, parameters: body.params.unwrap_or_default() })
}

/// `{"columns": ["distance", …], "data": [[719, …], …]}`
fn read_split(contract: &Contract, split: &Split<'_>) -> Result<Batch, Fault> {
    let Split { columns, data, .. } = split;
    let mut table = Table::new(contract);
    let positions = table.positions(columns.iter().map(String::as_str))?;
    let refused = || Fault::invalid("'data' must be an array of rows, each an array");
    let mut tokens = Tokens::new(data.get());
    if tokens.next() != Some(Token::ArrayStart) {
        return Err(refused());
    }
    let mut rows = 0;
    while let Some(Token::ArrayStart) = tokens.next() {
        let mut fields = 0;
        loop {
            match tokens.next() {
                Some(Token::ArrayEnd) | None => break,
                Some(value) => {
                    if let Some(position) = positions.get(fields) {
                        table.push(*position, &value)?;
                    }
                    fields += 1;
                }
            }
        }
        if fields != positions.len() {
            return Err(Fault::invalid(format!(
                "row {rows} has {fields} values for {} columns",
                positions.len()
            )));
        }
        rows += 1;
    }
    // Whatever ended the rows, it was the end of their array, or no row.
    match tokens.next() {
        None => table.finish(rows),
        Some(_) => Err(refused()),
    }
}

/// Records, columns or tensors by name, or the rows of the only tensor.
fn read_any(contract: &Contract, data: &str) -> Result<Batch, Fault> {
    let mut tokens = Tokens::new(data);
    match (tokens.next(), tokens.next()) {
        (Some(Token::ArrayStart), Some(Token::ObjectStart)) => rows::read_records(contract, data),
        (Some(Token::ArrayStart), _) => read_only(contract, data),
        (Some(Token::ObjectStart), Some(Token::Text(name))) if is_tensor(contract, &name) => {
            read_tensors(contract, data)
        }
        (Some(Token::ObjectStart), _) => rows::read_columns(contract, data),
        _ => Err(Fault::invalid("'inputs' must be an object of columns or an array of rows")),
    }
}

/// Whether the name is a tensor's and no column's.
fn is_tensor(contract: &Contract, name: &str) -> bool {
    let column = contract.inputs.iter().flat_map(|input| &input.columns).any(|column| column == name);
    !column && contract.input(name).is_some()
}

fn read_only(contract: &Contract, data: &str) -> Result<Batch, Fault> {
    let [input] = &contract.inputs[..] else {
        return Err(Fault::invalid(format!(
            "rows without names need an endpoint with one input; this one has {}",
            contract.inputs.len()
        )));
    };
    let mut builder = BatchBuilder::new(contract);
    add(&mut builder, 0, input, data)?;
    Ok(builder.finish()?)
}

/// Tensors by name, in the order of the text.
struct Tensors<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Tensors<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TensorsVisitor;

        impl<'de> Visitor<'de> for TensorsVisitor {
            type Value = Tensors<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tensors<'de>, A::Error> {
                let mut tensors = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    tensors.push(entry);
                }
                Ok(Tensors(tensors))
            }
        }

        deserializer.deserialize_map(TensorsVisitor)
    }
}

fn read_tensors(contract: &Contract, data: &str) -> Result<Batch, Fault> {
    let Tensors(tensors) = located::parse("an object of tensors", data.as_bytes())?;
    let mut builder = BatchBuilder::new(contract);
    for (name, data) in tensors {
        let Some(position) = contract.input(&name) else {
            let names: Vec<_> = contract.inputs.iter().map(|input| input.name.as_str()).collect();
            let name: String = name.chars().take(80).collect();
            return Err(Fault::invalid(format!(
                "unknown input '{name}'; the endpoint takes: {}",
                names.join(", ")
            )));
        };
        add(&mut builder, position, &contract.inputs[position], data.get())?;
    }
    Ok(builder.finish()?)
}

/// Adds a tensor whose rows are the items of the array `data`.
fn add(builder: &mut BatchBuilder<'_>, position: usize, input: &InputSpec, data: &str) -> Result<(), Fault> {
    let nested = matches!(Tokens::new(data).nth(1), Some(Token::ArrayStart));
    let rows = items(data);
    let shape = if nested { Shape::from_slice(&[rows, input.width()]) } else { Shape::from_slice(&[rows]) };
    let mut column = Column::new(input.datatype, input.missing.as_deref(), data.len() / 4);
    tensor_json::read(&input.name, data, &shape, &mut column)?;
    Ok(builder.add(position, &input.name, &shape, column.into_data())?)
}

/// How many items the outermost array has.
fn items(data: &str) -> usize {
    let mut depth = 0_usize;
    let mut items = 0;
    for token in Tokens::new(data) {
        match token {
            Token::ArrayEnd | Token::ObjectEnd => depth = depth.saturating_sub(1),
            other => {
                items += usize::from(depth == 1);
                depth += usize::from(matches!(other, Token::ArrayStart | Token::ObjectStart));
            }
        }
    }
    items
}

#[derive(serde::Serialize)]
struct Answered<'a> {
    predictions: Predictions<'a>,
}

struct Predictions<'a> {
    contract: &'a Contract,
    response: &'a ScoreResponse,
}

impl Serialize for Predictions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let outputs = &self.response.outputs[..];
        let rows = outputs.first().and_then(|tensor| tensor.shape.first()).copied().unwrap_or(0);
        let mut array = serializer.serialize_seq(Some(rows))?;
        for index in 0..rows {
            if let [only] = outputs {
                array.serialize_element(&Row { data: &only.data, index, width: width(only) })?;
            } else {
                array.serialize_element(&Prediction { contract: self.contract, outputs, row: index })?;
            }
        }
        array.end()
    }
}

/// Encodes an answer: `{"predictions": […]}`.
pub(super) fn encode(endpoint: &Endpoint, response: &ScoreResponse) -> Result<Response<Answer>, Fault> {
    http_answer::json(&Answered { predictions: Predictions { contract: &endpoint.contract, response } })
}

#[cfg(test)]
#[path = "mlflow_tests.rs"]
mod tests;
