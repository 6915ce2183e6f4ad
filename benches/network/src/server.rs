//! The server's process from the outside.

use crate::child::{CENSUS, TLS, WEB};
use crate::contender::Contender;
use crate::cores::Cores;
use crate::meter::Meter;
use rustix::process::{Pid, Signal, kill_process};
use std::env;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

/// A process that serves, killed when dropped.
pub struct Server {
    process: Child,
    pub port: u16,
    pub meter: Meter,
}

/// What a server is started with.
#[derive(Clone)]
pub struct Order {
    pub cores: Cores,
    /// Bytes in one message.
    pub message: usize,
    /// By TLS.
    pub tls: bool,
    /// By HTTP.
    pub web: bool,
    /// Count what is allocated, which costs a little.
    pub census: bool,
    /// Write every system call into this file, with strace.
    pub trace: Option<PathBuf>,
}

impl Server {
    /// Starts `contender` and waits until it listens.
    ///
    /// # Errors
    /// `Unsupported` if this machine has not what it needs.
    pub fn start(contender: &Contender, order: &Order) -> io::Result<Server> {
        let mut command = order.command()?;
        command.arg("serve").arg(contender.name).arg(order.message.to_string()).arg(order.cores.server.to_string());
        command
            .args((order.census && contender.counted).then_some(CENSUS))
            .args(order.tls.then_some(TLS))
            .args(order.web.then_some(WEB))
            .envs(contender.driver.map(|driver| ("FATE_DRIVER", driver)));
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let out = process.stdout.take().map(BufReader::new);
        let mut server = Server { meter: Meter::new(process.id(), None)?, process, port: 0 };
        let Some(mut out) = out else { return Err(io::ErrorKind::BrokenPipe.into()) };
        let mut counters = None;
        while server.port == 0 {
            match &words(&mut out)?[..] {
                [word, calls, live] if word == "census" => counters = Some([number(calls)?, number(live)?]),
                [word, port] if word == "port" => server.port = number(port)? as u16,
                [] => return Err(server.refusal()),
                other => return Err(io::Error::other(format!("a server says {other:?}"))),
            }
        }
        server.meter = Meter::new(server.process.id(), counters)?;
        Ok(server)
    }

    /// Why it has ended before it listened.
    fn refusal(&mut self) -> io::Error {
        match self.process.wait().map(|status| status.code()) {
            Ok(Some(crate::NOT_HERE)) => io::ErrorKind::Unsupported.into(),
            Ok(code) => io::Error::other(format!("it ended with {code:?}")),
            Err(error) => error,
        }
    }
}

impl Order {
    /// This program, under strace if that is wanted.
    fn command(&self) -> io::Result<Command> {
        let this = env::current_exe()?;
        let Some(log) = &self.trace else { return Ok(Command::new(this)) };
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-I2", "-o"]).arg(log).arg(this);
        Ok(strace)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Asked and not forced, so that strace writes all that it knows; the server goes with it. It can only fail for one that
        // has ended by itself, and then the load has said so.
        let _ = kill_process(Pid::from_child(&self.process), Signal::TERM);
        let _ = self.process.wait();
    }
}

/// The words of the next line; none at the end.
fn words(out: &mut BufReader<ChildStdout>) -> io::Result<Vec<String>> {
    let mut line = String::new();
    out.read_line(&mut line)?;
    Ok(line.split_whitespace().map(str::to_string).collect())
}

fn number(word: &str) -> io::Result<u64> {
    word.parse().map_err(|_| io::Error::other(format!("a server says {word}")))
}
