//! One connection: sends what is due, takes what comes, and keeps the time.

use std::cell::RefCell;
use std::io;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::time::sleep_until;

use crate::messages::Messages;
use crate::schedule::{Due, Schedule};
use crate::tally::{Ending, Tally};
use crate::wire::Wire;

/// How long answers are waited for after the last request.
const PATIENCE: Duration = Duration::from_secs(10);
const READ: usize = 64 << 10;

/// What a connection drives.
pub(crate) struct Drive<'a, W> {
    /// The open socket.
    pub(crate) stream: TcpStream,
    /// The protocol.
    pub(crate) wire: W,
    /// Requests in flight at most.
    pub(crate) slots: usize,
    /// When to send.
    pub(crate) schedule: Schedule,
    /// What to send.
    pub(crate) messages: &'a Messages,
    /// Where in the messages to begin.
    pub(crate) first: usize,
    /// How long a request may take.
    pub(crate) timeout: Option<Duration>,
    /// When the plan's time is over.
    pub(crate) end: Instant,
    /// Where results go.
    pub(crate) tally: &'a RefCell<Tally>,
}

/// A request in flight.
#[derive(Clone, Copy)]
struct Flight {
    intended: Instant,
    message: usize,
}

impl<W: Wire> Drive<'_, W> {
    /// Until nothing is due and nothing is in flight.
    pub(crate) async fn run(mut self) -> Result<(), String> {
        let mut flights: Vec<Option<Flight>> = vec![None; self.slots];
        let mut free: Vec<usize> = (0..self.slots).rev().collect();
        let (mut input, mut output) = (Vec::with_capacity(READ), Vec::new());
        let mut held = None;
        self.wire.greet(&mut output);
        loop {
            let wake = self.fill(&mut flights, &mut free, &mut held, &mut output)?;
            if wake.is_none() && held.is_none() && free.len() == self.slots {
                return Ok(());
            }
            self.write(&mut output)?;
            let until = wake.unwrap_or(self.end + PATIENCE).into();
            tokio::select! {
                ready = self.stream.readable() => ready.map_err(|error| error.to_string())?,
                ready = self.stream.writable(), if !output.is_empty() => ready.map_err(|error| error.to_string())?,
                () = sleep_until(until) => {
                    if wake.is_none() {
                        return Err(format!("{} requests were never answered", self.slots - free.len()));
                    }
                }
            }
            self.read(&mut input, &mut output, &mut flights, &mut free)?;
        }
    }

    /// Sends what is due into free slots; gives the moment of the next request if there is a slot for it.
    fn fill(
        &mut self,
        flights: &mut [Option<Flight>],
        free: &mut Vec<usize>,
        held: &mut Option<Instant>,
        output: &mut Vec<u8>,
    ) -> Result<Option<Instant>, String> {
        while let Some(&slot) = free.last() {
            let now = Instant::now();
            let intended = match held.take().map_or_else(|| self.schedule.due(now), Due::Since) {
                Due::Since(intended) => intended,
                Due::At(moment) => return Ok(Some(moment)),
                Due::Never => return Ok(None),
            };
            let left = self.timeout.map(|timeout| (intended + timeout).saturating_duration_since(now));
            if left.is_some_and(|left| left.is_zero()) {
                self.tally.borrow_mut().add(Ending::Expired, false, now - intended, self.timeout);
                continue;
            }
            if !self.wire.send(slot, self.messages.body(self.first), left, output)? {
                *held = Some(intended);
                return Ok(None);
            }
            flights[slot] = Some(Flight { intended, message: self.first });
            free.pop();
            self.first += 1;
        }
        Ok(None)
    }

    fn write(&mut self, output: &mut Vec<u8>) -> Result<(), String> {
        while !output.is_empty() {
            match self.stream.try_write(output) {
                Ok(written) => drop(output.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(())
    }

    fn read(
        &mut self,
        input: &mut Vec<u8>,
        output: &mut Vec<u8>,
        flights: &mut [Option<Flight>],
        free: &mut Vec<usize>,
    ) -> Result<(), String> {
        input.reserve(READ);
        match self.stream.try_read_buf(input) {
            Ok(0) => return Err("the server closed the connection".into()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error.to_string()),
        }
        let now = Instant::now();
        let (messages, timeout) = (self.messages, self.timeout);
        let mut tally = self.tally.borrow_mut();
        let taken = self.wire.receive(input, output, &mut |answer| {
            let Some(flight) = flights[answer.slot].take() else { return };
            free.push(answer.slot);
            let good = answer.ending == W::GOOD;
            let right = !good || messages.right(flight.message, answer.body);
            let ending = if right { answer.ending } else { Ending::Wrong };
            tally.add(ending, good && right, now - flight.intended, timeout);
        })?;
        drop(input.drain(..taken));
        Ok(())
    }
}
