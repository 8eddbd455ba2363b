//! What unit tests need: a disk that breaks, a folder, an endpoint and its records.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tidegate_model::{
    Batch, Contract, DataType, InputSpec, ScoreError, ScoreSpec, Scorer, Shape, Signature, Tensor,
    TensorData, TensorSpec,
};
use tidegate_traffic::SlotTable;
use uuid::Uuid;

use crate::disk::{Disk, Files, SegmentFile};
use crate::log::{Policy, Record, Request, RowRole};
use crate::meter::Meter;
use crate::rule::Rules;
use crate::shared::lock;
use crate::snapshot::{Endpoint, Routing, Variant, Wiring};
use crate::totals::EndpointLog;
use crate::{Loaded, Route};

/// A folder that goes away with the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tidegate-unit-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// An operation on a segment file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Create,
    Append,
    Sync,
}

/// What a disk did, and what it is to do.
#[derive(Debug, Default)]
pub(crate) struct Script {
    /// Fails while positive, per operation.
    pub(crate) fail: Vec<(Operation, u32)>,
    pub(crate) panic: bool,
    /// Files whose sync failed, which must not be synced again.
    pub(crate) tainted: Vec<PathBuf>,
}

/// Files that fail as they are told.
#[derive(Clone, Debug, Default)]
pub(crate) struct BrokenDisk(Arc<Mutex<Script>>);

impl BrokenDisk {
    /// The next `times` operations of that kind fail.
    pub(crate) fn fail(&self, operation: Operation, times: u32) {
        lock(&self.0).fail.push((operation, times));
    }

    pub(crate) fn panic_once(&self) {
        lock(&self.0).panic = true;
    }

    fn check(&self, operation: Operation) -> io::Result<()> {
        let mut script = lock(&self.0);
        if std::mem::take(&mut script.panic) {
            drop(script);
            panic!("a disk that panics");
        }
        let failing = script.fail.iter_mut().find(|(kind, left)| *kind == operation && *left > 0);
        let Some((_, left)) = failing else { return Ok(()) };
        *left -= 1;
        Err(io::Error::from(io::ErrorKind::StorageFull))
    }
}

impl Disk for BrokenDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn SegmentFile>> {
        self.check(Operation::Create)?;
        let file = Files.create(path)?;
        Ok(Box::new(BrokenFile { file, path: path.to_owned(), disk: self.clone() }))
    }
}

#[derive(Debug)]
struct BrokenFile {
    file: Box<dyn SegmentFile>,
    path: PathBuf,
    disk: BrokenDisk,
}

impl SegmentFile for BrokenFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.disk.check(Operation::Append) {
            // As a full disk does: a part is written.
            self.file.append(&bytes[..bytes.len() / 2])?;
            return Err(error);
        }
        self.file.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        assert!(!lock(&self.disk.0).tainted.contains(&self.path), "a failed file was synced again");
        self.disk.check(Operation::Sync).inspect_err(|_| lock(&self.disk.0).tainted.push(self.path.clone()))
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.file.truncate(length)
    }
}

struct Halves(Signature);

impl Scorer for Halves {
    fn signature(&self) -> &Signature {
        &self.0
    }

    fn score(&self, rows: usize, _: &[&Tensor]) -> Result<Vec<Tensor>, ScoreError> {
        Ok(vec![column(&vec![0.5; rows])])
    }
}

fn column(values: &[f32]) -> Tensor {
    Tensor { shape: Shape::from_slice(&[values.len()]), data: TensorData::Fp32(values.to_vec()) }
}

/// An endpoint named `delay` with one input `x` and one output `p`.
pub(crate) fn endpoint() -> Arc<Endpoint> {
    let spec = |name: &str| TensorSpec { name: name.into(), datatype: DataType::Fp32, shape: vec![-1] };
    let signature = Signature { inputs: vec![spec("x")], outputs: vec![spec("p")] };
    let input = InputSpec {
        name: "x".into(),
        datatype: DataType::Fp32,
        shape: vec![-1],
        columns: vec!["x".into()],
        missing: None,
    };
    let contract = Contract {
        inputs: vec![input],
        context: vec![],
        outputs: vec![spec("p")],
        score: Some(ScoreSpec { output: "p".into(), column: 0 }),
        threshold: 0.5,
    };
    let variant = Variant {
        model: "m".into(),
        version: "1".into(),
        digest: "sha256:0".into(),
        weight: 1.0,
        shadow: false,
        signature: signature.clone(),
        onnx: String::new(),
        loaded: Loaded { scorer: Arc::new(Halves(signature)), runs_on: "fake", reason: "a test".into() },
        wiring: Wiring { inputs: vec![0], outputs: vec![0] },
        drift: None,
        meter: Arc::new(Meter::new(2)),
        line: Arc::default(),
        lane: None,
    };
    let table = SlotTable::from_ranges(1, &[(0, 0, 0)]).unwrap();
    Arc::new(Endpoint {
        id: "ep".into(),
        name: "delay".into(),
        generation: 1,
        contract,
        variants: vec![Arc::new(variant)],
        routing: Routing { seed: 0, table, rules: Rules::default(), key: None, watchers: vec![] },
        log: Arc::new(EndpointLog::default()),
        policy: Policy::default(),
    })
}

/// A record of `rows` rows.
pub(crate) fn record(endpoint: &Arc<Endpoint>, rows: usize) -> Record {
    let values = vec![0.5; rows];
    let request = Request {
        endpoint: Arc::clone(endpoint),
        id: Uuid::from_u128(7),
        variant: 0,
        route: Route::Weight,
        sticky: false,
        client_id: None,
        principal: "local".into(),
        key: None,
        event_time: 0,
        received_at: 0,
        batch: Batch { rows, inputs: vec![column(&values)], context: vec![] },
    };
    let variant = Arc::clone(&endpoint.variants[0]);
    Record {
        request: Arc::new(request),
        variant,
        role: RowRole::Answer,
        outputs: Arc::new(vec![column(&values)]),
    }
}
