//! What the engine adds to a model: one request of 28 features through routing, counting, logging, over a model that
//! costs nothing. With and without a reference profile, so that drift counting shows.
//!
//! `cargo bench -p tidegate-engine --bench score`

#![allow(clippy::unwrap_used, missing_docs, reason = "a bench that cannot start should stop")]

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tidegate_drift::{FeatureProfile, Kind, NumericProfile, ReferenceProfile, Role};
use tidegate_engine::{
    ArtifactError, Artifacts, DeploymentSpec, EndpointSpec, Engine, EngineConfig, LoadError, Loaded, Loader,
    Reference, ScoreRequest, SystemClock, VariantSpec, digest,
};
use tidegate_model::{
    Batch, Contract, DataType, InputSpec, ScoreError, ScoreSpec, Scorer, Shape, Signature, Tensor,
    TensorData, TensorSpec,
};

const FEATURES: usize = 28;
const WIDTH: i64 = 28;
const POINTS: u32 = 10_000;

/// Answers a half, as fast as a vector can be made.
struct Half(Signature);

impl Scorer for Half {
    fn signature(&self) -> &Signature {
        &self.0
    }

    fn score(&self, rows: usize, _: &[&Tensor]) -> Result<Vec<Tensor>, ScoreError> {
        let data = TensorData::Fp32(vec![0.5; rows]);
        Ok(vec![Tensor { shape: Shape::from_slice(&[rows, 1]), data }])
    }
}

struct HalfLoader;

impl Loader for HalfLoader {
    fn load(&self, _: &[u8], _: Option<Reference<'_>>) -> Result<Loaded, LoadError> {
        let contract = contract();
        let x = TensorSpec { name: "x".into(), datatype: DataType::Fp32, shape: vec![-1, WIDTH] };
        let scorer = Arc::new(Half(Signature { inputs: vec![x], outputs: contract.outputs }));
        Ok(Loaded { scorer, runs_on: "fake", reason: "a bench".into() })
    }
}

struct Shelf(HashMap<String, Vec<u8>>);

impl Artifacts for Shelf {
    fn read(&self, digest: &str) -> Result<Vec<u8>, ArtifactError> {
        self.0.get(digest).cloned().ok_or_else(|| ArtifactError::Missing(digest.to_owned()))
    }
}

fn contract() -> Contract {
    let input = InputSpec {
        name: "x".into(),
        datatype: DataType::Fp32,
        shape: vec![-1, WIDTH],
        columns: (0..FEATURES).map(|n| format!("f{n}")).collect(),
        missing: None,
    };
    Contract {
        inputs: vec![input],
        context: vec![],
        outputs: vec![TensorSpec { name: "p".into(), datatype: DataType::Fp32, shape: vec![-1, 1] }],
        score: Some(ScoreSpec { output: "p".into(), column: 0 }),
        threshold: 0.5,
    }
}

fn profile() -> Vec<u8> {
    let values: Vec<f64> =
        (0..POINTS).map(|n| f64::from((f64::from(n) / f64::from(POINTS)) as f32)).collect();
    let feature = |n| FeatureProfile {
        name: format!("f{n}"),
        role: Role::Input,
        kind: Kind::Numeric(NumericProfile::fit(&values).unwrap()),
    };
    ReferenceProfile::new((0..FEATURES).map(feature).collect()).unwrap().to_ipc().unwrap()
}

fn engine(home: &std::path::Path, profiled: bool) -> Arc<Engine> {
    let (onnx, profile) = (b"half".to_vec(), profile());
    let shelf = Shelf(HashMap::from([(digest(&onnx), onnx.clone()), (digest(&profile), profile.clone())]));
    let variant = VariantSpec {
        model: "half".into(),
        version: "1".into(),
        digest: digest(b"version"),
        onnx: digest(&onnx),
        profile: profiled.then(|| digest(&profile)),
        weight: 1.0,
        shadow: false,
        mirror: false,
        slots: vec![(0, 9999)],
        lane: None,
    };
    let endpoint = EndpointSpec {
        id: "ep".into(),
        name: "half".into(),
        salt: "ep".into(),
        contract: contract(),
        slots: 10_000,
        variants: vec![variant],
        rules: vec![],
        log: tidegate_engine::LogSpec::default(),
    };
    let spec = DeploymentSpec {
        format: 1,
        generation: 1,
        created_at: "2026-01-01T00:00:00Z".into(),
        default_endpoint: Some("half".into()),
        endpoints: vec![endpoint],
    };
    let mut config = EngineConfig::new(home, 1);
    // Room for what a loop without a network between produces faster than any disk takes it.
    (config.log.ring_records, config.log.ring_bytes) = (1 << 16, 1 << 30);
    let engine = Engine::start(config, Arc::new(HalfLoader), Arc::new(SystemClock)).unwrap();
    engine.install(&spec, &shelf).unwrap();
    engine
}

fn batch(rows: usize) -> Batch {
    let x = (0..rows * FEATURES).map(|n| (n * 7919 % 10_007) as f32 / 10_007.0).collect();
    let tensor = Tensor { shape: Shape::from_slice(&[rows, FEATURES]), data: TensorData::Fp32(x) };
    Batch { rows, inputs: vec![tensor], context: vec![] }
}

fn score(criterion: &mut Criterion) {
    let home = std::env::temp_dir().join(format!("tidegate-bench-{}", std::process::id()));
    let mut group = criterion.benchmark_group("score");
    for (name, profiled) in [("without drift", false), ("with drift", true)] {
        std::fs::create_dir_all(&home).unwrap();
        let engine = engine(&home, profiled);
        let mut worker = engine.worker(0).unwrap();
        for rows in [1, 64] {
            let batch = batch(rows);
            group.throughput(Throughput::Elements(rows as u64));
            group.bench_with_input(BenchmarkId::new(name, rows), &batch, |bencher, batch| {
                bencher.iter(|| {
                    let live = engine.deployment();
                    let endpoint = live.default_endpoint.as_ref().unwrap();
                    let request = ScoreRequest::new(black_box(batch.clone()), "local".into());
                    worker.score(endpoint, request).unwrap()
                });
            });
        }
        drop((worker, engine));
        std::fs::remove_dir_all(&home).unwrap();
    }
    group.finish();
}

criterion_group!(benches, score);
criterion_main!(benches);
