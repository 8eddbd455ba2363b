//! Between numpy arrays and tensors. Strings are object arrays of str, or of bytes where they are no UTF-8.

use numpy::{
    Element, PyArray1, PyArrayDescrMethods, PyArrayDyn, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods,
};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use tidegate_model::{BytesColumn, Shape, Tensor, TensorData};

use crate::argument::ArgumentError;
use crate::error::raise;

/// A tensor of the array's values.
pub(crate) fn tensor(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Tensor> {
    let Ok(array) = value.cast::<PyUntypedArray>() else {
        let found = value.get_type().name()?.to_string();
        return Err(raise(value.py(), &ArgumentError::NotArray { name: name.to_owned(), found }));
    };
    Ok(Tensor { shape: Shape::from_slice(array.shape()), data: elements(name, array)? })
}

/// The values of a one-dimensional array of numbers.
pub(crate) fn numbers(name: &str, value: &Bound<'_, PyAny>) -> PyResult<TensorData> {
    let tensor = tensor(name, value)?;
    let name = name.to_owned();
    if tensor.shape.len() != 1 {
        return Err(raise(value.py(), &ArgumentError::Rank { name, found: tensor.shape.to_vec() }));
    }
    if matches!(tensor.data, TensorData::Bytes(_) | TensorData::Fp16(_)) {
        let found = tensor.data.datatype().to_string();
        return Err(raise(value.py(), &ArgumentError::NotNumbers { name, found }));
    }
    Ok(tensor.data)
}

/// The bytes of a str or bytes object; `None` for None.
pub(crate) fn text(name: &str, index: usize, value: &Bound<'_, PyAny>) -> PyResult<Option<Vec<u8>>> {
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(Some(text.to_cow()?.as_bytes().to_vec()));
    }
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(Some(bytes.as_bytes().to_vec()));
    }
    if value.is_none() {
        return Ok(None);
    }
    let found = value.get_type().name()?.to_string();
    Err(raise(value.py(), &ArgumentError::NotText { name: name.to_owned(), index, found }))
}

/// An array of a tensor's values.
pub(crate) fn array(py: Python<'_>, tensor: Tensor) -> PyResult<Bound<'_, PyAny>> {
    let shape = tensor.shape;
    match tensor.data {
        TensorData::Bool(v) => shaped(py, v, &shape),
        TensorData::Uint8(v) => shaped(py, v, &shape),
        TensorData::Uint16(v) => shaped(py, v, &shape),
        TensorData::Uint32(v) => shaped(py, v, &shape),
        TensorData::Uint64(v) => shaped(py, v, &shape),
        TensorData::Int8(v) => shaped(py, v, &shape),
        TensorData::Int16(v) => shaped(py, v, &shape),
        TensorData::Int32(v) => shaped(py, v, &shape),
        TensorData::Int64(v) => shaped(py, v, &shape),
        TensorData::Fp16(v) => shaped(py, v, &shape)?.call_method1("view", ("float16",)),
        TensorData::Fp32(v) => shaped(py, v, &shape),
        TensorData::Fp64(v) => shaped(py, v, &shape),
        TensorData::Bytes(v) => shaped(py, v.iter().map(|bytes| object(py, bytes)).collect(), &shape),
    }
}

fn shaped<'py, T: Element>(py: Python<'py>, values: Vec<T>, shape: &[usize]) -> PyResult<Bound<'py, PyAny>> {
    let array = PyArray1::from_vec(py, values);
    if shape.len() == 1 { Ok(array.into_any()) } else { Ok(array.reshape(shape)?.into_any()) }
}

fn object(py: Python<'_>, bytes: &[u8]) -> Py<PyAny> {
    match std::str::from_utf8(bytes) {
        Ok(text) => PyString::new(py, text).into_any().unbind(),
        Err(_) => PyBytes::new(py, bytes).into_any().unbind(),
    }
}

fn elements(name: &str, array: &Bound<'_, PyUntypedArray>) -> PyResult<TensorData> {
    macro_rules! first_of {
        ($($element:ty => $variant:ident),* $(,)?) => {$(
            if let Ok(array) = array.cast::<PyArrayDyn<$element>>() {
                return Ok(TensorData::$variant(values(array)?));
            }
        )*};
    }
    first_of! {
        f32 => Fp32, f64 => Fp64, i64 => Int64, bool => Bool, i32 => Int32, u8 => Uint8, u16 => Uint16,
        u32 => Uint32, u64 => Uint64, i8 => Int8, i16 => Int16,
    }
    match array.dtype().kind() {
        b'O' => Ok(TensorData::Bytes(strings(name, array)?)),
        b'U' | b'S' => {
            let objects = array.call_method1("astype", ("O",))?.cast_into::<PyUntypedArray>()?;
            Ok(TensorData::Bytes(strings(name, &objects)?))
        }
        b'f' if array.dtype().itemsize() == 2 && array.dtype().byteorder() == b'=' => {
            let bits = array.call_method1("view", ("uint16",))?.cast_into::<PyArrayDyn<u16>>()?;
            Ok(TensorData::Fp16(values(&bits)?))
        }
        _ => {
            let (name, found) = (name.to_owned(), array.dtype().to_string());
            Err(raise(array.py(), &ArgumentError::Dtype { name, found }))
        }
    }
}

/// The elements in row-major order.
fn values<T: Element + Copy>(array: &Bound<'_, PyArrayDyn<T>>) -> PyResult<Vec<T>> {
    if array.is_c_contiguous()
        && let Ok(values) = array.try_readonly()?.as_slice()
    {
        return Ok(values.to_vec());
    }
    // Strided or misaligned: numpy copies.
    let numpy = array.py().import("numpy")?;
    let plain = numpy.call_method1("require", (array, array.dtype(), ["C", "A"]))?;
    Ok(plain.cast_into::<PyArrayDyn<T>>()?.try_readonly()?.as_slice()?.to_vec())
}

fn strings(name: &str, array: &Bound<'_, PyUntypedArray>) -> PyResult<BytesColumn> {
    let mut column = BytesColumn::with_capacity(array.len(), array.len() * 8);
    for (index, value) in array.call_method0("ravel")?.try_iter()?.enumerate() {
        let Some(bytes) = text(name, index, &value?)? else {
            return Err(raise(array.py(), &ArgumentError::Missing { name: name.to_owned(), index }));
        };
        column.push(&bytes);
    }
    Ok(column)
}
