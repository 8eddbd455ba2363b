//! Memory pressure: how much of its limit the process uses, and what is refused for it.

use std::fs;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// Percent of the limit at which a level begins; it ends so many points lower.
const PRESSED: u64 = 85;
const FULL: u64 = 95;
const RELEASE: u64 = 5;

/// How much memory is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Level {
    /// Enough.
    Normal,
    /// Large bodies are refused.
    Pressed,
    /// Everything but health is refused.
    Full,
}

/// The level, read by every request.
#[derive(Debug)]
pub(crate) struct Memory(AtomicU8);

impl Memory {
    pub(crate) const fn new() -> Self {
        Self(AtomicU8::new(Level::Normal as u8))
    }

    pub(crate) fn level(&self) -> Level {
        match self.0.load(Ordering::Relaxed) {
            0 => Level::Normal,
            1 => Level::Pressed,
            _ => Level::Full,
        }
    }

    /// Looks at `used` of `limit` bytes.
    pub(crate) fn see(&self, used: u64, limit: u64) {
        let before = self.level();
        let percent = used.saturating_mul(100) / limit.max(1);
        let end = |begin: u64, level: Level| if before >= level { begin - RELEASE } else { begin };
        let now = match percent {
            _ if percent >= end(FULL, Level::Full) => Level::Full,
            _ if percent >= end(PRESSED, Level::Pressed) => Level::Pressed,
            _ => Level::Normal,
        };
        if now != before {
            tracing::warn!(used, limit, level = ?now, "memory");
        }
        self.0.store(now as u8, Ordering::Relaxed);
    }

    /// Looks for ever, unless there is no limit. `used` reads the bytes that the process uses.
    pub(crate) async fn follow(&self, limit: Option<u64>, used: impl Fn() -> Option<u64>) {
        let Some(limit) = limit else { return };
        loop {
            if let Some(used) = used() {
                self.see(used, limit);
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// The bytes that this process has in memory.
pub(crate) fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// The limit of this process's control group, of either version.
pub(crate) fn group_limit() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let limits = groups.lines().filter_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        let file = if controllers.is_empty() {
            format!("/sys/fs/cgroup{path}/memory.max")
        } else if controllers.split(',').any(|name| name == "memory") {
            format!("/sys/fs/cgroup/memory{path}/memory.limit_in_bytes")
        } else {
            return None;
        };
        fs::read_to_string(file).ok()?.trim().parse::<u64>().ok()
    });
    // Version 1 writes "no limit" as a number near the largest.
    limits.filter(|limit| *limit < 1 << 60).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_begin_and_end_apart() {
        let memory = Memory::new();
        for (used, expected) in [
            (84, Level::Normal),
            (85, Level::Pressed),
            (81, Level::Pressed),
            (94, Level::Pressed),
            (95, Level::Full),
            (90, Level::Full),
            (89, Level::Pressed),
            (79, Level::Normal),
            (84, Level::Normal),
            (300, Level::Full),
            (0, Level::Normal),
        ] {
            memory.see(used, 100);
            assert_eq!(memory.level(), expected, "{used} %");
        }
    }

    #[test]
    fn this_process_uses_memory() {
        assert!(resident().unwrap() > 1 << 20);
        assert!(group_limit().is_none_or(|limit| limit > 1 << 20));
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_looked_at_again_and_again() {
        let memory = Memory::new();
        let used = std::cell::Cell::new(10);
        let reading = || {
            used.set(used.get() + 10);
            Some(used.get())
        };
        assert!(tokio::time::timeout(LOOK * 20, memory.follow(Some(200), reading)).await.is_err());
        assert_eq!(memory.level(), Level::Full);
        memory.follow(None, || Some(1)).await;
        assert_eq!(memory.level(), Level::Full, "without a limit nothing is seen");
    }
}
