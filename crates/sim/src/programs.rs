//! Programs: what a script says of those that a host can start, and what it is told when one is.
//!
//! A program is a name. Whoever drives the world runs it: takes the [`Newborn`] that a spawn has left, does with its ends of
//! the pipes what the program would, and says how it has ended.

use crate::errno::Errno;
use crate::watches::Descriptor;
use crate::world::{HostNumber, World};
use fate_core::{Process, Signal, Socket, WindowSize};
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};

/// A child whose program nobody runs yet: what it was given.
#[derive(Debug)]
#[non_exhaustive]
pub struct Newborn {
    /// Its number.
    pub process: Process,
    /// The name of its program, without the folder.
    pub name: String,
    /// What it was given on its command line, without the name.
    pub arguments: Vec<OsString>,
    /// What was said of its environment: variables that were set, and those that were removed.
    pub environment: Vec<(OsString, Option<OsString>)>,
    /// The folder that it is to be in, if one was named.
    pub directory: Option<PathBuf>,
    /// What it reads from. They belong to whoever runs it.
    pub stdin: Socket,
    /// Where it writes.
    pub stdout: Socket,
    /// Where it complains.
    pub stderr: Socket,
    /// Readable when signals have come for it that its program hears, and when it has ended.
    pub news: Descriptor,
}

/// What a signal does to a program.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Disposition {
    /// What it does to a program that said nothing.
    #[default]
    Default,
    /// Nothing.
    Ignored,
    /// The program is told.
    Heard,
}

impl Newborn {
    pub(crate) fn new(
        process: Process,
        name: String,
        command: &Command,
        [stdin, stdout, stderr]: [Socket; 3],
        news: Descriptor,
    ) -> Newborn {
        Newborn {
            process,
            name,
            arguments: command.get_args().map(OsString::from).collect(),
            environment: command.get_envs().map(|(name, value)| (name.into(), value.map(OsString::from))).collect(),
            directory: command.get_current_dir().map(PathBuf::from),
            stdin,
            stdout,
            stderr,
            news,
        }
    }

    /// Its ends of what it is connected to.
    pub(crate) fn ends(&self) -> [Socket; 3] {
        [self.stdin, self.stdout, self.stderr]
    }

    /// The line that starts it, for the history.
    pub(crate) fn line(&self, label: &str) -> String {
        self.arguments.iter().fold(label.to_owned(), |line, argument| line + " " + &argument.to_string_lossy())
    }
}

impl World {
    /// From now on a host can start a program of this name.
    pub fn know_program(&self, host: HostNumber, name: &str) {
        self.with_host(host, |host| host.processes.programs.insert(name.into(), Ok(())));
    }

    /// From now on a host that starts a program of this name is told this error of the system.
    pub fn refuse_program(&self, host: HostNumber, name: &str, error: i32) {
        self.with_host(host, |host| host.processes.programs.insert(name.into(), Err(Errno::of(error))));
    }

    /// Takes what a child was given whose program is to be run; nobody can take it twice. Whoever does must say in the
    /// end that [it has ended](World::child_exited).
    pub fn take_newborn(&self, host: HostNumber, process: Process) -> Option<Newborn> {
        self.with_host(host, |host| host.processes.get_mut(process)?.begin())
    }

    /// How a child has ended, if it has. One that nobody knows any more was killed.
    pub fn child_status(&self, host: HostNumber, process: Process) -> Option<ExitStatus> {
        let gone = Some(ExitStatus::from_raw(Signal::KILL.number()));
        self.with_host(host, |host| host.processes.get_mut(process).map_or(gone, |child| child.status()))
    }

    /// Nobody runs the program of a child any more. If the child had not ended, it has now, like this.
    pub fn child_exited(&self, host: HostNumber, process: Process, status: ExitStatus) {
        self.with(|state| state.stop_child(host, process, status));
    }

    /// Says what a signal does to a child from now on. Nobody can hear or ignore the one that kills.
    pub fn set_disposition(&self, host: HostNumber, process: Process, signal: Signal, disposition: Disposition) {
        self.with_host(host, |host| {
            if let Some(child) = host.processes.get_mut(process) {
                child.set_disposition(signal, disposition);
            }
        });
    }

    /// The signals that have come for a child since this was asked last, of those that it hears, each with how often.
    pub fn take_signals(&self, host: HostNumber, process: Process) -> Vec<(Signal, u32)> {
        self.with_host(host, |host| {
            host.processes.get_mut(process).map(|child| child.take_signals(&mut host.watches)).unwrap_or_default()
        })
    }

    /// Sends a signal to a child, whoever does it. Says whether there is such a child, and it had not ended.
    pub fn signal_child(&self, host: HostNumber, process: Process, signal: Signal) -> bool {
        self.with(|state| state.signal_child(host, process, signal))
    }

    /// The size of a child's terminal, if it has one.
    pub fn window(&self, host: HostNumber, process: Process) -> Option<WindowSize> {
        self.with_host(host, |host| host.processes.get_mut(process)?.window)
    }
}
