//! A home, a clock, artifacts, scorers and an endpoint to test with.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arrow_array::{Array, RecordBatch, StringArray, UInt64Array};
use arrow_ipc::reader::StreamReader;
use tidegate_drift::{
    CategoricalProfile, Counts, FeatureProfile, Kind, NumericProfile, ReferenceProfile, Role, counts_ipc,
};
use tidegate_engine::{
    ArtifactError, Artifacts, Clock, DeploymentSpec, EndpointSpec, Engine, EngineConfig, ScoreRequest,
    VariantSpec, Worker, digest,
};
use tidegate_model::{
    Batch, BytesColumn, ContextRole, ContextSpec, Contract, DataType, InputSpec, ScoreSpec, Shape, Tensor,
    TensorData, TensorSpec,
};

use crate::fake::{FakeLoader, Gate};

/// A folder that goes away with the test.
pub(crate) struct Home(PathBuf);

impl Home {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tidegate-engine-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The segments of a spool, oldest first.
    pub(crate) fn segments(&self, kind: &str) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.0.join(kind).join("delay")) else { return Vec::new() };
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "arrows"));
        let number = |path: &PathBuf| {
            let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
            stem.rsplit('-').next().unwrap().parse::<u64>().unwrap()
        };
        paths.sort_by_key(number);
        paths
    }

    /// All record batches of a spool.
    pub(crate) fn batches(&self, kind: &str) -> Vec<RecordBatch> {
        let read = |path: &PathBuf| {
            let file = std::io::BufReader::new(std::fs::File::open(path).unwrap());
            StreamReader::try_new(file, None).unwrap().map(Result::unwrap).collect::<Vec<_>>()
        };
        self.segments(kind).iter().flat_map(read).collect()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A clock whose wall time stands still until it is moved; what passes besides passes with it.
pub(crate) struct ManualClock {
    wall_us: AtomicI64,
    passed_us: AtomicU64,
}

impl ManualClock {
    pub(crate) fn at(now_us: i64) -> Arc<Self> {
        let (wall_us, passed_us) = (AtomicI64::new(now_us), AtomicU64::new(0));
        Arc::new(Self { wall_us, passed_us })
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.pass(Duration::from_secs(seconds));
    }

    pub(crate) fn pass(&self, time: Duration) {
        let passed = u64::try_from(time.as_micros()).unwrap();
        self.passed_us.fetch_add(passed, Ordering::SeqCst);
        self.wall_us.fetch_add(passed.cast_signed(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_us(&self) -> i64 {
        self.wall_us.load(Ordering::SeqCst)
    }

    fn at(&self, now: Instant) -> Instant {
        now + Duration::from_micros(self.passed_us.load(Ordering::SeqCst))
    }
}

/// 2026-01-02T03:04:05Z
pub(crate) const START: i64 = 1_767_323_045_000_000;

/// Artifacts in memory.
#[derive(Default)]
pub(crate) struct Shelf(pub(crate) HashMap<String, Vec<u8>>);

impl Shelf {
    pub(crate) fn put(&mut self, bytes: &[u8]) -> String {
        let name = digest(bytes);
        self.0.insert(name.clone(), bytes.to_vec());
        name
    }
}

impl Artifacts for Shelf {
    fn read(&self, digest: &str) -> Result<Vec<u8>, ArtifactError> {
        self.0.get(digest).cloned().ok_or_else(|| ArtifactError::Missing(digest.to_owned()))
    }
}

pub(crate) fn contract() -> Contract {
    let input = |name: &str, datatype, width: i64, columns: &[&str], missing: Option<&str>| InputSpec {
        name: name.into(),
        datatype,
        shape: vec![-1, width],
        columns: columns.iter().map(ToString::to_string).collect(),
        missing: missing.map(str::to_owned),
    };
    let context = |name: &str, datatype, role| ContextSpec { name: name.into(), datatype, role };
    let output =
        |name: &str, datatype, shape: &[i64]| TensorSpec { name: name.into(), datatype, shape: shape.into() };
    Contract {
        inputs: vec![
            input("carrier", DataType::Bytes, 1, &["carrier"], Some("?")),
            input("x", DataType::Fp32, 2, &["a", "b"], None),
        ],
        context: vec![
            context("tail", DataType::Bytes, ContextRole::Key),
            context("leg", DataType::Int32, ContextRole::Log),
        ],
        outputs: vec![output("label", DataType::Int64, &[-1]), output("p", DataType::Fp32, &[-1, 2])],
        score: Some(ScoreSpec { output: "p".into(), column: 1 }),
        threshold: 0.5,
    }
}

pub(crate) fn profile() -> ReferenceProfile {
    let numeric = |name: &str, role, values: &[f64]| FeatureProfile {
        name: name.into(),
        role,
        kind: Kind::Numeric(NumericProfile::fit(values).unwrap()),
    };
    let steps: Vec<f64> = (0..100).map(|i| f64::from(i) / 100.0).collect();
    let few: Vec<f64> = (0..100).map(|i| f64::from(i % 3)).collect();
    let carriers = (0..100).map(|i| Some(if i % 2 == 0 { b"AA".as_slice() } else { b"UA" }));
    ReferenceProfile::new(vec![
        numeric("a", Role::Input, &steps),
        numeric("b", Role::Input, &few),
        FeatureProfile {
            name: "carrier".into(),
            role: Role::Input,
            kind: Kind::Categorical(CategoricalProfile::fit(carriers).unwrap()),
        },
        numeric("p", Role::Score, &steps),
    ])
    .unwrap()
}

/// A batch of `(carrier, a, b)` rows, with a routing key if there is one.
pub(crate) fn batch(rows: &[(&str, f32, f32)], tail: Option<&str>) -> Batch {
    let carriers: BytesColumn = rows.iter().map(|(carrier, ..)| carrier).collect();
    let x = rows.iter().flat_map(|&(_, a, b)| [a, b]).collect();
    let tails = tail.map(|tail| TensorData::Bytes(rows.iter().map(|_| tail).collect()));
    Batch {
        rows: rows.len(),
        inputs: vec![
            Tensor { shape: Shape::from_slice(&[rows.len(), 1]), data: TensorData::Bytes(carriers) },
            Tensor { shape: Shape::from_slice(&[rows.len(), 2]), data: TensorData::Fp32(x) },
        ],
        context: vec![tails, Some(TensorData::Int32((0..).take(rows.len()).collect()))],
    }
}

/// `rows` rows that differ by `seed`, in and out of the reference.
pub(crate) fn rows(seed: u32, rows: u32) -> Vec<(&'static str, f32, f32)> {
    let row = |n: u32| {
        let carrier = ["AA", "UA", "?", "ZZ"][n as usize % 4];
        let a = if n.is_multiple_of(11) { f32::NAN } else { (n % 128) as f32 / 128.0 };
        (carrier, a, (n % 5) as f32)
    };
    (0..rows).map(|i| row(seed.wrapping_mul(31).wrapping_add(i))).collect()
}

pub(crate) fn request(batch: Batch) -> ScoreRequest {
    ScoreRequest::new(batch, "local".into())
}

/// An engine on a home, with what it is fed from.
pub(crate) struct Bench {
    pub(crate) engine: Arc<Engine>,
    pub(crate) shelf: Shelf,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) gate: Arc<Gate>,
}

impl Bench {
    pub(crate) fn start(home: &Home) -> Self {
        Self::with(home, |_| {})
    }

    pub(crate) fn with(home: &Home, change: impl FnOnce(&mut EngineConfig)) -> Self {
        let mut config = EngineConfig::new(home.path(), 4);
        // Batches are written when a test asks for it.
        config.log.batch_interval = Duration::from_hours(1);
        change(&mut config);
        let loader = FakeLoader::default();
        let gate = Arc::clone(&loader.gate);
        let clock = ManualClock::at(START);
        let clock_of_engine: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let engine = Engine::start(config, Arc::new(loader), clock_of_engine).unwrap();
        Self { engine, shelf: Shelf::default(), clock, gate }
    }

    /// A variant of `onnx`, with the profile of [`profile`]; its digest follows from its version.
    pub(crate) fn variant(
        &mut self,
        version: &str,
        onnx: &str,
        weight: f64,
        slots: &[(u32, u32)],
    ) -> VariantSpec {
        let profile = self.shelf.put(&profile().to_ipc().unwrap());
        VariantSpec {
            model: "flights".into(),
            version: version.into(),
            digest: digest(version.as_bytes()),
            onnx: self.shelf.put(onnx.as_bytes()),
            profile: Some(profile),
            weight,
            shadow: false,
            mirror: false,
            slots: slots.to_vec(),
            lane: None,
        }
    }

    /// A variant that answers its slots and is scored on everything else.
    pub(crate) fn mirror(
        &mut self,
        version: &str,
        onnx: &str,
        weight: f64,
        slots: &[(u32, u32)],
    ) -> VariantSpec {
        VariantSpec { mirror: true, ..self.variant(version, onnx, weight, slots) }
    }

    pub(crate) fn shadow(&mut self, version: &str, onnx: &str) -> VariantSpec {
        VariantSpec { shadow: true, ..self.variant(version, onnx, 0.0, &[]) }
    }

    pub(crate) fn install(&self, generation: u64, variants: Vec<VariantSpec>) -> u64 {
        self.engine.install(&deployment(generation, variants), &self.shelf).unwrap()
    }

    /// One version that gets everything.
    pub(crate) fn single(home: &Home) -> Self {
        let mut bench = Self::start(home);
        let variant = bench.variant("1", "scale 1", 1.0, &[(0, 99)]);
        bench.install(1, vec![variant]);
        bench
    }

    pub(crate) fn worker(&self) -> Worker {
        self.engine.worker(0).unwrap()
    }

    /// The counts of a version, by its digest.
    pub(crate) fn counts(&self, version: &str) -> Counts {
        let variants = counts_ipc::decode(&self.engine.counts_ipc("delay").unwrap()).unwrap();
        let found = variants.iter().find(|variant| variant.version == version).unwrap();
        assert_eq!(found.variant, digest(version.as_bytes()));
        found.counts(&profile()).unwrap()
    }
}

pub(crate) fn deployment(generation: u64, variants: Vec<VariantSpec>) -> DeploymentSpec {
    DeploymentSpec {
        format: 1,
        generation,
        created_at: "2026-01-01T00:00:00Z".into(),
        default_endpoint: Some("delay".into()),
        endpoints: vec![EndpointSpec {
            id: "ep_1".into(),
            name: "delay".into(),
            salt: "ep_1".into(),
            contract: contract(),
            slots: 100,
            variants,
            rules: vec![],
            log: tidegate_engine::LogSpec::default(),
        }],
    }
}

/// What [`profile`] counts of these rows, by a plain scan of its reference points; `scale` is the model's.
pub(crate) fn recount<'a>(
    rows: impl Iterator<Item = &'a (&'static str, f32, f32)>,
    scale: f32,
) -> Vec<Vec<u64>> {
    let profile = profile();
    let mut counts: Vec<Vec<u64>> = profile.features().iter().map(|f| vec![0; f.cells() + 1]).collect();
    for &(carrier, a, b) in rows {
        let values = [f64::from(a), f64::from(b), 0.0, f64::from(a * scale)];
        for ((feature, value), counts) in profile.features().iter().zip(values).zip(&mut counts) {
            let cell = match &feature.kind {
                Kind::Numeric(_) if value.is_nan() => feature.cells(),
                Kind::Numeric(numeric) => {
                    let below = numeric.points().iter().filter(|&&point| point < value).count();
                    2 * below + usize::from(numeric.points().contains(&value))
                }
                Kind::Categorical(_) if carrier == "?" => feature.cells(),
                Kind::Categorical(categorical) => categorical
                    .categories()
                    .iter()
                    .position(|category| &**category == carrier.as_bytes())
                    .unwrap_or(feature.cells() - 1),
            };
            counts[cell] += 1;
        }
    }
    counts
}

/// Counts in the form of [`recount`]: cells, then missing.
pub(crate) fn cells(counts: &Counts) -> Vec<Vec<u64>> {
    let flat = |feature: &tidegate_drift::FeatureCounts| {
        feature.cells().iter().copied().chain([feature.missing()]).collect()
    };
    counts.features().iter().map(flat).collect()
}

pub(crate) fn text<'a>(batch: &'a RecordBatch, column: &str) -> &'a StringArray {
    batch.column_by_name(column).unwrap().as_any().downcast_ref().unwrap()
}

pub(crate) fn numbers<'a>(batch: &'a RecordBatch, column: &str) -> &'a UInt64Array {
    batch.column_by_name(column).unwrap().as_any().downcast_ref().unwrap()
}

/// The sum of a `uint64` column.
pub(crate) fn total(batches: &[RecordBatch], column: &str) -> u64 {
    batches.iter().flat_map(|batch| numbers(batch, column).iter()).flatten().sum()
}

pub(crate) fn row_count(batches: &[RecordBatch]) -> u64 {
    batches.iter().map(|batch| batch.num_rows() as u64).sum()
}
