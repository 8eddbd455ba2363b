//! A model that needs no runtime: its bytes say what it does.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};

use tidegate_engine::{LoadError, Loaded, Loader, Reference};
use tidegate_model::{DataType, ScoreError, Scorer, Shape, Signature, Tensor, TensorData, TensorSpec};

/// Loads `bias:<number>`, `fails` and `waits`; refuses all else.
#[derive(Default)]
pub(crate) struct FakeLoader {
    gate: Gate,
}

/// Holds a `waits` model inside its scoring of any row but the first, the one that warms it.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<Mutex<Option<Closed>>>);

/// Tells that a scoring has begun; waits until it may go on.
type Closed = (Sender<()>, Receiver<()>);

/// The test's side of a [`Gate`].
pub(crate) struct GateKeeper {
    pub(crate) entered: Receiver<()>,
    pub(crate) open: Sender<()>,
}

impl Gate {
    /// From now on, the next scoring says that it has begun and waits until it may go on.
    pub(crate) fn close(&self) -> GateKeeper {
        let (entering, entered) = channel();
        let (open, opened) = channel();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((entering, opened));
        GateKeeper { entered, open }
    }

    fn pass(&self) {
        let closed = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((entering, opened)) = closed {
            let _ = entering.send(());
            let _ = opened.recv();
        }
    }
}

impl FakeLoader {
    pub(crate) fn new() -> (Arc<Self>, Gate) {
        let loader = Self::default();
        let gate = loader.gate.clone();
        (Arc::new(loader), gate)
    }
}

impl Loader for FakeLoader {
    fn load(&self, onnx: &[u8], _: Option<Reference<'_>>) -> Result<Loaded, LoadError> {
        let text = String::from_utf8_lossy(onnx);
        let kind = match (&*text, text.strip_prefix("bias:").and_then(|bias| bias.parse().ok())) {
            (_, Some(bias)) => Kind::Bias(bias),
            ("fails", _) => Kind::Fails,
            ("waits", _) => Kind::Waits(self.gate.clone()),
            _ => return Err(LoadError(format!("'{text}' is no model").into())),
        };
        let scorer = Arc::new(FakeScorer { kind, signature: signature() });
        Ok(Loaded { scorer, runs_on: "fake", reason: "a test".into() })
    }
}

enum Kind {
    Bias(f32),
    /// Fails on every row whose first feature is not 0, so that it warms.
    Fails,
    Waits(Gate),
}

struct FakeScorer {
    kind: Kind,
    signature: Signature,
}

/// `x` is two floats, `carrier` a string; out come the string itself, its length and two probabilities.
fn signature() -> Signature {
    let spec =
        |name: &str, datatype, shape: &[i64]| TensorSpec { name: name.into(), datatype, shape: shape.into() };
    Signature {
        inputs: vec![spec("x", DataType::Fp32, &[-1, 2]), spec("carrier", DataType::Bytes, &[-1, 1])],
        outputs: outputs(),
    }
}

pub(crate) fn outputs() -> Vec<TensorSpec> {
    let spec =
        |name: &str, datatype, shape: &[i64]| TensorSpec { name: name.into(), datatype, shape: shape.into() };
    vec![
        spec("echo", DataType::Bytes, &[-1]),
        spec("length", DataType::Int64, &[-1]),
        spec("probabilities", DataType::Fp32, &[-1, 2]),
    ]
}

impl Scorer for FakeScorer {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn score(&self, rows: usize, inputs: &[&Tensor]) -> Result<Vec<Tensor>, ScoreError> {
        let [Tensor { data: TensorData::Fp32(x), .. }, Tensor { data: TensorData::Bytes(carrier), .. }] =
            inputs
        else {
            return Err(ScoreError::Mismatch("x and carrier".into()));
        };
        let bias = match &self.kind {
            Kind::Bias(bias) => *bias,
            Kind::Fails if x[0] != 0.0 => return Err(ScoreError::Run("it always does".into())),
            Kind::Fails => 0.0,
            Kind::Waits(gate) => {
                if x[0] != 0.0 {
                    gate.pass();
                }
                0.0
            }
        };
        let probabilities = (0..rows).flat_map(|row| {
            let p = bias + x[2 * row] / 10.0 + x[2 * row + 1] / 100.0;
            [1.0 - p, p]
        });
        Ok(vec![
            Tensor { shape: Shape::from_slice(&[rows]), data: TensorData::Bytes(carrier.clone()) },
            Tensor {
                shape: Shape::from_slice(&[rows]),
                data: TensorData::Int64(
                    carrier.iter().map(|value| i64::try_from(value.len()).unwrap()).collect(),
                ),
            },
            Tensor { shape: Shape::from_slice(&[rows, 2]), data: TensorData::Fp32(probabilities.collect()) },
        ])
    }
}
