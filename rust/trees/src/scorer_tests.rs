//! Models as bytes: what is read, what is refused and why, and that a difference of one bit is seen.

use proptest::prelude::*;
use tidegate_model::{DataType, ScoreError, Scorer, Shape, Signature, Tensor, TensorData};

use crate::testing::{Message, classifier, model, node};
use crate::{TreeScorer, check_rows, compare, difference};

fn scorer() -> TreeScorer {
    TreeScorer::from_bytes(&model(&[classifier("scores")], 3)).unwrap()
}

fn table(values: &[f32]) -> Tensor {
    Tensor { shape: Shape::from_slice(&[values.len() / 2, 2]), data: TensorData::Fp32(values.to_vec()) }
}

#[test]
fn a_model_is_read_and_scored() {
    let scorer = scorer();
    assert_eq!(scorer.describe(), "1 tree in one TreeEnsembleClassifier");
    let signature = scorer.signature();
    let outputs: Vec<_> =
        signature.outputs.iter().map(|spec| (&spec.name[..], spec.datatype, &spec.shape[..])).collect();
    assert_eq!(outputs, [("label", DataType::Int64, &[-1][..]), ("scores", DataType::Fp32, &[-1, 2])]);
    let rows = table(&[0.5, 0.0, 0.6, -1.0, 0.6, -1.1, f32::NAN, 9.0, 0.6, f32::NAN]);
    let answers = scorer.score(5, &[&rows]).unwrap();
    assert_eq!(answers[0].data, TensorData::Int64(vec![3, 5, 5, 3, 5]));
    let share = |score: f32| 1.0 / (1.0 + (-score).exp());
    let expected = [1.0 - share(1.0), share(2.0), share(0.25), 1.0 - share(1.0), share(2.0)];
    let TensorData::Fp32(shares) = &answers[1].data else { panic!("{answers:?}") };
    assert!(shares.iter().skip(1).step_by(2).zip(expected).all(|(a, b)| a.to_bits() == b.to_bits()));
    assert_eq!(
        TreeScorer::from_bytes(&model(&[classifier("scores")], 3))
            .unwrap()
            .portable()
            .score(5, &[&rows])
            .unwrap(),
        answers
    );
}

#[test]
fn what_does_not_fit_is_a_mismatch() {
    let scorer = scorer();
    let rows = table(&[0.0; 6]);
    assert!(scorer.score(3, &[&rows]).is_ok());
    for (count, inputs) in [(2, vec![&rows]), (0, vec![&rows]), (3, vec![]), (3, vec![&rows, &rows])] {
        assert!(matches!(scorer.score(count, &inputs), Err(ScoreError::Mismatch(_))));
    }
    let flat = Tensor { shape: Shape::from_slice(&[6]), data: rows.data.clone() };
    assert!(matches!(scorer.score(6, &[&flat]), Err(ScoreError::Mismatch(_))));
}

#[test]
fn reasons_are_words() {
    let why =
        |nodes: &[Vec<u8>], version| TreeScorer::from_bytes(&model(nodes, version)).unwrap_err().to_string();
    let raw = classifier("raw");
    let then = |operator| node("", operator, &["raw"], &["scores"], &[]);
    assert_eq!(
        why(&[raw.clone(), then("Softmax")], 3),
        "the graph has a node Softmax that the native kernel does not know"
    );
    assert_eq!(why(&[raw.clone(), then("Mul")], 3), "a node Mul of the graph has not two inputs");
    assert_eq!(why(&[classifier("scores")], 5), "the model has operators of ai.onnx.ml 5 or newer");
    assert_eq!(why(&[], 3), "the graph is no tree ensemble");
    assert_eq!(why(std::slice::from_ref(&raw), 3), "output 'scores' is not what the tree ensemble answers");
    assert_eq!(why(&[classifier("scores"), raw.clone()], 3), "the model has several tree ensembles");
    assert!(TreeScorer::from_bytes(&model(&[raw, then("Identity")], 3)).is_ok());
    let text = TreeScorer::from_bytes(b"no model").unwrap_err().to_string();
    assert_eq!(text, "the native kernel can't read the bytes as one ONNX graph");
}

/// The same answers, but for one bit of one score of the last row of batches of 9.
struct OneBit(TreeScorer);

impl Scorer for OneBit {
    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn score(&self, rows: usize, inputs: &[&Tensor]) -> Result<Vec<Tensor>, ScoreError> {
        let mut answers = self.0.score(rows, inputs)?;
        if let (9, TensorData::Fp32(scores)) = (rows, &mut answers[1].data) {
            scores[17] = f32::from_bits(scores[17].to_bits() ^ 1);
        }
        Ok(answers)
    }
}

#[test]
fn one_bit_in_one_row_is_a_difference() {
    let trees = scorer();
    let checked = compare(&trees, &scorer(), &[table(&[0.1; 40])]).unwrap();
    assert_eq!((checked.rows, checked.reference), (4096 + 20, 20));
    let difference = compare(&trees, &OneBit(scorer()), &[]).unwrap_err();
    // Batches of 1, 8, 64, 2 and 7 come before.
    let expected =
        "rows 82 to 90 made from its thresholds, in a batch of 9: output 'scores' differs at element 17";
    assert_eq!(difference, expected);
    // Batches of 1 and 8 are equal, and so is the rest of the reference.
    assert!(compare(&trees, &OneBit(scorer()), &[]).is_err());
}

/// Another signature.
struct Renamed(TreeScorer, Signature);

impl Scorer for Renamed {
    fn signature(&self) -> &Signature {
        &self.1
    }

    fn score(&self, rows: usize, inputs: &[&Tensor]) -> Result<Vec<Tensor>, ScoreError> {
        self.0.score(rows, inputs)
    }
}

#[test]
fn another_signature_is_a_difference() {
    let mut signature = scorer().signature().clone();
    signature.outputs[0].name = "class".into();
    let difference = compare(&scorer(), &Renamed(scorer(), signature), &[]).unwrap_err();
    assert_eq!(difference, "inputs and outputs are not those that ONNX Runtime shows");
}

#[test]
fn check_rows_meet_every_threshold_and_its_neighbours() {
    let rows = check_rows(&scorer());
    assert_eq!(difference(["x"].into_iter(), &check_rows(&scorer()), &rows), None);
    let TensorData::Fp32(values) = &rows[0].data else { panic!("{rows:?}") };
    let column = |offset: usize| values.iter().skip(offset).step_by(2);
    // The second branch asks for less than -1.
    let last = (-1.0_f32).next_down();
    for (offset, threshold) in [(0, 0.5_f32), (1, last)] {
        for wanted in [threshold, threshold.next_up(), threshold.next_down()] {
            assert!(column(offset).any(|value| value.to_bits() == wanted.to_bits()), "{wanted}");
        }
    }
    assert!(values.iter().any(|value| value.is_nan()) && values.contains(&f32::NEG_INFINITY));
    assert!(values.iter().any(|value| value.to_bits() == (-0.0_f32).to_bits()));
}

#[test]
fn every_cut_of_a_model_is_refused() {
    let onnx = model(&[classifier("scores")], 3);
    for length in 0..onnx.len() {
        assert!(TreeScorer::from_bytes(&onnx[..length]).is_err(), "{length}");
    }
}

#[test]
fn claimed_sizes_make_no_memory() {
    let wide = Message::default().number(1, i64::MAX).0;
    let shape = Message::default().bytes(1, &[]).bytes(1, &wide).0;
    let tensor = Message::default().number(1, 1).bytes(2, &shape).0;
    let port = Message::default().bytes(1, b"x").bytes(2, &Message::default().bytes(1, &tensor).0).0;
    let graph = Message::default().bytes(11, &port).0;
    let error = TreeScorer::from_bytes(&Message::default().bytes(7, &graph).0).unwrap_err();
    assert_eq!(error.to_string(), "input 'x' is not a table of a known number of columns");
}

proptest! {
    #[test]
    fn damaged_models_do_no_harm(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut onnx = model(&[classifier("scores")], 3);
        for (index, byte) in changes {
            let at = index.index(onnx.len());
            onnx[at] = byte;
        }
        if let Ok(scorer) = TreeScorer::from_bytes(&onnx) {
            let rows = check_rows(&scorer);
            let count = rows.first().map_or(0, |tensor| tensor.shape[0]);
            let inputs: Vec<&Tensor> = rows.iter().collect();
            if count > 0 {
                prop_assert!(scorer.score(count, &inputs).is_ok());
            }
        }
    }

    #[test]
    fn any_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = TreeScorer::from_bytes(&bytes);
    }
}
