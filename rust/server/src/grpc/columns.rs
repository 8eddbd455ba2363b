//! Named columns of a score call: the same columns, with the same rules, as an Arrow stream has.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Float32Array, Float64Array, Int64Array, NullArray,
    RecordBatch, UInt64Array,
};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_schema::{Field, Schema};
use tidegate_model::{Batch, Contract};

use crate::arrow;
use crate::fault::Fault;
use crate::generated::tidegate_v1::column::Values;
use crate::generated::tidegate_v1::{Column, Columns};

/// The rows of the columns, checked against the contract. The tensors may take `limit` bytes.
pub(super) fn decode(contract: &Contract, columns: Columns, limit: usize) -> Result<Batch, Fault> {
    let mut fields = Vec::with_capacity(columns.columns.len());
    let mut arrays = Vec::with_capacity(columns.columns.len());
    for column in columns.columns {
        let name = column.name.clone();
        let array = array(column)?;
        if let Some(first) = arrays.first().map(|first: &ArrayRef| first.len())
            && first != array.len()
        {
            let given = array.len();
            return Err(Fault::invalid(format!(
                "column '{name}' has {given} values, those before it {first}"
            )));
        }
        fields.push(Field::new(name, array.data_type().clone(), true));
        arrays.push(array);
    }
    if arrays.is_empty() {
        return Err(Fault::invalid("the request has no column"));
    }
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).map_err(|error| Fault::internal(&error))?;
    arrow::of_batches(contract, &schema, &[batch], limit)
}

fn array(column: Column) -> Result<ArrayRef, Fault> {
    let Column { name, values, nulls } = column;
    let count = match &values {
        None => nulls.len(),
        Some(Values::Booleans(values)) => values.values.len(),
        Some(Values::Integers(values)) => values.values.len(),
        Some(Values::UnsignedIntegers(values)) => values.values.len(),
        Some(Values::Floats(values)) => values.values.len(),
        Some(Values::Doubles(values)) => values.values.len(),
        Some(Values::Strings(values)) => values.values.len(),
    };
    if !nulls.is_empty() && nulls.len() != count {
        let given = nulls.len();
        return Err(Fault::invalid(format!("column '{name}' has {count} values and {given} nulls")));
    }
    let all_there = nulls.is_empty();
    let nulls =
        (!all_there).then(|| NullBuffer::new(nulls.iter().map(|null| !null).collect::<BooleanBuffer>()));
    Ok(match values {
        // A column of nulls alone needs no values; one without either is empty.
        None if all_there => Arc::new(NullArray::new(0)),
        None => Arc::new(NullArray::new(count)),
        Some(Values::Booleans(values)) => Arc::new(BooleanArray::new(values.values.into(), nulls)),
        Some(Values::Integers(values)) => Arc::new(Int64Array::new(values.values.into(), nulls)),
        Some(Values::UnsignedIntegers(values)) => Arc::new(UInt64Array::new(values.values.into(), nulls)),
        Some(Values::Floats(values)) => Arc::new(Float32Array::new(values.values.into(), nulls)),
        Some(Values::Doubles(values)) => Arc::new(Float64Array::new(values.values.into(), nulls)),
        Some(Values::Strings(values)) => {
            let there = |index: usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(index));
            let values = values.values.iter().enumerate();
            Arc::new(values.map(|(index, value)| there(index).then_some(value)).collect::<BinaryArray>())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generated::tidegate_v1::{Booleans, Doubles, Floats, Integers, Strings, UnsignedIntegers};
    use tidegate_model::{ContextRole, ContextSpec, DataType, InputSpec, TensorData};

    fn contract() -> Contract {
        let input = |name: &str, datatype, width: i64, columns: &[&str], missing: Option<&str>| InputSpec {
            name: name.into(),
            datatype,
            shape: vec![-1, width],
            columns: columns.iter().map(ToString::to_string).collect(),
            missing: missing.map(Into::into),
        };
        Contract {
            inputs: vec![
                input("x", DataType::Fp32, 2, &["distance", "wind"], None),
                input("carrier", DataType::Bytes, 1, &["carrier"], Some("?")),
                input("night", DataType::Bool, 1, &["night"], None),
                input("hour", DataType::Int32, 1, &["hour"], None),
            ],
            context: vec![ContextSpec {
                name: "tail".into(),
                datatype: DataType::Bytes,
                role: ContextRole::Key,
            }],
            outputs: vec![],
            score: None,
            threshold: 0.5,
        }
    }

    fn column(name: &str, values: Values, nulls: &[bool]) -> Column {
        Column { name: name.into(), values: Some(values), nulls: nulls.into() }
    }

    fn columns() -> Vec<Column> {
        let strings =
            |values: [&'static str; 2]| Values::Strings(Strings { values: values.map(Into::into).into() });
        vec![
            column("hour", Values::UnsignedIntegers(UnsignedIntegers { values: vec![5, 6] }), &[]),
            column("carrier", strings(["UA", ""]), &[false, true]),
            column("wind", Values::Doubles(Doubles { values: vec![1.5, 0.0] }), &[false, true]),
            column("distance", Values::Floats(Floats { values: vec![719.0, 1.0] }), &[]),
            column("night", Values::Booleans(Booleans { values: vec![true, false] }), &[]),
            Column { name: "tail".into(), values: None, nulls: vec![true, true] },
        ]
    }

    #[test]
    fn columns_become_the_tensors_of_the_contract() {
        let batch = decode(&contract(), Columns { columns: columns() }, 1 << 20).unwrap();
        let TensorData::Fp32(x) = &batch.inputs[0].data else { panic!("no FP32") };
        assert_eq!(x[..3], [719.0, 1.5, 1.0]);
        assert!(x[3].is_nan(), "null is NaN in a floating column");
        assert_eq!(batch.inputs[1].data, TensorData::Bytes(["UA", "?"].iter().collect()));
        assert_eq!(batch.inputs[2].data, TensorData::Bool(vec![true, false]));
        assert_eq!(batch.inputs[3].data, TensorData::Int32(vec![5, 6]));
        assert_eq!(batch.context, [None]);
    }

    #[test]
    fn each_fault_names_its_column() {
        let message = |change: &dyn Fn(&mut Vec<Column>)| {
            let mut columns = columns();
            change(&mut columns);
            decode(&contract(), Columns { columns }, 1 << 20).unwrap_err().message
        };
        let integers = |values: &[i64]| Values::Integers(Integers { values: values.into() });
        for (found, expected) in [
            (message(&|all| all.clear()), "no column"),
            (message(&|all| drop(all.remove(0))), "column 'hour' is missing"),
            (message(&|all| all[1].name = "hour".into()), "column 'hour' came twice"),
            (message(&|all| all[1].name = "gate".into()), "unknown column 'gate'"),
            (
                message(&|all| all[0].values = Some(integers(&[1]))),
                "column 'carrier' has 2 values, those before it 1",
            ),
            (message(&|all| all[0].nulls = vec![true]), "column 'hour' has 2 values and 1 nulls"),
            (message(&|all| all[0].nulls = vec![false, true]), "column 'hour' must be INT32, row 1 is null"),
            (
                message(&|all| all[0].values = Some(integers(&[5, 1 << 40]))),
                "column 'hour' must be INT32, row 1 is",
            ),
            (message(&|all| all[0].values = all[3].values.clone()), "column 'hour'"),
        ] {
            assert!(found.contains(expected), "{found}");
        }
    }
}
