//! Which model each thread runs, in a file that outlives the process: what a crash is blamed on.
//!
//! The file is mapped into memory, so that a mark is two stores and is there however the process ends. After the header
//! (magic, then the thread in which a fatal signal arose) each thread that ever ran a model has a slot of one cache
//! line: the model's mark, 0 when it runs none, and the thread's id. All numbers are little-endian on the machines that
//! are supported.

use std::ffi::c_int;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};

const MAGIC: u64 = u64::from_le_bytes(*b"TGMARKS1");
/// Threads that can be marked at once; one more runs unmarked.
const SLOTS: usize = 255;
/// Signals by which native code ends a process.
const FATAL: [c_int; 5] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGABRT];

/// The header and each slot: a cache line, so that threads don't write into each other's.
#[repr(C, align(64))]
struct Line {
    word: AtomicU64,
    thread: AtomicU32,
}

/// The mapped file; never unmapped, since a signal may come at any time.
struct Marks {
    lines: &'static [Line; SLOTS + 1],
    taken: [AtomicBool; SLOTS],
}

static MARKS: OnceLock<Marks> = OnceLock::new();
/// The header, for the signal handler, which may touch nothing that is not atomic.
static HEADER: AtomicPtr<Line> = AtomicPtr::new(ptr::null_mut());

thread_local! {
    static SLOT: Slot = Slot::take();
}

/// A thread's slot, given back when the thread ends.
struct Slot(Option<(usize, &'static Line)>);

impl Slot {
    fn take() -> Self {
        let Some(marks) = MARKS.get() else { return Self(None) };
        let free = marks.taken.iter().position(|taken| !taken.swap(true, Ordering::AcqRel));
        Self(free.map(|index| {
            let line = &marks.lines[index + 1];
            // SAFETY: gettid takes nothing and can't fail.
            let thread = unsafe { libc::gettid() };
            line.thread.store(thread.cast_unsigned(), Ordering::Relaxed);
            (index, line)
        }))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let (Some((index, line)), Some(marks)) = (self.0, MARKS.get()) {
            line.thread.store(0, Ordering::Relaxed);
            marks.taken[index].store(false, Ordering::Release);
        }
    }
}

/// Marks this thread until it is dropped.
pub(crate) struct Running(Option<(&'static Line, u64)>);

/// Says that this thread runs the model of `mark` from now on. Costs nothing to speak of; without a file, nothing.
pub(crate) fn running(mark: u64) -> Running {
    if MARKS.get().is_none() {
        return Running(None);
    }
    // A thread that is ending has no slot any more.
    let line = SLOT.try_with(|slot| slot.0.map(|(_, line)| line)).ok().flatten();
    Running(line.map(|line| (line, line.word.swap(mark, Ordering::Relaxed))))
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some((line, before)) = self.0 {
            line.word.store(before, Ordering::Relaxed);
        }
    }
}

/// Makes the file anew, marks runs in it from now on, and lets fatal signals leave their thread in it before they end
/// the process. Once a process; a second call changes nothing.
pub(crate) fn arm(path: &Path) -> io::Result<()> {
    if MARKS.get().is_some() {
        return Ok(());
    }
    let length = size_of::<[Line; SLOTS + 1]>();
    // A new file: an earlier process may still have the old one mapped.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = File::options().read(true).write(true).create_new(true).open(path)?;
    file.set_len(length as u64)?;
    let room = libc::off_t::try_from(length).map_err(io::Error::other)?;
    // Without a page behind it, a mark on a full disk would be a SIGBUS.
    // SAFETY: the descriptor is open and the range is the file's.
    if unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, room) } != 0 {
        return Err(io::Error::other("no room for the file of marks"));
    }
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping of a file of that length, at an address of the kernel's choice.
    let start =
        unsafe { libc::mmap(ptr::null_mut(), length, protection, libc::MAP_SHARED, file.as_raw_fd(), 0) };
    if start == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the mapping is page-aligned, as long as the array, never unmapped, and all bit patterns of its atomics
    // are valid; nobody shortens the file.
    let lines = unsafe { &*start.cast::<[Line; SLOTS + 1]>() };
    lines[0].word.store(MAGIC, Ordering::Relaxed);
    let marks = Marks { lines, taken: [const { AtomicBool::new(false) }; SLOTS] };
    if MARKS.set(marks).is_ok() {
        HEADER.store(ptr::from_ref(&lines[0]).cast_mut(), Ordering::Release);
        FATAL.into_iter().try_for_each(catch)?;
    }
    Ok(())
}

/// Notes the thread of a fatal signal, then lets the signal do what it does by default.
fn catch(signal: c_int) -> io::Result<()> {
    // SAFETY: all-zero is a valid `sigaction`, with an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = note as extern "C" fn(c_int) as usize;
    action.sa_flags = libc::SA_RESETHAND | libc::SA_ONSTACK;
    // SAFETY: the handler does only what is async-signal-safe.
    if unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

extern "C" fn note(signal: c_int) {
    let header = HEADER.load(Ordering::Acquire);
    // SAFETY: the header is null or in a mapping that is never unmapped; gettid and raise are async-signal-safe. The
    // default action is back (SA_RESETHAND), so that the raised signal ends the process when this returns.
    unsafe {
        if let Some(header) = header.as_ref() {
            header.thread.store(libc::gettid().cast_unsigned(), Ordering::Relaxed);
        }
        libc::raise(signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_in_the_file_while_the_model_runs() {
        let path = std::env::temp_dir().join(format!("tidegate-marks-{}", std::process::id()));
        arm(&path).unwrap();
        arm(&path).unwrap();
        let words = || -> Vec<u64> {
            let bytes = std::fs::read(&path).unwrap();
            bytes.chunks(64).map(|line| u64::from_le_bytes(line[..8].try_into().unwrap())).collect()
        };
        assert_eq!(words()[0], MAGIC);
        let outer = running(7);
        assert!(words()[1..].contains(&7));
        {
            let _inner = running(8);
            assert!(words()[1..].contains(&8));
            assert!(!words()[1..].contains(&7));
        }
        assert!(words()[1..].contains(&7));
        drop(outer);
        assert!(words()[1..].iter().all(|&word| word == 0));
        std::thread::spawn(|| drop(running(9))).join().unwrap();
        std::fs::remove_file(&path).unwrap();
    }
}
