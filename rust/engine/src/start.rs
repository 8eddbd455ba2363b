//! An engine's beginning: the home's lock, its spools, its threads.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use arc_swap::ArcSwap;

use crate::disk::{Disk, Files};
use crate::files::create_folders;
use crate::lanes::{self, Pool};
use crate::poll::{self, Stop};
use crate::recover::cut_torn_tails;
use crate::ring::ring;
use crate::shadow::Shadow;
use crate::shared::Shared;
use crate::threads::Threads;
use crate::totals::Totals;
use crate::writer::Writer;
use crate::{Clock, Deployment, EngineConfig, EngineError};

/// Label reports, panes and flushes that may wait for the writer.
const COMMANDS: usize = 1024;

pub(crate) fn start(
    config: EngineConfig,
    clock: Arc<dyn Clock>,
) -> Result<(Arc<Shared>, Threads), EngineError> {
    start_on(config, clock, Arc::new(Files))
}

pub(crate) fn start_on(
    config: EngineConfig,
    clock: Arc<dyn Clock>,
    disk: Arc<dyn Disk>,
) -> Result<(Arc<Shared>, Threads), EngineError> {
    let home_lock = take_lock(&config.home.join("scoring.lock"))?;
    for kind in ["predictions", "labels", "drift"] {
        let spool = config.home.join(kind);
        create_folders(&spool)
            .and_then(|()| cut_torn_tails(&spool))
            .map_err(|source| EngineError::Io { path: spool, source })?;
    }
    let (records, record_popper) = ring(config.log.ring_records, config.log.ring_bytes);
    let (mirrors, mirror_popper) = ring(config.shadow_queue, config.log.ring_bytes);
    let (commands, command_receiver) = sync_channel(COMMANDS);
    let (shadow, shadow_receiver) = channel();
    let shared = Arc::new(Shared {
        taken: (0..config.workers).map(|_| AtomicBool::new(false)).collect(),
        pool: Pool::new(config.lanes, config.lane_requests),
        config,
        clock,
        totals: Totals::default(),
        live: ArcSwap::from_pointee(Deployment::default()),
        records,
        commands,
        mirrors,
        observers: Mutex::default(),
        failed: Mutex::default(),
        installing: Mutex::default(),
        _lock: home_lock,
    });
    let stop_poll = Arc::new(Stop::default());
    let writer = Writer::new(Arc::clone(&shared), record_popper, command_receiver, disk);
    let mirror = Shadow { shared: Arc::clone(&shared), requests: mirror_popper, commands: shadow_receiver };
    let (polled, stop) = (Arc::clone(&shared), Arc::clone(&stop_poll));
    for lane in 0..shared.config.lanes.max(1) {
        lanes::start(&shared, lane)?;
    }
    let watched = Arc::clone(&shared);
    let handles = vec![
        spawn("tidegate-watch", move || lanes::watch(&watched))?,
        spawn("tidegate-shadow", move || mirror.run())?,
        spawn("tidegate-poll", move || poll::run(&polled, &stop))?,
        spawn("tidegate-log", move || writer.run())?,
    ];
    Ok((shared, Threads { shadow, stop_poll, handles: Mutex::new(handles) }))
}

fn spawn(name: &'static str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, EngineError> {
    let builder = std::thread::Builder::new().name(name.to_owned());
    builder.spawn(run).map_err(|source| EngineError::Thread { name, source })
}

/// Holds the home for this process as long as the file is open. It names the holder.
fn take_lock(path: &Path) -> Result<File, EngineError> {
    let failed = |source| EngineError::Io { path: path.to_owned(), source };
    let mut options = File::options();
    let mut file = options.read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => write_pid(&mut file).map(|()| file).map_err(failed),
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            file.read_to_string(&mut pid).map_err(failed)?;
            Err(EngineError::HomeInUse { path: path.to_owned(), pid: pid.trim().to_owned() })
        }
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}
