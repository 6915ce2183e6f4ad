//! Fate's network beside its peers, in one run, printed as ratios.
//!
//! ```text
//! cargo run --release -p fate-bench-network                         everything, some minutes
//! cargo run --release -p fate-bench-network -- echo ping            these workloads alone
//! cargo run --release -p fate-bench-network -- --only=tokio,Fate    these contenders alone
//! cargo run --release -p fate-bench-network -- --quick              a little of everything: does everybody still work?
//! cargo run --release -p fate-bench-network -- calls                system calls for each message, where there is strace
//! ```
//!
//! The server is a process of its own, alone on one core; the load comes from another. What counts is the server's CPU time,
//! because throughput and latency are at the mercy of the machine. To watch one server at work, start it by hand and ask it
//! something: `strace -f target/release/fate-bench-network serve Fate 64` says what it does, `nc 127.0.0.1 PORT` what it answers.
//!
//! `load` asks, `peers` answer, `workloads` measure, and `contender` is the seam between them. Verdicts are words in a table; the
//! run fails only when somebody did not do his work: an echo that is missing, or is not what was sent.

#[cfg(not(target_os = "linux"))]
compile_error!("the peers are loops on Linux's own interfaces; on other systems, leave this package out");

#[path = "../../src/census.rs"]
#[allow(dead_code, reason = "here its counters are read from outside")]
mod census;
mod child;
mod contender;
mod cores;
mod load;
mod meter;
mod peers;
mod race;
mod scale;
mod script;
mod server;
mod tally;
mod wishes;
mod workloads;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;
use std::process::ExitCode;
use wishes::Wishes;
use workloads::{Course, Tables};

/// The exit code of a server that cannot run on this machine.
const NOT_HERE: i32 = 3;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = match words.split_first() {
        Some((first, rest)) if first == "serve" => child::serve(rest),
        _ => bench(&words),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fate-bench-network: {error}");
            ExitCode::from(if is_absent(&error) { NOT_HERE as u8 } else { 1 })
        }
    }
}

/// Whether an error says that the machine lacks something, rather than that something went wrong.
fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{OutOfMemory, PermissionDenied, Unsupported};
    matches!(error.kind(), OutOfMemory | PermissionDenied | Unsupported)
}

fn bench(words: &[String]) -> io::Result<()> {
    let Some(wishes) = Wishes::read(words) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, Wishes::usage()));
    };
    let cores = cores::Cores::choose()?;
    cores::pin(cores.load)?;
    raise_descriptors()?;
    let course = Course { scale: wishes.scale(), contenders: wishes.contenders(), cores };
    let mut tables = Tables::new(&course);
    for (name, workload) in workloads::ALL {
        if wishes.has(name) {
            tables.begin(name);
            workload(&course, &mut tables);
        }
    }
    tables.print();
    if tables.failures.is_empty() { Ok(()) } else { Err(io::Error::other(tables.failures.join("; "))) }
}

/// Both ends of ten thousand connections need a descriptor; the servers inherit the limit.
fn raise_descriptors() -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?)
}
