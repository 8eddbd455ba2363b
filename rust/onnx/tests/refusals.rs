//! Whatever comes, the answer is an error that names it, never a panic.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod fixture;

use fixture::{bytes, chain, library, reference, refusal, runtime, scorer};
use tidegate_model::{ScoreError, Scorer, Shape, Tensor, TensorData};
use tidegate_onnx::{OnnxScorer, Runtime};

#[test]
fn bytes_that_are_no_model() {
    let not = "not an ONNX model: expected a ModelProto, found";
    assert_eq!(refusal(b"\x80\x04\x95\x00\x00sklearn"), format!("{not} a pickle"));
    assert_eq!(refusal(b""), format!("{not} no bytes"));
    assert_eq!(refusal(&[0xa5; 4096]), format!("{not} unknown bytes"));
}

#[test]
fn a_model_cut_anywhere() {
    let whole = bytes("matrix.onnx");
    for length in (0..whole.len()).step_by(23) {
        let text = refusal(&whole[..length]);
        assert!(text.starts_with("the ONNX model is cut short") || text.starts_with("not an ONNX"), "{text}");
    }
}

#[test]
fn a_model_with_any_byte_changed_is_loaded_or_refused() {
    let (runtime, whole) = (runtime(), bytes("labels.onnx"));
    let refused = (0..whole.len()).filter(|&at| {
        let mut changed = whole.clone();
        changed[at] ^= 0x55;
        OnnxScorer::from_bytes(&runtime, &changed).is_err()
    });
    assert!(refused.count() > 100);
}

#[test]
fn graphs_that_can_not_be_served() {
    let text = refusal(&bytes("zipmap.onnx"));
    assert!(text.contains("is a sequence of maps, expected a tensor"), "{text}");
    assert!(text.contains("zipmap=False"), "{text}");
    let text = refusal(&bytes("fixed.onnx"));
    assert_eq!(text, "input 'x' has shape [3, 2], expected rows first: [-1, ...] or [1, ...]");
    let mut unknown = bytes("identity.onnx");
    let at = unknown.windows(8).position(|name| name == b"Identity").unwrap();
    unknown[at..at + 8].copy_from_slice(b"Identify");
    assert!(refusal(&unknown).starts_with("ONNX Runtime refused the model: "), "{}", refusal(&unknown));
}

#[test]
fn inputs_that_do_not_fit() {
    let scorer = scorer("mixed.onnx");
    let (inputs, _) = reference("mixed", &scorer);
    let mismatch = |rows, inputs: &[&Tensor]| match scorer.score(rows, inputs) {
        Err(ScoreError::Mismatch(text)) => text,
        other => panic!("expected a mismatch, got {other:?}"),
    };
    let [carrier, distance, hour] = [&inputs[0], &inputs[1], &inputs[2]];
    assert_eq!(mismatch(16, &[carrier, distance]), "expected 3 inputs, got 2");
    let expected = "input 'distance' must be FP32 [-1, 1] with 16 rows, got INT64 [16, 1] with 16 elements";
    assert_eq!(mismatch(16, &[carrier, hour, hour]), expected);
    let wide = Tensor { shape: Shape::from_slice(&[16, 2]), data: TensorData::Int64(vec![0; 32]) };
    let short = Tensor { shape: Shape::from_slice(&[16, 1]), data: TensorData::Int64(vec![0; 3]) };
    let flat = Tensor { shape: Shape::new(), data: TensorData::Int64(vec![0]) };
    let vast = Tensor { shape: Shape::from_slice(&[16, usize::MAX]), data: TensorData::Int64(vec![]) };
    for wrong in [&wide, &short, &flat, &vast] {
        assert!(mismatch(16, &[carrier, distance, wrong]).starts_with("input 'hour' must be INT64"));
    }
    assert!(mismatch(15, &[carrier, distance, hour]).contains("with 15 rows"));
    assert!(mismatch(0, &[carrier, distance, hour]).contains("with 0 rows"));
}

#[test]
fn a_library_that_does_not_load() {
    let missing = Runtime::load("/nonexistent/libonnxruntime.so".as_ref()).unwrap_err();
    let text = chain(&missing);
    assert!(
        text.starts_with("can't load ONNX Runtime from /nonexistent/libonnxruntime.so: expected"),
        "{text}"
    );
    let first = Runtime::load(&library());
    assert!(first.is_ok() && Runtime::load(&library()).is_ok());
    let second = Runtime::load(std::env::current_exe().unwrap().as_ref()).unwrap_err();
    assert!(second.to_string().contains("a process can't load a second one from"), "{second}");
}
