//! A load client. Takes its plan as one JSON argument and prints one JSON object.
//!
//! In an open loop, a request's time runs from the moment that the schedule meant it to be sent, also when all slots
//! were taken then: a slow server can't slow the clock.

mod driver;
mod hpack;
mod http1;
mod http2;
mod messages;
mod plan;
mod schedule;
mod tally;
mod wire;

use std::cell::RefCell;
use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::task::LocalSet;

use crate::driver::Drive;
use crate::http1::Http1;
use crate::http2::Http2;
use crate::messages::Messages;
use crate::plan::{Plan, Protocol};
use crate::schedule::Schedule;
use crate::tally::Tally;

type Fault = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    match measured() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measured() -> Result<(), Fault> {
    let argument = std::env::args().nth(1).ok_or("usage: tidegate-load '{\"address\": …}'")?;
    let plan = Arc::new(Plan::parse(&argument)?);
    let messages = Arc::new(Messages::read(&plan)?);
    let threads = plan.threads.min(plan.connections);
    let barrier = Arc::new(Barrier::new(threads));
    let running: Vec<_> = (0..threads)
        .map(|index| {
            let (plan, messages, barrier) = (plan.clone(), messages.clone(), barrier.clone());
            thread::spawn(move || run(&plan, &messages, index, threads, &barrier))
        })
        .collect();
    let (mut all, mut longest) = (Tally::new()?, Duration::ZERO);
    for thread in running {
        let (tally, elapsed) = thread.join().map_err(|_| "a thread of the client panicked")??;
        all.merge(&tally)?;
        longest = longest.max(elapsed);
    }
    writeln!(std::io::stdout(), "{}", all.to_json(longest))?;
    Ok(())
}

/// One thread's connections; all threads begin together, once every connection is open.
fn run(
    plan: &Plan,
    messages: &Arc<Messages>,
    thread: usize,
    threads: usize,
    barrier: &Barrier,
) -> Result<(Tally, Duration), Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = LocalSet::new();
    let tally = Rc::new(RefCell::new(Tally::new()?));
    let elapsed = local.block_on(&runtime, async {
        let opened = opened(plan, (thread..plan.connections).step_by(threads)).await;
        barrier.wait();
        let start = Instant::now();
        let tasks: Vec<_> = opened?
            .into_iter()
            .map(|(index, stream)| {
                let (plan, messages, tally) = (plan.clone(), messages.clone(), tally.clone());
                tokio::task::spawn_local(drive(plan, messages, tally, stream, index, start))
            })
            .collect();
        for task in tasks {
            task.await??;
        }
        Ok::<_, Fault>(start.elapsed())
    })?;
    drop(local);
    let tally = Rc::into_inner(tally).ok_or("a connection outlived its run")?;
    Ok((tally.into_inner(), elapsed))
}

async fn opened(
    plan: &Plan,
    indexes: impl Iterator<Item = usize>,
) -> std::io::Result<Vec<(usize, TcpStream)>> {
    let mut streams = Vec::new();
    for index in indexes {
        let stream = TcpStream::connect(&plan.address).await?;
        stream.set_nodelay(true)?;
        streams.push((index, stream));
    }
    Ok(streams)
}

async fn drive(
    plan: Plan,
    messages: Arc<Messages>,
    tally: Rc<RefCell<Tally>>,
    stream: TcpStream,
    index: usize,
    start: Instant,
) -> Result<(), String> {
    let (slots, timeout) = (plan.streams, plan.timeout());
    let schedule = Schedule::new(&plan, index, start);
    let first = index * messages.len() / plan.connections;
    let end = start + Duration::from_secs_f64(plan.seconds);
    let (messages, tally) = (&*messages, &*tally);
    match plan.protocol {
        Protocol::Grpc => {
            let wire = Http2::new(&plan);
            Drive { stream, wire, slots, schedule, messages, first, timeout, end, tally }.run().await
        }
        Protocol::Http => {
            let wire = Http1::new(&plan);
            Drive { stream, wire, slots, schedule, messages, first, timeout, end, tally }.run().await
        }
    }
}
