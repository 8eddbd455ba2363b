//! A session and the names of its tensors: one call scores a batch.

use std::ffi::{CString, c_char};
use std::ptr;

use ort::AsPointer;
use ort::memory::MemoryInfo;
use ort::session::{RunOptions, Session};
use smallvec::SmallVec;
use tidegate_model::{DataType, Signature, Tensor};

use super::read::read;
use super::{Value, check, marks};

/// A loaded graph.
pub(crate) struct Graph {
    session: Session,
    memory: MemoryInfo<'static>,
    inputs: Vec<CString>,
    outputs: Vec<(CString, DataType)>,
    mark: u64,
}

impl Graph {
    /// Wraps a session whose tensors are those of `signature`.
    ///
    /// # Errors
    /// When a name holds a zero byte, which the C API can't pass.
    pub(crate) fn new(
        session: Session,
        signature: &Signature,
        mark: u64,
    ) -> Result<Self, std::ffi::NulError> {
        let outputs = signature.outputs.iter().map(|spec| Ok((CString::new(&*spec.name)?, spec.datatype)));
        Ok(Self {
            session,
            memory: MemoryInfo::default(),
            inputs: signature
                .inputs
                .iter()
                .map(|spec| CString::new(&*spec.name))
                .collect::<Result<_, _>>()?,
            outputs: outputs.collect::<Result<_, _>>()?,
            mark,
        })
    }

    /// The memory that tensors given to [`Graph::run`] lie in.
    pub(crate) const fn memory(&self) -> &MemoryInfo<'static> {
        &self.memory
    }

    /// Runs the graph. `targets` are the outputs in order: a tensor of the shape that the graph will give is written
    /// in place, `None` is allocated by ONNX Runtime and copied. Whoever holds the `options` can end the run.
    ///
    /// # Errors
    /// What ONNX Runtime says, also when a target has another shape than the graph gives.
    pub(crate) fn run(
        &self,
        inputs: &[Value<'_>],
        mut targets: Vec<Option<Tensor>>,
        options: Option<&RunOptions>,
    ) -> Result<Vec<Tensor>, ort::Error> {
        if inputs.len() != self.inputs.len() || targets.len() != self.outputs.len() {
            return Err(ort::Error::new("a value is needed for each input, a target for each output"));
        }
        let prepared: SmallVec<[Option<Value<'_>>; 4]> = targets
            .iter_mut()
            .map(|target| target.as_mut().map_or(Ok(None), |tensor| Value::output(&self.memory, tensor)))
            .collect::<Result<_, _>>()?;
        let mut outputs: SmallVec<[*mut ort_sys::OrtValue; 4]> =
            prepared.iter().map(|value| value.as_ref().map_or(ptr::null_mut(), Value::pointer)).collect();
        let values: SmallVec<[*const ort_sys::OrtValue; 32]> =
            inputs.iter().map(|value| value.pointer().cast_const()).collect();
        let input_names: SmallVec<[*const c_char; 32]> =
            self.inputs.iter().map(|name| name.as_ptr()).collect();
        let output_names: SmallVec<[*const c_char; 4]> =
            self.outputs.iter().map(|(name, _)| name.as_ptr()).collect();
        let marked = marks::running(self.mark);
        // SAFETY: Run may be called by many threads at once on one session, although it takes a mutable pointer. All
        // arrays have the lengths given; the values live until the end of this function, and so do the options, whose
        // flag ONNX Runtime reads while another thread sets it: that is what the flag is for.
        let status = check(unsafe {
            (ort::api().Run)(
                self.session.ptr().cast_mut(),
                options.map_or(ptr::null(), AsPointer::ptr),
                input_names.as_ptr(),
                values.as_ptr(),
                values.len(),
                output_names.as_ptr(),
                output_names.len(),
                outputs.as_mut_ptr(),
            )
        });
        drop(marked);
        // Whatever ONNX Runtime allocated is ours now, also after an error.
        let fresh: SmallVec<[Option<Value<'static>>; 4]> = outputs
            .iter()
            .zip(&prepared)
            .map(|(&pointer, given)| if given.is_some() { None } else { Value::owned(pointer) })
            .collect();
        drop(prepared);
        status?;
        let outputs = targets.into_iter().zip(&fresh).zip(&self.outputs);
        outputs
            .map(|((target, fresh), (_, datatype))| match (target, fresh) {
                (_, Some(value)) => read(value, *datatype),
                (Some(tensor), None) => Ok(tensor),
                (None, None) => Err(ort::Error::new("the graph gave no value for an output")),
            })
            .collect()
    }
}
