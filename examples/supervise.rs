//! Keeps commands running: starts again what dies, and says so.
//!
//! The commands stand on the command line one after another, with `--` between them. No shell reads them: what is one word here is
//! one word there, and a signal reaches the command itself.
//! ```console
//! $ cargo run --example supervise -- redis-server --port 0 -- sleep 5 -- sh -c 'sleep 1; exit 3'
//! redis-server: started (process 4711)
//! sleep: started (process 4712)
//! sh: started (process 4713)
//! sh: ended after 1.0s: exit status: 3
//! sh: starts again in 100.0ms
//! sh: started (process 4716)
//! sleep: ended after 5.0s: exit status: 0
//! sleep: over
//! ```
//! What fails, or is killed, is started again: after a tenth of a second, and later each time, up to half a minute, as long as it
//! fails within ten seconds. What succeeds has done its work; with the last of them all is over.
//!
//! Ctrl-C, or `kill`, ends them all: they are asked to (SIGTERM), and killed if they have not ended in five seconds. A second
//! Ctrl-C waits for nothing.
//!
//! The exit status is 0 if in the end all have succeeded, 2 if there is nothing to run; otherwise it has died of the signal.

use fate::{Fate, Protocol, Restart, Supervision, Supervisor, Transport};
use std::ffi::{OsStr, OsString};
use std::process::{Command, ExitCode, Stdio};
use std::{cell::Cell, env, io, path::Path, rc::Rc};

const USAGE: &str = "usage: supervise COMMAND [ARGUMENT]... [-- COMMAND [ARGUMENT]...]...";

/// So many bytes may wait to be printed. If nobody reads them, what is supervised matters more than what is said of it.
const ENOUGH: usize = 1 << 20;

/// A command, and what it is called in messages.
#[derive(Clone)]
pub struct Job {
    name: String,
    words: Vec<OsString>,
}

impl Job {
    /// It does not read what is typed: with several of them, nobody would know who does.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]).stdin(Stdio::null());
        command
    }
}

/// The commands of a command line. One that is called as an earlier one is has a number behind its name.
pub fn jobs(words: &[OsString]) -> Vec<Job> {
    let mut jobs: Vec<Job> = Vec::new();
    for words in words.split(|word| word == "--").filter(|words| !words.is_empty()) {
        let program = Path::new(&words[0]).file_name().unwrap_or(OsStr::new(&words[0])).to_string_lossy();
        let is_called_so = |name: &String| jobs.iter().any(|job| job.name == *name);
        let numbered = (2..).map(|number| format!("{program} {number}"));
        let name = [program.to_string()].into_iter().chain(numbered).find(|name| !is_called_so(name));
        jobs.push(Job { name: name.expect("the numbers do not end"), words: words.to_vec() });
    }
    jobs
}

/// Standard output. What is written to it leaves when it can; whoever does not read it holds nobody up.
#[derive(Clone)]
struct Log(Transport);

impl Log {
    fn open(fate: &Fate) -> io::Result<Log> {
        Ok(Log(fate.stdout()?.drive(Silent)))
    }

    fn tell(&self, name: &str, event: &Supervision) {
        if self.0.buffered() < ENOUGH {
            self.0.write(format!("{name}: {event}\n").as_bytes());
        }
    }
}

/// Nothing comes from standard output; and if it is closed, the commands go on.
struct Silent;

impl Protocol for Silent {
    fn data_received(&mut self, _: &Transport, _: &[u8]) {}
}

/// Starts them all, and tells what becomes of them. With the last of them it ends.
pub fn set_up(fate: &Fate, jobs: Vec<Job>) -> io::Result<()> {
    let (log, left) = (Log::open(fate)?, Rc::new(Cell::new(jobs.len())));
    for job in jobs {
        let (log, left, name) = (log.clone(), left.clone(), job.name.clone());
        let supervisor = Supervisor::new(move || job.command()).restart(Restart::OnFailure);
        fate.supervise(supervisor.on_event(move |fate, event| {
            log.tell(&name, event);
            if let Supervision::Over = event {
                left.update(|left| left - 1);
            }
            if left.get() == 0 {
                fate.shutdown();
            }
        }));
    }
    Ok(())
}

fn main() -> fate::Result<ExitCode> {
    let jobs = jobs(&env::args_os().skip(1).collect::<Vec<_>>());
    // There are no options. Whoever tries one wants to be told.
    if jobs.first().is_none_or(|job| job.name.starts_with('-')) {
        eprintln!("{USAGE}");
        return Ok(ExitCode::from(2));
    }
    let fate = Fate::new()?;
    set_up(&fate, jobs)?;
    fate.run()?; // on a signal it stops them all, and does not return
    Ok(ExitCode::SUCCESS)
}
