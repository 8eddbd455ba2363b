//! The whole server: reads its settings, binds, serves, drains, reports.

use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tidegate_engine::{Engine, ShutdownReport, Worker};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::LocalSet;

use crate::connections::{self, Accepted};
use crate::follower::{Control, Follower, Shelf};
use crate::listen::listen;
use crate::plane::{Desk, Limits, Plane};
use crate::readiness::Phase;
use crate::{ServerConfig, ServerError, Stop, admin, grpc, rest};

/// Time that the engine gets at least to write what it holds, however long requests drained.
const LEAST_FLUSH: Duration = Duration::from_secs(5);
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
        let limits = Limits { body: config.body_limit, body_time: Duration::from_secs(config.body_seconds) };
        let plane = Arc::new(Plane::new(engine, limits));
        Ok(Self { config, plane, workers, control, data, admin, addresses })
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
        let drain = Duration::from_secs(self.config.drain_seconds);
        let header_time = Duration::from_secs(self.config.header_seconds);
        let mut senders = Vec::with_capacity(self.workers.len());
        let mut threads = Vec::with_capacity(self.workers.len());
        for (index, worker) in self.workers.into_iter().enumerate() {
            let (sender, accepted) = unbounded_channel();
            let plane = Arc::clone(&self.plane);
            threads.push(serving_thread(index, plane, worker, accepted, header_time, drain)?);
            senders.push(sender);
        }
        let life = Life { plane: self.plane, config: self.config, control: self.control, header_time, drain };
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
    header_time: Duration,
    drain: Duration,
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
        let data_accept = tokio::task::spawn_local(accept(data, senders, self.config.connections));
        let following = tokio::task::spawn_local(load_and_follow(
            Arc::clone(&self.plane),
            Shelf::of_home(&self.config.home),
            self.control,
        ));
        stop.wait().await;

        let began = Instant::now();
        self.plane.readiness.advance(Phase::Draining);
        tracing::info!("draining");
        following.abort();
        data_accept.abort();
        // Its senders are gone with the acceptor, which is what the threads wait for.
        let _ = data_accept.await;
        let engine = Arc::clone(&self.plane.engine);
        let drain = self.drain;
        let end = tokio::task::spawn_blocking(move || {
            let cut = threads.into_iter().map(join).sum();
            let left = drain.saturating_sub(began.elapsed()).max(LEAST_FLUSH);
            Report { cut, engine: engine.shutdown(left) }
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
        let handler = move |request| {
            let answer = admin::answer(&plane, &request);
            std::future::ready(answer)
        };
        let serve = connections::serve(accepted, self.header_time, ADMIN_DRAIN, handler);
        let accept = accept(listener, vec![sender], self.config.connections);
        (tokio::task::spawn_local(accept), tokio::task::spawn_local(serve))
    }
}

/// Loads what is on disk, says that the server is ready, then follows control if there is one.
async fn load_and_follow(plane: Arc<Plane>, shelf: Shelf, control: Option<Control>) {
    let engine = Arc::clone(&plane.engine);
    let disk = shelf.clone();
    let restored = tokio::task::spawn_blocking(move || disk.restore(&engine)).await.unwrap_or(0);
    plane.readiness.advance(Phase::Ready);
    tracing::info!(generation = restored, "ready");
    if let Some(control) = control {
        let engine = Arc::clone(&plane.engine);
        Follower { engine, shelf, control, generation: restored }.follow().await;
    }
}

/// Hands connections to the threads in turn, up to `limit` at once.
async fn accept(listener: tokio::net::TcpListener, senders: Vec<UnboundedSender<Accepted>>, limit: usize) {
    let held = Arc::new(AtomicUsize::new(0));
    for sender in senders.iter().cycle() {
        let stream = loop {
            match listener.accept().await.and_then(|(stream, _)| {
                stream.set_nodelay(true)?;
                stream.into_std()
            }) {
                Ok(stream) => {
                    if let Some(stream) = Accepted::new(stream, &held, limit) {
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

/// One thread with one event loop, which answers everything on its connections.
fn serving_thread(
    index: usize,
    plane: Arc<Plane>,
    worker: Worker,
    accepted: UnboundedReceiver<Accepted>,
    header_time: Duration,
    drain: Duration,
) -> Result<JoinHandle<usize>, ServerError> {
    let runtime = runtime()?;
    let serve = move || {
        let services = Rc::new(grpc::Services::new(&plane));
        let desk = Rc::new(Desk::new(plane, worker));
        let handler = move |request: http::Request<hyper::body::Incoming>| {
            let (desk, services) = (Rc::clone(&desk), Rc::clone(&services));
            async move {
                if grpc::speaks(request.headers()) {
                    grpc::answer(&desk, &services, request).await
                } else {
                    rest::answer(&desk, request).await
                }
            }
        };
        LocalSet::new().block_on(&runtime, connections::serve(accepted, header_time, drain, handler))
    };
    std::thread::Builder::new().name(format!("tidegate-{index}")).spawn(serve).map_err(ServerError::Thread)
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
