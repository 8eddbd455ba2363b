//! A loader whose models are a word and a number.

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use tidegate_engine::{LoadError, Loaded, Loader, Reference};
use tidegate_model::{DataType, ScoreError, Scorer, Shape, Signature, Stop, Tensor, TensorData, TensorSpec};

/// A door that scorers named `gated` wait at, and what came to it.
#[derive(Default)]
pub(crate) struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Default)]
struct GateState {
    open: bool,
    /// The first value of every row of every run.
    runs: Vec<Vec<f32>>,
}

impl Gate {
    pub(crate) fn open(&self) {
        self.state.lock().unwrap().open = true;
        self.changed.notify_all();
    }

    /// Returns when so many runs have come to the door.
    pub(crate) fn wait_for(&self, runs: usize) {
        let state = self.state.lock().unwrap();
        let limit = Duration::from_secs(30);
        let (state, _) =
            self.changed.wait_timeout_while(state, limit, |state| state.runs.len() < runs).unwrap();
        assert!(state.runs.len() >= runs, "{} runs came", state.runs.len());
    }

    pub(crate) fn runs(&self) -> Vec<Vec<f32>> {
        self.state.lock().unwrap().runs.clone()
    }

    fn pass(&self, rows: Vec<f32>) {
        let mut state = self.state.lock().unwrap();
        state.runs.push(rows);
        self.changed.notify_all();
        let limit = Duration::from_secs(30);
        let (state, _) = self.changed.wait_timeout_while(state, limit, |state| !state.open).unwrap();
        assert!(state.open, "the gate was never opened");
    }
}

/// Loads `scale <number>`, and a few models that misbehave.
#[derive(Default)]
pub(crate) struct FakeLoader {
    pub(crate) gate: Arc<Gate>,
}

impl Loader for FakeLoader {
    fn load(&self, onnx: &[u8], _: Option<Reference<'_>>) -> Result<Loaded, LoadError> {
        let text = std::str::from_utf8(onnx).map_err(|error| LoadError(Box::new(error)))?;
        let mut words = text.split_whitespace();
        let behaviour = match words.next() {
            Some("scale") => Behaviour::Scale,
            Some("gated") => Behaviour::Gated(Arc::clone(&self.gate)),
            Some("panics") => Behaviour::PanicsAt13,
            Some("fails") => Behaviour::FailsAt13,
            Some("narrow") => Behaviour::Narrow,
            Some("slow") => Behaviour::Slow,
            Some("mixes") => Behaviour::Mixes,
            Some("loops") => Behaviour::Loops,
            Some("loader-panics") => panic!("a loader that panics"),
            _ => return Err(LoadError("expected ONNX, got something else".into())),
        };
        let scale = words.next().map_or(1.0, |word| word.parse().unwrap());
        let signature = words.next().map_or_else(signature, |word| {
            let mut signature = signature();
            match word {
                "wants-z" => signature.inputs[0].name = "z".into(),
                "wants-double" => signature.inputs[0].datatype = DataType::Fp64,
                "wants-wide" => signature.inputs[0].shape = vec![-1, 3],
                "lacks-label" => signature.outputs.retain(|output| output.name != "label"),
                "only-x" => signature.inputs.truncate(1),
                _ => unreachable!(),
            }
            signature
        });
        let scorer = Arc::new(Fake { signature, behaviour, scale });
        Ok(Loaded { scorer, runs_on: "fake", reason: "a test".into() })
    }
}

enum Behaviour {
    Scale,
    Gated(Arc<Gate>),
    PanicsAt13,
    FailsAt13,
    Narrow,
    /// Takes 300 us, whatever comes.
    Slow,
    /// The same, and adds what the first row has to all rows.
    Mixes,
    /// Goes on for ever over a row of 13, unless it is stopped.
    Loops,
}

struct Fake {
    signature: Signature,
    behaviour: Behaviour,
    scale: f32,
}

fn signature() -> Signature {
    let spec =
        |name: &str, datatype, shape: &[i64]| TensorSpec { name: name.into(), datatype, shape: shape.into() };
    // Another order than the contract's, on both sides.
    Signature {
        inputs: vec![spec("x", DataType::Fp32, &[-1, 2]), spec("carrier", DataType::Bytes, &[-1, 1])],
        outputs: vec![spec("p", DataType::Fp32, &[-1, 2]), spec("label", DataType::Int64, &[-1])],
    }
}

impl Scorer for Fake {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn bounded(&self) -> bool {
        !matches!(self.behaviour, Behaviour::Loops)
    }

    fn score_until(&self, rows: usize, inputs: &[&Tensor], stop: &Stop) -> Result<Vec<Tensor>, ScoreError> {
        let TensorData::Fp32(x) = &inputs[0].data else { panic!("x is not FP32") };
        if matches!(self.behaviour, Behaviour::Loops) && x[0] > 12.5 {
            let (ended, end) = std::sync::mpsc::channel();
            return stop.during(
                move || ended.send(()).unwrap(),
                || {
                    end.recv_timeout(Duration::from_secs(30)).unwrap();
                    Err(ScoreError::Stopped)
                },
            );
        }
        self.score(rows, inputs)
    }

    /// p1 = scale * a, p0 = 1 - p1, label = whether p1 > 0.5.
    fn score(&self, rows: usize, inputs: &[&Tensor]) -> Result<Vec<Tensor>, ScoreError> {
        let TensorData::Fp32(x) = &inputs[0].data else { panic!("x is not FP32") };
        assert_eq!(inputs.len(), self.signature.inputs.len());
        let thirteen = x.iter().step_by(2).any(|a| (12.5..13.5).contains(a));
        match &self.behaviour {
            // The first row, at installation, is all zeros.
            Behaviour::Gated(gate) if x.iter().any(|&a| a != 0.0) => {
                gate.pass(x.iter().step_by(2).copied().collect());
            }
            Behaviour::PanicsAt13 => assert!(!thirteen, "thirteen"),
            Behaviour::FailsAt13 if thirteen => return Err(ScoreError::Run("thirteen".into())),
            _ => {}
        }
        if matches!(self.behaviour, Behaviour::Slow | Behaviour::Mixes) {
            let end = Instant::now() + Duration::from_micros(300);
            while Instant::now() < end {
                std::hint::spin_loop();
            }
        }
        let more = if matches!(self.behaviour, Behaviour::Mixes) { x[0] } else { 0.0 };
        let scores: Vec<f32> = x.iter().step_by(2).map(|a| a * self.scale + more).collect();
        let labels = scores.iter().map(|&p| i64::from(p > 0.5)).collect();
        let (p, width): (Vec<f32>, usize) = match self.behaviour {
            Behaviour::Narrow => (scores, 1),
            _ => (scores.iter().flat_map(|&p| [1.0 - p, p]).collect(), 2),
        };
        let mut outputs =
            vec![Tensor { shape: Shape::from_slice(&[rows, width]), data: TensorData::Fp32(p) }];
        if self.signature.outputs.len() > 1 {
            outputs.push(Tensor { shape: Shape::from_slice(&[rows]), data: TensorData::Int64(labels) });
        }
        Ok(outputs)
    }
}
