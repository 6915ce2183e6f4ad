//! What a server has used so far, read from outside, as one reads a meter: the server is not asked, so it costs it nothing.
//!
//! CPU time is that of the whole process in user and system mode, the kernel's work in its name included (a send over loopback
//! does most of the receiver's work too).

#![allow(unsafe_code, reason = "the clock of another process")]

use std::fs::{self, File};
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::fs::FileExt;
use std::time::Duration;

/// One server's meter.
pub struct Meter {
    process: u32,
    /// Its memory, and where in it the counters of its allocator lie.
    counters: Option<(File, [u64; 2])>,
}

/// What it shows.
#[derive(Clone, Copy)]
pub struct Reading {
    pub cpu: Duration,
    /// How often the first thread has gone to sleep.
    pub sleeps: u64,
    /// Calls for memory, and bytes alive; nothing if they are not counted.
    pub calls: Option<u64>,
    pub live: Option<u64>,
}

impl Meter {
    /// The meter of a process that has said where its counters lie, if it has any.
    pub fn new(process: u32, counters: Option<[u64; 2]>) -> io::Result<Meter> {
        let memory = |places| Ok::<_, io::Error>((File::open(format!("/proc/{process}/mem"))?, places));
        Ok(Meter { process, counters: counters.map(memory).transpose()? })
    }

    pub fn read(&self) -> io::Result<Reading> {
        let sleeps = self.number("status", "voluntary_ctxt_switches:")?;
        Ok(Reading { cpu: self.cpu()?, sleeps, calls: self.counter(0)?, live: self.counter(1)? })
    }

    /// Bytes of physical memory, counted page by page, which takes the kernel a while.
    pub fn resident(&self) -> io::Result<u64> {
        Ok(1024 * self.number("smaps_rollup", "Rss:")?)
    }

    /// The most physical memory that there ever was, in bytes.
    pub fn peak(&self) -> io::Result<u64> {
        Ok(1024 * self.number("status", "VmHWM:")?)
    }

    fn cpu(&self) -> io::Result<Duration> {
        let mut clock = 0;
        // SAFETY: it writes one number to the place given to it.
        match unsafe { libc::clock_getcpuclockid(self.process as libc::pid_t, &mut clock) } {
            0 => {}
            error => return Err(io::Error::from_raw_os_error(error)),
        }
        let mut time = MaybeUninit::<libc::timespec>::uninit();
        // SAFETY: it writes one time to the place given to it.
        if unsafe { libc::clock_gettime(clock, time.as_mut_ptr()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: it has succeeded, so it has written.
        let time = unsafe { time.assume_init() };
        Ok(Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
    }

    /// The number behind a label in one of the process's files.
    fn number(&self, file: &str, label: &str) -> io::Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/{file}", self.process))?;
        let line = text.lines().find_map(|line| line.strip_prefix(label));
        let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        number.ok_or_else(|| io::Error::other(format!("no {label} in {file}")))
    }

    fn counter(&self, number: usize) -> io::Result<Option<u64>> {
        let Some((memory, places)) = &self.counters else { return Ok(None) };
        let mut counter = [0; 8];
        memory.read_exact_at(&mut counter, places[number])?;
        Ok(Some(u64::from_ne_bytes(counter)))
    }
}
