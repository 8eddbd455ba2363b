//! What a model is to everything above it: tensors, signatures, contracts and the [`Scorer`] trait.
//!
//! Pure: no I/O, no clock, no runtime. Transports decode into these types, scorers read them.

mod batch;
mod contract;
mod datatype;
mod rows;
mod scorer;
mod signature;
mod stop;
mod tensor;

pub use batch::{Batch, BatchBuilder, InputError};
pub use contract::{ContextRole, ContextSpec, Contract, ContractError, InputSpec, ScoreSpec};
pub use datatype::DataType;
pub use scorer::{ScoreError, Scorer};
pub use signature::{Signature, TensorSpec};
pub use stop::Stop;
pub use tensor::{BytesColumn, Shape, Tensor, TensorData};
