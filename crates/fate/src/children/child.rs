//! The handle of a child.

use super::failed::{SpawnFailed, name_of};
use super::name::Name;
use super::options::ChildOptions;
use super::output::Outlets;
use super::running::Running;
use crate::net::connection::Title;
use crate::net::{PipeReader, PipeWriter, TerminalStream};
use crate::sim::begin_program;
use crate::{Deferred, Failure, Fate, Place, Signal};
use fate_core::Recipient;
use std::fmt;
use std::io;
use std::panic::Location;
use std::process::{Command, ExitStatus};
use std::rc::Rc;
use std::time::Duration;

/// A program that was started by this one.
///
/// Dropping it leaves the child running, unless [`ChildOptions::kill_on_drop`] was said; but its ends of the pipes, if they
/// were not taken, are closed. Until it has ended it keeps [`Fate::run`] going, and it is reaped in any case.
///
/// ```
/// use fate::Fate;
/// use futures_lite::io::AsyncWriteExt;
/// use std::process::Command;
///
/// let fate = Fate::new()?;
/// fate.run_until(async {
///     let mut child = fate.spawn_child(Command::new("sort")).await?;
///     let mut words = child.take_stdin().expect("there is a pipe");
///     words.write_all(b"raven\ndesk\n").await?;
///     words.close().await?;
///     let sorted = child.take_stdout().expect("there is a pipe");
///     assert_eq!(sorted.read_line(80).await?.as_deref(), Some("desk"));
///     assert!(child.exited().await?.success());
///     fate::Ok(())
/// })?;
/// # Ok::<(), fate::Failure>(())
/// ```
pub struct Child {
    running: Rc<Running>,
    stdin: Option<PipeWriter>,
    stdout: Option<PipeReader>,
    stderr: Option<PipeReader>,
    terminal: Option<TerminalStream>,
    /// What is open of its output, whoever has taken it.
    output: Outlets,
    is_killed_on_drop: bool,
}

impl Fate {
    /// Starts a program, with pipes to its three standard streams.
    ///
    /// It is started before this returns; the Deferred fires in this turn or the next. If nobody reads its output, it has to
    /// wait once it has printed some 64 KiB: read it, or say in the options where it is to go.
    ///
    /// # Errors
    /// [`SpawnFailed`], which says what is missing.
    ///
    /// # Shutdown
    /// When connections are drained it is sent SIGTERM, and waited for until the deadline. Then, or when the Fate is dropped, it
    /// is killed.
    ///
    /// # Simulation
    /// On a host of a [`Sim`](crate::sim::Sim) the programs are those of [`Sim::program`](crate::sim::Sim::program).
    ///
    /// # Platforms
    /// A process whose children nobody is to reap (SIGCHLD is ignored) learns that they have ended, but not how: `ECHILD`.
    #[track_caller]
    pub fn spawn_child(&self, command: Command) -> Deferred<Child> {
        self.spawn_child_with(command, ChildOptions::default())
    }

    /// As [`Fate::spawn_child`], connected as you say.
    #[track_caller]
    pub fn spawn_child_with(&self, command: Command, options: ChildOptions) -> Deferred<Child> {
        let place = Location::caller();
        let (promise, spawned) = self.deferred_of(place);
        promise.fire_with(self.start_child(command, options, place).map_err(|error| Failure::born_at(error, place)));
        spawned
    }

    pub(super) fn start_child(
        &self,
        command: Command,
        options: ChildOptions,
        place: Place,
    ) -> Result<Child, SpawnFailed> {
        let (program, directory) = name_of(&command);
        let is_killed_on_drop = options.is_killed_on_drop;
        let spawned = match self.reactor().system().spawn(options.order(command)) {
            Ok(spawned) => spawned,
            Err(error) => {
                // A simulated program is started nowhere.
                let directory = directory.filter(|_| !self.is_simulated());
                return Err(SpawnFailed::new(program, directory, error));
            }
        };
        begin_program(self, &spawned);
        let name = Rc::new(Name::new(program, spawned.process));
        let title = |what| Title::whose(what, name.clone());
        let reader = |end, what| PipeReader::of_child(self, end, title(what), place);
        let stdout = spawned.stdout.map(|end| reader(end, "standard output"));
        let stderr = spawned.stderr.map(|end| reader(end, "standard error"));
        let stdin = spawned.stdin.map(|end| PipeWriter::new(self, end, title("standard input"), place));
        let terminal = spawned.terminal.map(|end| TerminalStream::new(self, end, title("terminal"), place));
        let output = Outlets::new(stdout.as_ref(), stderr.as_ref(), terminal.as_ref());
        let running = Running::new(self.reactor(), spawned.process, spawned.exit, name, place);
        Ok(Child { running, stdin, stdout, stderr, terminal, output, is_killed_on_drop })
    }
}

impl Child {
    pub(super) fn running(&self) -> &Rc<Running> {
        &self.running
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.running.process().0
    }

    /// Where it reads from, if that is a pipe and was not taken yet. It finds the end when this is closed or dropped.
    pub fn take_stdin(&mut self) -> Option<PipeWriter> {
        self.stdin.take()
    }

    /// What it prints, if that is a pipe and was not taken yet.
    pub fn take_stdout(&mut self) -> Option<PipeReader> {
        self.stdout.take()
    }

    /// What it complains of, if that is a pipe and was not taken yet.
    pub fn take_stderr(&mut self) -> Option<PipeReader> {
        self.stderr.take()
    }

    /// The other end of its terminal, if it has one ([`ChildOptions::terminal`]) and it was not taken yet.
    pub fn take_terminal(&mut self) -> Option<TerminalStream> {
        self.terminal.take()
    }

    /// Fires once it has ended, with how it did. May be asked as often as you like.
    ///
    /// Its output may have a longer life: what it has printed last is still in the pipe, and others may hold that open.
    ///
    /// # Errors
    /// `io::Error` as the system gives it: `ECHILD` if somebody else has reaped it.
    ///
    /// # Cancellation
    /// Nobody waits any more; the child goes on.
    #[track_caller]
    pub fn exited(&self) -> Deferred<ExitStatus> {
        match self.running.reactor() {
            Some(reactor) => self.running.exited(Fate::of(&reactor), Location::caller()),
            None => Deferred::orphan(),
        }
    }

    /// Fires once nobody can print any more to what were its standard output and standard error: neither the child nor
    /// whoever it has started, or handed them to; or once both were dropped here. What was printed may still be there to be
    /// read.
    #[track_caller]
    pub fn output_closed(&self) -> Deferred<()> {
        match self.running.reactor() {
            Some(reactor) => self.output.closed(Fate::of(&reactor)),
            None => Deferred::orphan(),
        }
    }

    /// Whether it has not been reaped yet.
    pub fn is_running(&self) -> bool {
        self.running.is_running()
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// `NotFound` once it was reaped; what the system says.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        self.running.signal(signal, Recipient::Process)
    }

    /// Sends a signal to the group that it leads: a command has to be told that it leads one
    /// ([`process_group(0)`](std::os::unix::process::CommandExt::process_group)), or to run in a terminal of its own.
    ///
    /// # Errors
    /// As [`Child::signal`]; `ESRCH` if it leads none.
    pub fn signal_group(&self, signal: Signal) -> io::Result<()> {
        self.running.signal(signal, Recipient::Group)
    }

    /// Kills it. That it has ended is told as ever.
    pub fn kill(&self) {
        // What cannot be killed any more has ended.
        let _ = self.signal(Signal::KILL);
    }

    /// Asks it to end (SIGTERM), and kills it if it has not done so in `patience`. Fires once it has ended.
    ///
    /// # Errors
    /// As [`Child::exited`].
    ///
    /// # Cancellation
    /// It is not killed any more.
    #[track_caller]
    pub fn terminate(&self, patience: Duration) -> Deferred<ExitStatus> {
        let exited = self.exited();
        // What has ended already needs not be asked.
        let _ = self.signal(Signal::TERM);
        let Some(reactor) = self.running.reactor() else { return exited };
        let (fuse, running) = (Fate::of(&reactor).get_fuse(patience), self.running.clone());
        fuse.set_handler(move |_| drop(running.signal(Signal::KILL, Recipient::Process)));
        exited.and_both(move |outcome| {
            fuse.cut();
            outcome
        })
    }

    /// Leaves it to itself: no loop waits for it, tells of it or kills it any more. Gives its number. Its pipes stay open as long as
    /// whoever has taken them keeps them.
    pub fn release(mut self) -> u32 {
        self.is_killed_on_drop = false;
        self.running.release();
        self.id()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.is_killed_on_drop {
            self.kill();
        }
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Child({})", self.running.name())
    }
}
