//! A closed-loop gRPC load client: sends one message over and over, one request at a time on each connection.
//!
//! Takes its plan as one JSON argument and prints one JSON object. The message is a file, so that any server of any
//! protocol buffer can be measured with the same client.

mod connection;
mod plan;

use std::error::Error;
use std::io::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use crate::connection::Connection;
use crate::plan::{Plan, Summary};

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let argument = std::env::args().nth(1).ok_or("usage: tidegate-load '{\"address\": …}'")?;
    let plan: Plan = serde_json::from_str(&argument)?;
    let message = connection::framed(&std::fs::read(&plan.message)?);
    let began = Instant::now();
    let end = began + Duration::from_secs_f64(plan.seconds);
    let threads: Vec<_> = (0..plan.threads)
        .map(|index| {
            let (plan, message) = (plan.clone(), message.clone());
            thread::spawn(move || run(&plan, index, &message, end))
        })
        .collect();
    let mut latencies = Vec::new();
    for thread in threads {
        let measured = thread.join().map_err(|_| "a thread of the client panicked")?;
        latencies.extend(measured?);
    }
    let summary = Summary::of(latencies, began.elapsed());
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&summary)?)?;
    Ok(())
}

/// One thread's connections, until `end`; gives the latency of each request.
fn run(
    plan: &Plan,
    thread: usize,
    message: &bytes::Bytes,
    end: Instant,
) -> Result<Vec<Duration>, Box<dyn Error + Send + Sync>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mine = (0..plan.connections).filter(|index| index % plan.threads == thread);
        let tasks: Vec<_> = mine
            .map(|_| {
                let (plan, message) = (plan.clone(), message.clone());
                tokio::spawn(async move { Connection::open(&plan, message).await?.until(end).await })
            })
            .collect();
        let mut latencies = Vec::new();
        for task in tasks {
            latencies.extend(task.await??);
        }
        Ok(latencies)
    })
}
