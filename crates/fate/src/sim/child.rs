//! A simulated child, as its own program sees it.

use super::machine::Simulated;
use super::station::{ChildSignals, Station};
use crate::children::Name;
use crate::drivers::{Disposition, Newborn};
use crate::net::connection::Title;
use crate::net::{PipeReader, PipeWriter};
use crate::{Fate, Place, Signal, WindowSize};
use futures_io::AsyncWrite;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::rc::Rc;
use std::task::ready;

/// What a [simulated program](super::Sim::program) is given: all that a real one has of its own.
///
/// Its ends of the pipes are closed when they are dropped. Whoever they were handed to holds them open, also after the child
/// has ended: so the child of a child is a task that has taken one along.
///
/// ```
/// use fate::{OutputOptions, sim::Sim};
/// use std::process::Command;
///
/// let mut sim = Sim::new(1);
/// let fate = sim.host("here");
/// sim.program("here", "head", |child| async move {
///     let lines: usize = child.args()[0].to_string_lossy().trim_start_matches('-').parse()?;
///     for _ in 0..lines {
///         let Some(line) = child.stdin().read_line(80).await? else { break };
///         child.print(line + "\n").await?;
///     }
///     fate::Ok(())
/// });
/// let mut head = Command::new("/usr/bin/head");
/// head.arg("-2");
/// fate.output_with(head, OutputOptions::default().input("one\ntwo\nthree\n"))
///     .add_callback(|output| assert_eq!(output.stdout, b"one\ntwo\n"));
/// sim.run()?;
/// # Ok::<(), fate::Failure>(())
/// ```
pub struct SimulatedChild {
    station: Rc<Station>,
    born: Newborn,
    stdin: Option<PipeReader>,
    stdout: Option<PipeWriter>,
    stderr: Option<PipeWriter>,
}

impl SimulatedChild {
    pub(super) fn new(fate: &Fate, machine: Simulated, born: Newborn, place: Place) -> SimulatedChild {
        let name: Rc<dyn fmt::Display> = Rc::new(Name::new(born.name.clone().into(), born.process));
        let title = |what| Title::whose(what, name.clone());
        let stdin = PipeReader::new(fate, born.stdin, title("own standard input"), place);
        let stdout = PipeWriter::new(fate, born.stdout, title("own standard output"), place);
        let stderr = PipeWriter::new(fate, born.stderr, title("own standard error"), place);
        let station = Rc::new(Station::new(fate, machine, &born));
        SimulatedChild { station, born, stdin: Some(stdin), stdout: Some(stdout), stderr: Some(stderr) }
    }

    pub(super) fn station(&self) -> &Rc<Station> {
        &self.station
    }

    /// The number of its process: 2 for the first child of a host, and so on.
    pub fn id(&self) -> u32 {
        self.born.process.0
    }

    /// The name of its program, without a folder.
    pub fn name(&self) -> &str {
        &self.born.name
    }

    /// What it was given on its command line, without the name.
    pub fn args(&self) -> &[OsString] {
        &self.born.arguments
    }

    /// A variable of its environment, if its command has set it. There are no others.
    pub fn env(&self, name: impl AsRef<OsStr>) -> Option<&OsStr> {
        let set = self.born.environment.iter().find(|(set, _)| set == name.as_ref())?;
        set.1.as_deref()
    }

    /// The folder that it is to be in, if its command says one.
    pub fn directory(&self) -> Option<&Path> {
        self.born.directory.as_deref()
    }

    /// The Fate that runs it, which is that of its parent: to sleep, to spawn what outlives it, to start programs in turn.
    ///
    /// # Panics
    /// If that is gone.
    pub fn fate(&self) -> Fate {
        self.station.fate().expect("a program runs no longer than its Fate")
    }

    /// Where it reads from, whatever its parent has connected that to.
    ///
    /// # Panics
    /// If it was taken.
    pub fn stdin(&self) -> &PipeReader {
        self.stdin.as_ref().expect("standard input was taken")
    }

    /// Where it writes, whatever its parent has connected that to.
    ///
    /// # Panics
    /// If it was taken.
    pub fn stdout(&self) -> &PipeWriter {
        self.stdout.as_ref().expect("standard output was taken")
    }

    /// Where it complains, whatever its parent has connected that to.
    ///
    /// # Panics
    /// If it was taken.
    pub fn stderr(&self) -> &PipeWriter {
        self.stderr.as_ref().expect("standard error was taken")
    }

    /// Takes where it reads from, to close it, or to hand it on.
    pub fn take_stdin(&mut self) -> Option<PipeReader> {
        self.stdin.take()
    }

    /// Takes where it writes, to close it, or to hand it on.
    ///
    /// ```
    /// use fate::sim::Sim;
    /// use futures_lite::io::AsyncWriteExt;
    /// use std::{process::Command, time::Duration};
    ///
    /// let mut sim = Sim::new(1);
    /// let fate = sim.host("here");
    /// sim.program("here", "nohup", |mut child| async move {
    ///     let (fate, mut output) = (child.fate(), child.take_stdout().unwrap());
    ///     let grandchild = async move {
    ///         fate.sleep(Duration::from_secs(60)).await;
    ///         output.write_all(b"a minute has passed").await
    ///     };
    ///     child.fate().spawn(grandchild).add_callback(drop);
    /// });
    /// // It is not over before the pipe is closed.
    /// fate.output(Command::new("nohup")).add_callback(|output| assert_eq!(output.stdout, b"a minute has passed"));
    /// sim.run()?;
    /// assert_eq!(sim.elapsed().as_secs(), 60);
    /// # Ok::<(), fate::Failure>(())
    /// ```
    pub fn take_stdout(&mut self) -> Option<PipeWriter> {
        self.stdout.take()
    }

    /// Takes where it complains, to close it, or to hand it on.
    pub fn take_stderr(&mut self) -> Option<PipeWriter> {
        self.stderr.take()
    }

    /// Writes to its standard output, and waits until the pipe has all of it.
    ///
    /// # Errors
    /// `BrokenPipe` if nobody reads any more.
    ///
    /// # Panics
    /// If its standard output was taken.
    pub async fn print(&self, text: impl AsRef<[u8]>) -> io::Result<()> {
        write_all(self.stdout(), text.as_ref()).await
    }

    /// Writes to its standard error, and waits until the pipe has all of it.
    ///
    /// # Errors
    /// `BrokenPipe` if nobody reads any more.
    ///
    /// # Panics
    /// If its standard error was taken.
    pub async fn complain(&self, text: impl AsRef<[u8]>) -> io::Result<()> {
        write_all(self.stderr(), text.as_ref()).await
    }

    /// The size of its terminal, if it has one.
    pub fn window_size(&self) -> Option<WindowSize> {
        self.station.window_size()
    }

    /// A signal does nothing to it from now on. SIGKILL does what it always does.
    ///
    /// ```
    /// use fate::{Signal, sim::Sim};
    /// use std::{process::Command, time::Duration};
    ///
    /// let mut sim = Sim::new(1);
    /// let fate = sim.host("here");
    /// sim.program("here", "stubborn", |child| async move {
    ///     child.ignore(Signal::TERM);
    ///     std::future::pending::<()>().await;
    /// });
    /// fate.spawn_child(Command::new("stubborn"))
    ///     .and_then(|child| child.terminate(Duration::from_secs(5)))
    ///     .add_callback(|status| assert_eq!(status.code(), None));
    /// sim.run()?;
    /// assert_eq!(sim.elapsed().as_secs(), 5);
    /// # Ok::<(), fate::Failure>(())
    /// ```
    pub fn ignore(&self, signal: Signal) {
        self.station.set(signal, Disposition::Ignored);
    }

    /// The handler is called from now on when a signal comes, once for several that come at once. SIGKILL does what it always
    /// does.
    ///
    /// ```
    /// use fate::{Signal, sim::Sim};
    /// use std::{cell::Cell, process::Command, rc::Rc, time::Duration};
    ///
    /// let mut sim = Sim::new(1);
    /// let fate = sim.host("here");
    /// sim.program("here", "counter", |child| async move {
    ///     let count = Rc::new(Cell::new(0));
    ///     let counting = count.clone();
    ///     child.on_signal(Signal::USR1, move |_| counting.set(counting.get() + 1));
    ///     child.fate().sleep(Duration::from_secs(9)).await;
    ///     count.get()
    /// });
    /// fate.output(Command::new("counter")).add_callback(|output| assert_eq!(output.status.code(), Some(2)));
    /// for second in [3, 6] {
    ///     sim.run_until(Duration::from_secs(second))?;
    ///     sim.signal_child("here", 2, Signal::USR1);
    /// }
    /// sim.run()?;
    /// # Ok::<(), fate::Failure>(())
    /// ```
    pub fn on_signal(&self, signal: Signal, handler: impl FnMut(Signal) + 'static) {
        self.station.handle(signal, Box::new(handler));
    }

    /// Hears these signals from now on, one after another; they do nothing else to it any more, also once this is dropped.
    /// SIGKILL does what it always does.
    ///
    /// ```
    /// use fate::{Signal, sim::Sim};
    /// use std::{process::Command, time::Duration};
    ///
    /// let mut sim = Sim::new(1);
    /// let fate = sim.host("here");
    /// sim.program("here", "daemon", |child| async move {
    ///     let mut signals = child.signals(&[Signal::HUP, Signal::TERM]);
    ///     while signals.next().await != Signal::TERM {}
    ///     child.print("good night").await?;
    ///     fate::Ok(())
    /// });
    /// fate.clone().spawn(async move {
    ///     let mut daemon = fate.spawn_child(Command::new("daemon")).await?;
    ///     fate.sleep(Duration::from_secs(1)).await;
    ///     daemon.signal(Signal::HUP)?;
    ///     fate.sleep(Duration::from_secs(1)).await;
    ///     daemon.signal(Signal::TERM)?;
    ///     let last_words = daemon.take_stdout().unwrap().read_line(80).await?;
    ///     assert_eq!(last_words.as_deref(), Some("good night"));
    ///     assert!(daemon.exited().await?.success());
    ///     fate::Ok(())
    /// });
    /// sim.run()?;
    /// # Ok::<(), fate::Failure>(())
    /// ```
    pub fn signals(&self, signals: &[Signal]) -> ChildSignals {
        self.station.queue(signals)
    }
}

impl fmt::Debug for SimulatedChild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SimulatedChild({} (process {}))", self.name(), self.id())
    }
}

/// Writes everything, and waits until the pipe has it.
async fn write_all(mut pipe: &PipeWriter, mut bytes: &[u8]) -> io::Result<()> {
    poll_fn(|context| {
        while !bytes.is_empty() {
            let written = ready!(Pin::new(&mut pipe).poll_write(context, bytes))?;
            bytes = &bytes[written..];
        }
        Pin::new(&mut pipe).poll_flush(context)
    })
    .await
}
