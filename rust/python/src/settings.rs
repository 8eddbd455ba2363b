//! The settings of a scoring process: one JSON object for engine, server and runtime.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};
use tidegate_engine::{EngineConfig, Fsync};
use tidegate_server::ServerConfig;

use crate::loader::Kernel;

/// What `serve` is given.
pub(crate) struct Settings {
    /// Path of ONNX Runtime's shared library.
    pub(crate) library: PathBuf,
    /// What may run models.
    pub(crate) kernel: Kernel,
    /// The engine's part.
    pub(crate) engine: EngineConfig,
    /// The server's part: every name that is not one of [`Own`].
    pub(crate) server: ServerConfig,
}

/// The names that the server does not know.
const OWN: [&str; 9] = [
    "kernel",
    "lane_requests",
    "lanes",
    "library",
    "log",
    "output_limit",
    "pane_rows",
    "pane_seconds",
    "shadow_queue",
];

#[derive(Deserialize)]
struct Own {
    library: PathBuf,
    #[serde(default)]
    kernel: Kernel,
    #[serde(default)]
    log: Log,
    pane_rows: Option<u64>,
    pane_seconds: Option<u64>,
    shadow_queue: Option<usize>,
    lanes: Option<usize>,
    lane_requests: Option<usize>,
    output_limit: Option<usize>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Log {
    fsync: Option<When>,
    ring_records: Option<usize>,
    ring_bytes: Option<usize>,
    batch_rows: Option<usize>,
    batch_milliseconds: Option<u64>,
    segment_bytes: Option<u64>,
    segment_seconds: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum When {
    Os,
    Group,
    Durable,
}

impl Settings {
    /// Reads the object; the error names the setting.
    pub(crate) fn parse(json: &str) -> Result<Self, serde_json::Error> {
        let mut rest: Map<String, Value> = serde_json::from_str(json)?;
        let own = OWN.iter().filter_map(|&name| rest.remove_entry(name)).collect();
        let own: Own = serde_json::from_value(Value::Object(own))?;
        let server: ServerConfig = serde_json::from_value(Value::Object(rest))?;
        let mut engine = EngineConfig::new(&server.home, server.workers());
        set(&mut engine.pane_rows, own.pane_rows);
        set(&mut engine.pane_seconds, own.pane_seconds);
        set(&mut engine.shadow_queue, own.shadow_queue);
        set(&mut engine.lanes, own.lanes.filter(|&lanes| lanes > 0));
        set(&mut engine.lane_requests, own.lane_requests);
        set(&mut engine.output_limit, own.output_limit);
        own.log.apply(&mut engine);
        Ok(Self { library: own.library, kernel: own.kernel, engine, server })
    }
}

impl Log {
    fn apply(self, engine: &mut EngineConfig) {
        let log = &mut engine.log;
        let fsync = self.fsync.map(|when| match when {
            When::Os => Fsync::Os,
            When::Group => Fsync::Group,
            When::Durable => Fsync::Durable,
        });
        set(&mut log.fsync, fsync);
        set(&mut log.ring_records, self.ring_records);
        set(&mut log.ring_bytes, self.ring_bytes);
        set(&mut log.batch_rows, self.batch_rows);
        set(&mut log.batch_interval, self.batch_milliseconds.map(Duration::from_millis));
        set(&mut log.segment_bytes, self.segment_bytes);
        set(&mut log.segment_age, self.segment_seconds.map(Duration::from_secs));
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}
