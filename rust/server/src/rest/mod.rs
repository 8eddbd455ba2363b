//! REST: decode, call, encode.

mod column;
mod rows;
mod table;
mod tensor_json;
mod tokens;
