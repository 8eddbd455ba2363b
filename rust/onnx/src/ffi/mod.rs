//! The crate's only unsafe code: ONNX Runtime's C API, called directly.
//!
//! ort's own `run` takes `&mut self` and allocates outputs and maps for every call; the C function is safe to call
//! from many threads at once and can write into our buffers.
#![expect(
    unsafe_code,
    reason = "the C API is the fastest way to run a session; each block says why it is sound"
)]

mod graph;
pub(crate) mod marks;
mod read;
mod value;

pub(crate) use graph::Graph;
pub(crate) use value::Value;

/// Takes over a status that an API function gave.
fn check(status: ort_sys::OrtStatusPtr) -> Result<(), ort::Error> {
    // SAFETY: every caller passes what an API function returned, once.
    unsafe { ort::Error::result_from_status(status) }
}
