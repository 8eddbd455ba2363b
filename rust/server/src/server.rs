//! The whole server: reads its settings, binds, serves, drains, reports.

use std::cell::RefCell;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tidegate_engine::{Engine, ShutdownReport, Worker};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::LocalSet;

use crate::access::Access;
use crate::access_log::AccessLog;
use crate::budget::Budget;
use crate::connections::{self, Accepted, Terms};
use crate::deadline::Waits;
use crate::follower::{Control, Follower, Keys, Shelf};
use crate::handler::Handler;
use crate::listen::{self, listen};
use crate::plane::{Desk, Limits, Plane};
use crate::readiness::Phase;
use crate::spin::Spin;
use crate::tls::Tls;
use crate::traces::Traces;
use crate::{ServerConfig, ServerError, Stop, admin, grpc, memory};

/// Time that the engine gets at least to write what it holds, however long requests drained.
const LEAST_FLUSH: Duration = Duration::from_secs(5);
/// Time for the last spans, while the engine writes.
const TRACES_FLUSH: Duration = Duration::from_secs(2);
/// Time for the last answers of the admin port.
const ADMIN_DRAIN: Duration = Duration::from_secs(1);
/// Pause after an accept failed, for instance because files ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Connections that were cut at the deadline.
    pub cut: usize,
    /// What the engine left behind.
    pub engine: ShutdownReport,
}

/// Where a server listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// gRPC and REST.
    pub data: SocketAddr,
    /// Health, metrics, status, drift.
    pub admin: SocketAddr,
}

/// A server whose ports are bound and whose settings are good; nothing is answered yet.
#[derive(Debug)]
pub struct Server {
    config: ServerConfig,
    terms: Terms,
    plane: Arc<Plane>,
    workers: Vec<Worker>,
    control: Option<Control>,
    data: TcpListener,
    admin: TcpListener,
    addresses: Addresses,
}

/// Binds and serves until `stop` fires, on this thread and `config.threads` more.
///
/// # Errors
/// [`ServerError`] when the server can't start.
pub fn run(config: ServerConfig, engine: Arc<Engine>, stop: Stop) -> Result<Report, ServerError> {
    Server::bind(config, engine)?.run(stop)
}

impl Server {
    /// Checks the settings and opens both ports.
    ///
    /// # Errors
    /// [`ServerError`] naming the setting or the address.
    pub fn bind(config: ServerConfig, engine: Arc<Engine>) -> Result<Self, ServerError> {
        let control = Control::of(&config)?;
        let threads = config.workers();
        let workers = (0..threads)
            .map(|index| engine.worker(index))
            .collect::<Result<_, _>>()
            .map_err(|source| ServerError::Worker { threads, source })?;
        let data = listen("data", &config.listen)?;
        let admin = listen("admin", &config.admin)?;
        let addresses = Addresses {
            data: data.local_addr().map_err(ServerError::Thread)?,
            admin: admin.local_addr().map_err(ServerError::Thread)?,
        };
        let limits =
            Limits { body: config.body_limit, body_time: seconds("body_seconds", config.body_seconds)? };
        let waits = Waits::new(
            Duration::from_millis(config.deadline_milliseconds),
            Duration::from_millis(config.deadline_limit_milliseconds),
        );
        let terms = terms(&config)?;
        let budget = Budget::new(config.limits.bytes_in_flight);
        let scheme = if config.tls.is_some() { "https" } else { "http" };
        let traces = config.traces.as_ref().map(|traces| Traces::start(traces, scheme)).transpose();
        let traces = traces.map_err(ServerError::Traces)?;
        let plane = Arc::new(Plane::new(engine, limits, Access::new(&config), waits, budget, traces));
        Ok(Self { config, terms, plane, workers, control, data, admin, addresses })
    }

    /// Where it listens; useful when a port was 0.
    #[must_use]
    pub const fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Serves until `stop` fires: starts the data threads, loads the deployment on disk, follows control.
    ///
    /// # Errors
    /// [`ServerError::Thread`] when a thread can't be started.
    pub fn run(self, stop: Stop) -> Result<Report, ServerError> {
        let runtime = runtime()?;
        let log = self.config.access_log.then(|| AccessLog::start(&self.config.home)).transpose()?;
        let common = Common {
            plane: Arc::clone(&self.plane),
            terms: self.terms.clone(),
            log,
            spin: Duration::from_micros(self.config.spin_microseconds),
        };
        let mut senders = Vec::with_capacity(self.workers.len());
        let mut threads = Vec::with_capacity(self.workers.len());
        for (index, worker) in self.workers.into_iter().enumerate() {
            let (sender, accepted) = unbounded_channel();
            threads.push(serving_thread(index, worker, accepted, common.clone())?);
            senders.push(sender);
        }
        let life = Life { plane: self.plane, config: self.config, control: self.control, terms: self.terms };
        let data = into_tokio(&runtime, self.data)?;
        let admin = into_tokio(&runtime, self.admin)?;
        let report = LocalSet::new().block_on(&runtime, life.live(data, admin, senders, threads, stop));
        // An installation that still loads a model must not hold up the end.
        runtime.shutdown_background();
        Ok(report)
    }
}

/// What the main thread works with.
struct Life {
    plane: Arc<Plane>,
    config: ServerConfig,
    control: Option<Control>,
    terms: Terms,
}

impl Life {
    async fn live(
        self,
        data: tokio::net::TcpListener,
        admin: tokio::net::TcpListener,
        senders: Vec<UnboundedSender<Accepted>>,
        threads: Vec<JoinHandle<usize>>,
        mut stop: Stop,
    ) -> Report {
        let (admin_accept, admin_serve) = self.admin(admin);
        let connections = self.config.connections.min(listen::connections());
        let data_accept = tokio::task::spawn_local(accept(data, senders, connections));
        let watching = tokio::task::spawn_local(watch(
            Arc::clone(&self.plane),
            self.terms.tls.clone(),
            self.config.limits.memory_bytes,
        ));
        let following = tokio::task::spawn_local(load_and_follow(
            Arc::clone(&self.plane),
            self.config.home.clone(),
            self.control,
        ));
        stop.wait().await;

        let began = Instant::now();
        self.plane.readiness.advance(Phase::Draining);
        tracing::info!("draining");
        following.abort();
        watching.abort();
        data_accept.abort();
        // Its senders are gone with the acceptor, which is what the threads wait for.
        let _ = data_accept.await;
        let engine = Arc::clone(&self.plane.engine);
        let traces = self.plane.traces.clone();
        let drain = self.terms.drain;
        let end = tokio::task::spawn_blocking(move || {
            let cut = threads.into_iter().map(join).sum();
            if let Some(traces) = &traces {
                traces.close(Instant::now() + TRACES_FLUSH);
            }
            let left = drain.saturating_sub(began.elapsed()).max(LEAST_FLUSH);
            let report = Report { cut, engine: engine.shutdown(left) };
            if let Some(traces) = &traces {
                traces.join();
            }
            report
        });
        let report = end.await.unwrap_or(Report { cut: 0, engine: ShutdownReport::default() });
        admin_accept.abort();
        let _ = admin_accept.await;
        let _ = admin_serve.await;
        report
    }

    /// The admin port lives on the main thread, away from what scores.
    fn admin(
        &self,
        listener: tokio::net::TcpListener,
    ) -> (tokio::task::JoinHandle<()>, tokio::task::JoinHandle<usize>) {
        let (sender, accepted) = unbounded_channel();
        let plane = Arc::clone(&self.plane);
        let terms = Terms { drain: ADMIN_DRAIN, tls: None, ..self.terms.clone() };
        let handlers = move |_| {
            let plane = Arc::clone(&plane);
            move |request| std::future::ready(admin::answer(&plane, &request))
        };
        let serve = connections::serve(accepted, terms, handlers);
        let accept = accept(listener, vec![sender], self.config.connections);
        (tokio::task::spawn_local(accept), tokio::task::spawn_local(serve))
    }
}

/// Looks after what changes without a request: TLS files and memory.
async fn watch(plane: Arc<Plane>, tls: Option<Arc<Tls>>, memory_bytes: u64) {
    let limit = if memory_bytes > 0 { Some(memory_bytes) } else { memory::group_limit() };
    let files = async {
        if let Some(tls) = tls {
            tls.follow().await;
        }
    };
    tokio::join!(files, plane.memory.follow(limit, memory::resident));
}

/// Loads what is on disk, says that the server is ready, then follows control if there is one.
async fn load_and_follow(plane: Arc<Plane>, home: PathBuf, control: Option<Control>) {
    let engine = Arc::clone(&plane.engine);
    let shelf = Shelf::of_home(&home);
    let disk = shelf.clone();
    let restored = tokio::task::spawn_blocking(move || disk.restore(&engine)).await.unwrap_or(0);
    let keys = Keys::restore(Arc::clone(&plane), &home);
    // A process whose every deployment is broken serves nothing, and is not ready before it serves one.
    if restored > 0 || shelf.is_empty() {
        plane.readiness.advance(Phase::Ready);
        tracing::info!(generation = restored, "ready");
    }
    if let Some(control) = control {
        let deployments = Follower { plane, shelf, control: control.clone(), generation: restored };
        tokio::join!(deployments.follow(), keys.follow(control));
    }
}

/// Hands connections to the threads in turn, up to `limit` at once.
async fn accept(listener: tokio::net::TcpListener, senders: Vec<UnboundedSender<Accepted>>, limit: usize) {
    let held = Arc::new(AtomicUsize::new(0));
    for sender in senders.iter().cycle() {
        let stream = loop {
            match listener.accept().await.and_then(|(stream, peer)| {
                stream.set_nodelay(true)?;
                Ok((stream.into_std()?, peer.ip()))
            }) {
                Ok((stream, address)) => {
                    if let Some(stream) = Accepted::new(stream, address, &held, limit) {
                        break stream;
                    }
                    tracing::debug!(limit, "a connection over the limit was closed");
                }
                Err(error) => {
                    tracing::warn!(error = &*error.to_string(), "a connection can't be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        };
        // A thread that is gone takes no connection; the client comes again.
        let _ = sender.send(stream);
    }
}

/// What all serving threads have in common.
#[derive(Clone)]
struct Common {
    plane: Arc<Plane>,
    terms: Terms,
    log: Option<AccessLog>,
    /// See [`Spin`].
    spin: Duration,
}

/// One thread with one event loop, which answers everything on its connections.
fn serving_thread(
    index: usize,
    worker: Worker,
    accepted: UnboundedReceiver<Accepted>,
    common: Common,
) -> Result<JoinHandle<usize>, ServerError> {
    let Common { plane, terms, log, spin } = common;
    let runtime = runtime()?;
    let serve = move || {
        let services = Rc::new(grpc::Services::new(&plane));
        let worker = Rc::new(RefCell::new(worker));
        let spin = Rc::new(Spin::new(spin));
        let spinning = Rc::clone(&spin);
        let handlers = move |peer| {
            let desk = Rc::new(Desk::new(Arc::clone(&plane), Rc::clone(&worker), peer));
            let (services, log, spin) = (Rc::clone(&services), log.clone(), Rc::clone(&spin));
            let handler = Handler { desk, services, log, spin };
            move |request| handler.clone().answer(request)
        };
        let local = LocalSet::new();
        local.spawn_local(async move { spinning.run().await });
        local.block_on(&runtime, connections::serve(accepted, terms, handlers))
    };
    std::thread::Builder::new().name(format!("tidegate-{index}")).spawn(serve).map_err(ServerError::Thread)
}

fn terms(config: &ServerConfig) -> Result<Terms, ServerError> {
    Ok(Terms {
        header_time: seconds("header_seconds", config.header_seconds)?,
        handshake_time: seconds("limits.handshake_seconds", config.limits.handshake_seconds)?,
        stalled_time: seconds("limits.stalled_seconds", config.limits.stalled_seconds)?,
        age: seconds("limits.connection_seconds", config.limits.connection_seconds)?,
        drain: Duration::from_secs(config.drain_seconds),
        tls: config.tls.as_ref().map(Tls::load).transpose().map_err(ServerError::Tls)?.map(Arc::new),
    })
}

/// A setting in seconds; refuses what is no time.
fn seconds(name: &'static str, value: f64) -> Result<Duration, ServerError> {
    Duration::try_from_secs_f64(value).map_err(|_| ServerError::Seconds { name, value })
}

fn runtime() -> Result<Runtime, ServerError> {
    Builder::new_current_thread().enable_all().build().map_err(ServerError::Thread)
}

fn into_tokio(runtime: &Runtime, listener: TcpListener) -> Result<tokio::net::TcpListener, ServerError> {
    let _within = runtime.enter();
    tokio::net::TcpListener::from_std(listener).map_err(ServerError::Thread)
}

fn join(thread: JoinHandle<usize>) -> usize {
    thread.join().unwrap_or_else(|_| {
        tracing::error!("a serving thread ended in a panic");
        0
    })
}
