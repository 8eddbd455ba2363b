//! Copies a tensor of ONNX Runtime into ours.

use std::ptr;

use ort_sys::OrtTensorTypeAndShapeInfo;
use tidegate_model::{BytesColumn, DataType, Shape, Tensor, TensorData};

use super::value::element;
use super::{Value, check};
use crate::shape::Dimensions;

/// The tensor `value`, which the graph declares to be of `datatype`.
///
/// # Errors
/// When it is no tensor, or one of another type.
pub(super) fn read(value: &Value<'_>, datatype: DataType) -> Result<Tensor, ort::Error> {
    let (shape, elements) = shape(value, datatype)?;
    let data = match datatype {
        DataType::Bool => TensorData::Bool(numbers::<u8>(value, elements)?.iter().map(|&b| b != 0).collect()),
        DataType::Uint8 => TensorData::Uint8(numbers(value, elements)?),
        DataType::Uint16 => TensorData::Uint16(numbers(value, elements)?),
        DataType::Uint32 => TensorData::Uint32(numbers(value, elements)?),
        DataType::Uint64 => TensorData::Uint64(numbers(value, elements)?),
        DataType::Int8 => TensorData::Int8(numbers(value, elements)?),
        DataType::Int16 => TensorData::Int16(numbers(value, elements)?),
        DataType::Int32 => TensorData::Int32(numbers(value, elements)?),
        DataType::Int64 => TensorData::Int64(numbers(value, elements)?),
        DataType::Fp16 => TensorData::Fp16(numbers(value, elements)?),
        DataType::Fp32 => TensorData::Fp32(numbers(value, elements)?),
        DataType::Fp64 => TensorData::Fp64(numbers(value, elements)?),
        DataType::Bytes => TensorData::Bytes(strings(value, elements)?),
    };
    Ok(Tensor { shape, data })
}

/// The type and shape of a value, released when dropped.
struct Info(*mut OrtTensorTypeAndShapeInfo);

impl Drop for Info {
    fn drop(&mut self) {
        // SAFETY: the info is ours and nobody uses it any more.
        unsafe { (ort::api().ReleaseTensorTypeAndShapeInfo)(self.0) }
    }
}

fn shape(value: &Value<'_>, datatype: DataType) -> Result<(Shape, usize), ort::Error> {
    let api = ort::api();
    let mut info = Info(ptr::null_mut());
    // SAFETY: the value lives; ONNX Runtime refuses values that are no tensors.
    check(unsafe { (api.GetTensorTypeAndShape)(value.pointer(), &raw mut info.0) })?;
    // Read as an integer: a type newer than the bindings would be no valid value of their enum.
    let mut code = 0_i32;
    // SAFETY: the C function writes an `int`-sized enum.
    check(unsafe { (api.GetTensorElementType)(info.0, (&raw mut code).cast()) })?;
    if code != element(datatype) as i32 {
        return Err(ort::Error::new(format!("the graph declares {datatype} but gave element type {code}")));
    }
    let mut rank = 0;
    // SAFETY: the info lives.
    check(unsafe { (api.GetDimensionsCount)(info.0, &raw mut rank) })?;
    let mut dimensions: Dimensions = smallvec::smallvec![0; rank];
    // SAFETY: there is room for `rank` dimensions.
    check(unsafe { (api.GetDimensions)(info.0, dimensions.as_mut_ptr(), rank) })?;
    let mut elements = 0;
    // SAFETY: the info lives.
    check(unsafe { (api.GetTensorShapeElementCount)(info.0, &raw mut elements) })?;
    Ok((dimensions.iter().map(|&size| size as usize).collect(), elements))
}

fn numbers<T: Copy>(value: &Value<'_>, elements: usize) -> Result<Vec<T>, ort::Error> {
    if elements == 0 {
        return Ok(Vec::new());
    }
    let mut start = ptr::null_mut();
    // SAFETY: the value is a live tensor.
    check(unsafe { (ort::api().GetTensorMutableData)(value.pointer(), &raw mut start) })?;
    // SAFETY: the tensor holds that many elements of a type of the size and alignment of `T`, which the caller
    // took from its element type; all bit patterns of `T` are valid.
    Ok(unsafe { std::slice::from_raw_parts(start.cast::<T>(), elements) }.to_vec())
}

fn strings(value: &Value<'_>, elements: usize) -> Result<BytesColumn, ort::Error> {
    let api = ort::api();
    let mut length = 0;
    // SAFETY: the value is a live string tensor.
    check(unsafe { (api.GetStringTensorDataLength)(value.pointer(), &raw mut length) })?;
    let mut text = vec![0_u8; length];
    let mut starts = vec![0_usize; elements];
    // SAFETY: there is room for all bytes and for one offset a string.
    check(unsafe {
        (api.GetStringTensorContent)(
            value.pointer(),
            text.as_mut_ptr().cast(),
            length,
            starts.as_mut_ptr(),
            elements,
        )
    })?;
    let mut column = BytesColumn::with_capacity(elements, length);
    for (index, &start) in starts.iter().enumerate() {
        let end = starts.get(index + 1).copied().unwrap_or(length);
        column.push(text.get(start..end).unwrap_or_default());
    }
    Ok(column)
}
