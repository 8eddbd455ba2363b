//! `OrtValue`s over our tensors, and owned ones.

use std::ffi::{c_char, c_void};
use std::marker::PhantomData;
use std::ptr;

use ort::AsPointer;
use ort::memory::MemoryInfo;
use ort_sys::{ONNXTensorElementDataType as Element, OrtValue};
use tidegate_model::{BytesColumn, DataType, Tensor, TensorData};

use super::check;
use crate::shape::{Dimensions, signed};

/// A tensor of ONNX Runtime, released when dropped. It may lie over memory borrowed for `'a`.
pub(crate) struct Value<'a> {
    pointer: *mut OrtValue,
    memory: PhantomData<&'a mut ()>,
}

impl<'a> Value<'a> {
    /// A tensor to read from, over `data`; strings are copied.
    ///
    /// # Errors
    /// When `dimensions` and `data` disagree.
    pub(crate) fn input(
        memory: &MemoryInfo<'_>,
        dimensions: &[i64],
        data: &'a TensorData,
    ) -> Result<Self, ort::Error> {
        macro_rules! numbers {
            ($values:expr) => {
                Self::over(
                    memory,
                    dimensions,
                    $values.as_ptr().cast_mut().cast(),
                    size_of_val(&$values[..]),
                    data,
                )
            };
        }
        // Casting away const is sound: ONNX Runtime only reads a run's inputs.
        match data {
            TensorData::Bool(v) => numbers!(v),
            TensorData::Uint8(v) => numbers!(v),
            TensorData::Uint16(v) | TensorData::Fp16(v) => numbers!(v),
            TensorData::Uint32(v) => numbers!(v),
            TensorData::Uint64(v) => numbers!(v),
            TensorData::Int8(v) => numbers!(v),
            TensorData::Int16(v) => numbers!(v),
            TensorData::Int32(v) => numbers!(v),
            TensorData::Int64(v) => numbers!(v),
            TensorData::Fp32(v) => numbers!(v),
            TensorData::Fp64(v) => numbers!(v),
            TensorData::Bytes(column) => Self::strings(dimensions, column),
        }
    }

    /// A tensor to write into, over the elements of `tensor`; `None` where Rust can't lend them: strings, and
    /// booleans, of which a graph may write bytes that are neither zero nor one.
    ///
    /// # Errors
    /// When shape and elements of `tensor` disagree.
    pub(crate) fn output(
        memory: &MemoryInfo<'_>,
        tensor: &'a mut Tensor,
    ) -> Result<Option<Self>, ort::Error> {
        let dimensions: Dimensions = tensor.shape.iter().map(|&size| signed(size)).collect();
        let datatype = tensor.data.datatype();
        macro_rules! numbers {
            ($values:expr) => {{
                let bytes = size_of_val(&$values[..]);
                ($values.as_mut_ptr().cast::<c_void>(), bytes)
            }};
        }
        let (start, bytes) = match &mut tensor.data {
            TensorData::Uint8(v) => numbers!(v),
            TensorData::Uint16(v) | TensorData::Fp16(v) => numbers!(v),
            TensorData::Uint32(v) => numbers!(v),
            TensorData::Uint64(v) => numbers!(v),
            TensorData::Int8(v) => numbers!(v),
            TensorData::Int16(v) => numbers!(v),
            TensorData::Int32(v) => numbers!(v),
            TensorData::Int64(v) => numbers!(v),
            TensorData::Fp32(v) => numbers!(v),
            TensorData::Fp64(v) => numbers!(v),
            TensorData::Bool(_) | TensorData::Bytes(_) => return Ok(None),
        };
        Self::create(memory, &dimensions, start, bytes, datatype).map(Some)
    }

    /// Takes over a value that ONNX Runtime made; `None` for null.
    pub(super) fn owned(pointer: *mut OrtValue) -> Option<Value<'static>> {
        (!pointer.is_null()).then_some(Value { pointer, memory: PhantomData })
    }

    pub(super) const fn pointer(&self) -> *mut OrtValue {
        self.pointer
    }

    fn over(
        memory: &MemoryInfo<'_>,
        dimensions: &[i64],
        start: *mut c_void,
        bytes: usize,
        data: &'a TensorData,
    ) -> Result<Self, ort::Error> {
        Self::create(memory, dimensions, start, bytes, data.datatype())
    }

    fn create(
        memory: &MemoryInfo<'_>,
        dimensions: &[i64],
        start: *mut c_void,
        bytes: usize,
        datatype: DataType,
    ) -> Result<Self, ort::Error> {
        let mut pointer = ptr::null_mut();
        // SAFETY: `start` begins `bytes` bytes that stay borrowed for `'a`, which the value does not outlive; ONNX
        // Runtime refuses dimensions that need more bytes.
        check(unsafe {
            (ort::api().CreateTensorWithDataAsOrtValue)(
                memory.ptr(),
                start,
                bytes,
                dimensions.as_ptr(),
                dimensions.len(),
                element(datatype),
                &raw mut pointer,
            )
        })?;
        Ok(Self { pointer, memory: PhantomData })
    }

    fn strings(dimensions: &[i64], column: &BytesColumn) -> Result<Self, ort::Error> {
        let elements = dimensions.iter().try_fold(1_i64, |n, &size| n.checked_mul(size));
        if elements.and_then(|n| usize::try_from(n).ok()) != Some(column.len()) {
            return Err(ort::Error::new("shape and number of strings disagree"));
        }
        let api = ort::api();
        let mut allocator = ptr::null_mut();
        // SAFETY: gives the process's default allocator, which is never released.
        check(unsafe { (api.GetAllocatorWithDefaultOptions)(&raw mut allocator) })?;
        let mut pointer = ptr::null_mut();
        // SAFETY: allocator and dimensions are valid for the call.
        check(unsafe {
            (api.CreateTensorAsOrtValue)(
                allocator,
                dimensions.as_ptr(),
                dimensions.len(),
                Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING,
                &raw mut pointer,
            )
        })?;
        let value = Self { pointer, memory: PhantomData };
        for (index, text) in column.iter().enumerate() {
            let mut buffer: *mut c_char = ptr::null_mut();
            // SAFETY: the tensor holds as many strings as the column; this way, unlike FillStringTensor, they may
            // hold zero bytes.
            check(unsafe {
                (api.GetResizedStringTensorElementBuffer)(pointer, index, text.len(), &raw mut buffer)
            })?;
            // SAFETY: the buffer was just made `text.len()` bytes long, and nothing else points into it.
            unsafe { ptr::copy_nonoverlapping(text.as_ptr().cast(), buffer, text.len()) };
        }
        Ok(value)
    }
}

impl Drop for Value<'_> {
    fn drop(&mut self) {
        // SAFETY: the value is ours and nobody uses it any more.
        unsafe { (ort::api().ReleaseValue)(self.pointer) }
    }
}

pub(super) const fn element(datatype: DataType) -> Element {
    match datatype {
        DataType::Bool => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL,
        DataType::Uint8 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8,
        DataType::Uint16 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16,
        DataType::Uint32 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32,
        DataType::Uint64 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64,
        DataType::Int8 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8,
        DataType::Int16 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16,
        DataType::Int32 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32,
        DataType::Int64 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64,
        DataType::Fp16 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16,
        DataType::Fp32 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT,
        DataType::Fp64 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE,
        DataType::Bytes => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING,
    }
}
