//! A client that fetches a thousand pages, fifty at a time, beside hyper-util's on tokio: the CPU time of each, in one
//! run, as a ratio.
//!
//! ```text
//! cargo run --release -p fate-bench-network --bin pages
//! cargo run --release -p fate-bench-network --bin pages -- --quick
//! ```
//!
//! The server is a process of its own, the same for both, and so is each client: it fetches some pages to warm up, then
//! measures its own time. They take turns, so that a slow minute of the machine falls on both alike; the ratio is taken
//! within each turn.

mod clients;
mod server;

use rustix::time::{ClockId, clock_gettime};
use std::env;
use std::io::{self, BufRead, BufReader};
use std::process::{Child, Command, ExitCode, Stdio};

/// So many are fetched at a time.
pub const AT_ONCE: usize = 50;

/// So many are fetched in a turn.
const PAGES: usize = 1_000;

/// What is asked of Fate, beside tokio.
const DEMAND: f64 = 1.0;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["serve", length] => server::serve(length.parse().unwrap_or(0)),
        ["fetch", who, port, length] => fetch(who, port, length.parse().unwrap_or(0)),
        [] => race(31),
        ["--quick"] => race(1),
        _ => Err(io::Error::other("usage: pages [--quick]")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pages: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Lets both play so many turns, with small pages and with larger ones.
fn race(turns: usize) -> io::Result<()> {
    println!("CPU of the client for each of {PAGES} pages, {AT_ONCE} at a time");
    for length in [128, 16 * 1024] {
        let (server, port) = start_server(length)?;
        let mut turns: Vec<[f64; 2]> = (0..turns)
            .map(|_| Ok([play("fate", &port, length)?, play("tokio", &port, length)?]))
            .collect::<io::Result<_>>()?;
        drop(server);
        turns.sort_by(|one, other| (one[0] / one[1]).total_cmp(&(other[0] / other[1])));
        let [fate, tokio] = turns[turns.len() / 2];
        let ratio = fate / tokio;
        let verdict = if ratio <= DEMAND { "as asked" } else { "too much" };
        println!(
            "{length:6} bytes: Fate {:.1} us, hyper-util on tokio {:.1} us, ratio {ratio:.2}, {verdict}",
            fate / 1e3,
            tokio / 1e3
        );
    }
    Ok(())
}

/// A process, killed when dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It can only fail for one that has ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start_server(length: usize) -> io::Result<(Process, String)> {
    let (process, word) = start(&["serve", &length.to_string()])?;
    Ok((process, word))
}

/// The client's CPU time for each page, in nanoseconds.
fn play(who: &str, port: &str, length: usize) -> io::Result<f64> {
    let (_process, word) = start(&["fetch", who, port, &length.to_string()])?;
    word.parse().map_err(|_| io::Error::other(format!("{who} has failed")))
}

/// Starts this program with other words, and waits for the first line that it says.
fn start(words: &[&str]) -> io::Result<(Process, String)> {
    let mut process = Command::new(env::current_exe()?).args(words).stdout(Stdio::piped()).spawn()?;
    let out = process.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let (process, mut line) = (Process(process), String::new());
    BufReader::new(out).read_line(&mut line)?;
    Ok((process, line.trim().to_owned()))
}

fn fetch(who: &str, port: &str, length: usize) -> io::Result<()> {
    let url = format!("http://127.0.0.1:{port}/");
    let spent = match who {
        "fate" => clients::fate(&url, length),
        _ => clients::tokio(&url, length),
    }?;
    println!("{}", spent as f64 / PAGES as f64);
    Ok(())
}

/// Has this many pages fetched, twice: once to warm up, and once to see what it takes.
pub const ROUNDS: [usize; 2] = [PAGES / 2, PAGES];

/// The CPU time of this process so far, in nanoseconds.
pub fn cpu_time() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
