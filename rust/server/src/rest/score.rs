//! The score call: named columns in, one prediction per row out.

use http::Response;
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tidegate_engine::{Endpoint, ScoreResponse};
use tidegate_model::{Contract, Tensor, TensorData};

use super::asked::Asked;
use super::elements::{Element, Row};
use super::parameters::{Parameters, RoutingKey};
use super::{located, rows};
use crate::body::Answer;
use crate::decided::{Scores, above, width};
use crate::fault::Fault;
use crate::http_answer;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body<'a> {
    #[serde(borrow, default)]
    records: Option<&'a RawValue>,
    #[serde(borrow, default)]
    columns: Option<&'a RawValue>,
    id: Option<String>,
    event_time: Option<i64>,
    routing_key: Option<RoutingKey>,
    #[serde(default)]
    parameters: Option<Parameters>,
}

/// Decodes a body; what stands beside the rows goes before the same thing among the parameters.
pub(super) fn decode(contract: &Contract, body: &[u8]) -> Result<Asked, Fault> {
    let body: Body<'_> = located::parse("a score request", body)?;
    let batch = match (body.records, body.columns) {
        (Some(records), None) => rows::read_records(contract, records.get())?,
        (None, Some(columns)) => rows::read_columns(contract, columns.get())?,
        _ => return Err(Fault::invalid("the body must have either 'records' or 'columns'")),
    };
    let parameters = body.parameters.unwrap_or_default();
    let parameters = Parameters {
        event_time: body.event_time.or(parameters.event_time),
        routing_key: body.routing_key.or(parameters.routing_key),
        ..parameters
    };
    Ok(Asked { batch, id: body.id, parameters })
}

#[derive(Serialize)]
struct Answered<'a> {
    prediction_id: uuid::fmt::Hyphenated,
    endpoint: &'a str,
    model: &'a str,
    version: &'a str,
    variant: &'a str,
    route: &'a str,
    generation: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    rows: usize,
    predictions: Vec<Prediction<'a>>,
}

/// One row: the score and its decision where the contract names a score, then every output by its name.
pub(super) struct Prediction<'a> {
    pub(super) contract: &'a Contract,
    pub(super) outputs: &'a [Tensor],
    pub(super) row: usize,
}

impl Serialize for Prediction<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let score = self.score();
        if let Some((data, index)) = score {
            map.serialize_entry("score", &Element(data, index))?;
            map.serialize_entry("decision", &above(data, index, self.contract.threshold))?;
        }
        for (spec, tensor) in self.contract.outputs.iter().zip(self.outputs) {
            // A name of ours in the same object would make the JSON ambiguous.
            if score.is_some() && matches!(spec.name.as_str(), "score" | "decision") {
                continue;
            }
            let row = Row { data: &tensor.data, index: self.row, width: width(tensor) };
            map.serialize_entry(&spec.name, &row)?;
        }
        map.end()
    }
}

impl Prediction<'_> {
    /// The tensor of the score, and its element for this row.
    fn score(&self) -> Option<(&TensorData, usize)> {
        let scores = Scores::of(self.contract, self.outputs)?;
        let index = scores.index(self.row);
        Some((scores.data, index))
    }
}

/// Encodes an answer.
pub(super) fn encode(
    endpoint: &Endpoint,
    id: Option<&str>,
    rows: usize,
    response: &ScoreResponse,
) -> Result<Response<Answer>, Fault> {
    http_answer::json(&Answered {
        prediction_id: response.prediction_id.hyphenated(),
        endpoint: &endpoint.name,
        model: &response.model,
        version: &response.version,
        variant: &response.variant,
        route: response.route.name(),
        generation: response.generation,
        id,
        rows,
        predictions: (0..rows)
            .map(|row| Prediction { contract: &endpoint.contract, outputs: &response.outputs, row })
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_model::{DataType, InputSpec, ScoreSpec, Shape, TensorSpec};

    fn contract() -> Contract {
        let output = |name: &str, datatype, shape: &[i64]| TensorSpec {
            name: name.into(),
            datatype,
            shape: shape.into(),
        };
        Contract {
            inputs: vec![InputSpec {
                name: "x".into(),
                datatype: DataType::Fp32,
                shape: vec![-1, 1],
                columns: vec!["x".into()],
                missing: None,
            }],
            context: vec![],
            outputs: vec![
                output("label", DataType::Int64, &[-1]),
                output("probabilities", DataType::Fp32, &[-1, 2]),
            ],
            score: Some(ScoreSpec { output: "probabilities".into(), column: 1 }),
            threshold: 0.5,
        }
    }

    #[test]
    fn what_stands_beside_the_rows_goes_first() {
        let body = r#"{"records": [{"x": 1}], "event_time": 2, "parameters": {"event_time": 1, "routing_key": "p"}}"#;
        let call = decode(&contract(), body.as_bytes()).unwrap();
        assert_eq!(call.batch.rows, 1);
        assert_eq!(call.parameters.event_time, Some(2));
        assert_eq!(call.parameters.routing_key, Some(RoutingKey(b"p".to_vec())));
    }

    #[test]
    fn a_body_has_records_or_columns_and_nothing_unknown() {
        let message =
            |body: &str| decode(&contract(), body.as_bytes()).err().map(|fault| fault.message).unwrap();
        assert!(message("{}").contains("either 'records' or 'columns'"));
        assert!(message(r#"{"records": [], "columns": {}}"#).contains("either 'records' or 'columns'"));
        assert!(message(r#"{"record": []}"#).contains("unknown field `record`"));
    }

    #[test]
    fn a_prediction_has_its_score_decision_and_outputs() {
        let contract = contract();
        let outputs = [
            Tensor { shape: Shape::from_slice(&[2]), data: TensorData::Int64(vec![0, 1]) },
            Tensor {
                shape: Shape::from_slice(&[2, 2]),
                data: TensorData::Fp32(vec![0.75, 0.25, f32::NAN, f32::NAN]),
            },
        ];
        let row =
            |row| serde_json::to_string(&Prediction { contract: &contract, outputs: &outputs, row }).unwrap();
        assert_eq!(row(0), r#"{"score":0.25,"decision":false,"label":0,"probabilities":[0.75,0.25]}"#);
        assert_eq!(row(1), r#"{"score":null,"decision":null,"label":1,"probabilities":[null,null]}"#);
    }
}
