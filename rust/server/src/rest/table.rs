//! Named columns, gathered by records or whole, into the tensors of a contract.

use tidegate_model::{Batch, BatchBuilder, Contract, DataType};

use super::column::Column;
use super::tokens::Token;
use crate::fault::Fault;
use crate::weave::interleave;

/// One feature or context column.
struct Named<'a> {
    name: &'a str,
    column: Column,
    /// Context columns may be left out.
    optional: bool,
}

/// All columns of a contract: the features of its inputs in order, then its context.
pub(super) struct Table<'a> {
    contract: &'a Contract,
    columns: Vec<Named<'a>>,
}

impl<'a> Table<'a> {
    pub(super) fn new(contract: &'a Contract) -> Self {
        let features = contract.inputs.iter().flat_map(|input| {
            input.columns.iter().map(|name| Named {
                name,
                column: Column::new(input.datatype, input.missing.as_deref(), 1),
                optional: false,
            })
        });
        let context = contract.context.iter().map(|spec| Named {
            name: &spec.name,
            column: Column::new(spec.datatype, None, 1),
            optional: true,
        });
        Self { contract, columns: features.chain(context).collect() }
    }

    pub(super) fn width(&self) -> usize {
        self.columns.len()
    }

    /// The position of the column of that name; `guess` is tried first.
    pub(super) fn position(&self, guess: usize, name: &str) -> Result<usize, Fault> {
        if self.columns.get(guess).is_some_and(|column| column.name == name) {
            return Ok(guess);
        }
        self.columns.iter().position(|column| column.name == name).ok_or_else(|| self.unknown(name))
    }

    pub(super) fn name(&self, position: usize) -> &'a str {
        self.columns[position].name
    }

    pub(super) fn datatype(&self, position: usize) -> DataType {
        self.columns[position].column.datatype()
    }

    /// The positions of the columns of a header; every feature must be among them, none twice.
    pub(super) fn positions<'n>(&self, names: impl Iterator<Item = &'n str>) -> Result<Vec<usize>, Fault> {
        let mut positions = Vec::new();
        for name in names {
            let position = self.position(positions.len(), name)?;
            if positions.contains(&position) {
                return Err(Fault::invalid(format!("column '{name}' came twice")));
            }
            positions.push(position);
        }
        match (0..self.features()).find(|position| !positions.contains(position)) {
            Some(position) => Err(Fault::invalid(format!("column '{}' is missing", self.name(position)))),
            None => Ok(positions),
        }
    }

    /// How many of the columns, the first ones, must be there.
    pub(super) fn features(&self) -> usize {
        self.columns.len() - self.contract.context.len()
    }

    /// Appends a value. Null in a context column that has no way to hold it counts as left out.
    pub(super) fn push(&mut self, position: usize, token: &Token<'_>) -> Result<(), Fault> {
        let named = &mut self.columns[position];
        let left_out = named.optional && *token == Token::Null && !named.column.datatype().is_float();
        if left_out {
            return Ok(());
        }
        let row = named.column.len();
        named.column.push(token).map_err(|refused| {
            let datatype = named.column.datatype();
            Fault::invalid(format!("column '{}' must be {datatype}, row {row} is {}", named.name, refused.0))
        })
    }

    /// The batch of `rows` rows.
    pub(super) fn finish(self, rows: usize) -> Result<Batch, Fault> {
        for named in &self.columns {
            let left_out = named.optional && named.column.len() == 0;
            if named.column.len() != rows && !left_out {
                let given = named.column.len();
                return Err(Fault::invalid(format!(
                    "column '{}' has {given} values for {rows} rows",
                    named.name
                )));
            }
        }
        let mut builder = BatchBuilder::new(self.contract);
        let mut columns = self.columns.into_iter();
        for (position, input) in self.contract.inputs.iter().enumerate() {
            let data = interleave(
                columns.by_ref().take(input.width()).map(|named| named.column.into_data()).collect(),
            );
            let shape = [rows, input.width()];
            builder.add(position, &input.name, &shape[..input.shape.len()], data)?;
        }
        for named in columns.filter(|named| named.column.len() == rows) {
            builder.add(usize::MAX, named.name, &[rows], named.column.into_data())?;
        }
        Ok(builder.finish()?)
    }

    fn unknown(&self, name: &str) -> Fault {
        let names: Vec<_> = self.columns.iter().map(|column| column.name).collect();
        let name: String = name.chars().take(80).collect();
        Fault::invalid(format!("unknown column '{name}'; the endpoint takes: {}", names.join(", ")))
    }
}
