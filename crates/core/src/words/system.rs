//! The third door: what there is of an operating system beside time and the network.
//!
//! Other programs, signals, and the streams that a program is born with. Like the [`Network`](super::network::Network) it
//! answers at once; what may wait is waited for with an [`Op::Watch`](super::op::Op): a child has a descriptor that is
//! readable once the child has ended, signals have one that is readable when some have come, and a pipe, a terminal or a
//! file is watched and then read or written through this door. A driver has all three doors, so a simulated program
//! starts simulated programs.

use super::network::Socket;
use std::fmt;
use std::io::{self, IoSlice};
use std::os::fd::{OwnedFd, RawFd};
use std::process::{Command, ExitStatus};

/// A child, by the number that the system gave it. It belongs to whoever spawned it, who reaps it, destroys it or lets it go.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Process(pub u32);

/// A program to be started, and what it is connected to.
#[derive(Debug)]
pub struct Order {
    /// Which program, with what arguments, environment and directory.
    pub command: Command,
    /// What its standard streams are.
    pub streams: Streams,
    /// Descriptors that it is to have, each under the number given.
    pub descriptors: Vec<(RawFd, OwnedFd)>,
}

/// What a child's standard streams are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Streams {
    /// Each by itself.
    Each {
        /// What it reads.
        stdin: Plug,
        /// Where it writes.
        stdout: Plug,
        /// Where it complains.
        stderr: Plug,
    },
    /// All three are a terminal of this size; the child leads a session of its own, which that terminal controls.
    Terminal(WindowSize),
}

/// What one of a child's standard streams is connected to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Plug {
    /// A pipe, the other end of which is handed out.
    Pipe,
    /// Nothing: reading finds the end, what is written is thrown away.
    Null,
    /// What the `Command` says, or else what this program has itself.
    AsSet,
}

/// The size of a terminal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct WindowSize {
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub columns: u16,
}

/// A child that was started.
#[derive(Debug)]
pub struct Spawned {
    /// Which.
    pub process: Process,
    /// Readable once the child has ended. It belongs to the door, until the child is reaped, destroyed or let go.
    pub exit: RawFd,
    /// The other ends of its pipes, non-blocking; they belong to whoever is told.
    pub stdin: Option<Socket>,
    /// See `stdin`.
    pub stdout: Option<Socket>,
    /// See `stdin`.
    pub stderr: Option<Socket>,
    /// The other end of its terminal, if it has one.
    pub terminal: Option<Socket>,
}

/// A stream that a program is born with.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Standard {
    /// What it reads.
    Input,
    /// Where it writes.
    Output,
    /// Where it complains.
    Error,
}

/// Whom a signal is sent to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Recipient {
    /// The child alone.
    Process,
    /// The group that the child leads.
    Group,
}

/// What is done with a signal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Hearing {
    /// Each is told.
    Each,
    /// The first is told. From then on it does what it does if nobody listens, so the next one kills. Taken only if nobody
    /// listens yet, and it is not ignored.
    First,
}

/// A signal of the system, by its number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(i32);

/// Everything about other programs, signals and standard streams that takes no time.
pub trait System {
    /// Starts a program, and answers once it is running.
    ///
    /// # Errors
    /// What the system says: `NotFound`, `PermissionDenied`, no descriptors, no processes; `ENOEXEC` for what is no program.
    fn spawn(&self, order: Order) -> io::Result<Spawned>;

    /// How a child has ended, if it has. Once that is told, the child is known no more.
    ///
    /// # Errors
    /// What the system says: `ECHILD` if somebody else has asked before, or nobody is to be told (SIGCHLD is ignored). The child is
    /// known no more then.
    fn reap(&self, process: Process) -> io::Result<Option<ExitStatus>>;

    /// Sends a signal to a child that was not reaped yet; to one that has ended already it makes no difference.
    ///
    /// # Errors
    /// What the system says; `NotFound` for a child that is not known.
    fn signal(&self, process: Process, signal: Signal, to: Recipient) -> io::Result<()>;

    /// Kills a child and reaps it; waits for that if need be. The child is known no more.
    fn destroy(&self, process: Process);

    /// Leaves a child to itself: it is known no more. It is still reaped once it has ended, if this program lives to see it.
    fn let_go(&self, process: Process);

    /// Begins to hear a signal, once more for each time. Says no if it was not taken ([`Hearing::First`]).
    ///
    /// # Errors
    /// `InvalidInput` for what cannot be heard; what the system says.
    fn hear(&self, signal: Signal, hearing: Hearing) -> io::Result<bool>;

    /// Undoes one [`System::hear`]. With the last of them, what was there before is there again.
    fn stop_hearing(&self, signal: Signal, hearing: Hearing);

    /// A descriptor that is readable when signals have come that were not told yet. It belongs to the door.
    ///
    /// # Errors
    /// What the system says.
    fn ear(&self) -> io::Result<RawFd>;

    /// The signals that have come since this was asked last, each with how often, as far as the system counts.
    fn heard(&self) -> Vec<(Signal, u32)>;

    /// A shutdown is complete that the first `signal` asked for: ends this program as that signal would have, once no other
    /// loop in it has still to shut down for the same signal. Returns if there is one, or if the program cannot be ended.
    fn die_of(&self, signal: Signal);

    /// Opens a stream that the program was born with, so that neither reading nor writing blocks, and nobody who shares it
    /// notices. It belongs to the caller, and closing it leaves the original as it is.
    ///
    /// # Errors
    /// What the system says.
    fn open_standard(&self, standard: Standard) -> io::Result<Socket>;

    /// Whether it is a terminal.
    fn is_terminal(&self, stream: Socket) -> bool;

    /// Says how large a terminal is from now on; whoever runs in it is told by SIGWINCH.
    ///
    /// # Errors
    /// What the system says.
    fn resize(&self, terminal: Socket, size: WindowSize) -> io::Result<()>;

    /// Reads from a pipe, a terminal or a file. Nothing means that there will be no more.
    ///
    /// # Errors
    /// `WouldBlock`; what else the system says.
    fn read(&self, stream: Socket, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes to a pipe, a terminal or a file, and says how much of it was taken.
    ///
    /// # Errors
    /// `WouldBlock`; `BrokenPipe` if nobody reads any more; what else the system says.
    fn write(&self, stream: Socket, pieces: &[IoSlice<'_>]) -> io::Result<usize>;
}

macro_rules! signals {
    ($($name:ident = $number:expr, $meaning:literal;)*) => {
        impl Signal {
            $(#[doc = $meaning] pub const $name: Signal = Signal($number);)*
        }

        /// The names of those that have one here.
        const NAMES: &[(i32, &str)] = &[$(($number, concat!("SIG", stringify!($name)))),*];
    };
}

signals! {
    HUP = 1, "The terminal is gone; to daemons, as a rule: read your settings again.";
    INT = 2, "Somebody pressed Ctrl-C.";
    QUIT = 3, "Somebody pressed Ctrl-\\.";
    ABRT = 6, "The program itself gave up.";
    KILL = 9, "The end, which nobody can hear.";
    SEGV = 11, "The program touched memory that it does not have.";
    PIPE = 13, "Nobody reads any more what is written.";
    ALRM = 14, "An alarm of the system's went off.";
    TERM = 15, "Somebody asks the program to end.";
    USR1 = if cfg!(any(target_os = "linux", target_os = "android")) { 10 } else { 30 }, "Whatever the program says that it means.";
    USR2 = if cfg!(any(target_os = "linux", target_os = "android")) { 12 } else { 31 }, "Whatever the program says that it means.";
    CHLD = if cfg!(any(target_os = "linux", target_os = "android")) { 17 } else { 20 }, "A child has ended, or was stopped.";
    CONT = if cfg!(any(target_os = "linux", target_os = "android")) { 18 } else { 19 }, "Go on, after a stop.";
    STOP = if cfg!(any(target_os = "linux", target_os = "android")) { 19 } else { 17 }, "A stop, which nobody can hear.";
    TSTP = if cfg!(any(target_os = "linux", target_os = "android")) { 20 } else { 18 }, "Somebody pressed Ctrl-Z.";
    WINCH = 28, "The terminal has another size.";
}

impl Signal {
    /// The signal with this number; `None` for what is no number of a signal.
    pub fn new(number: i32) -> Option<Signal> {
        (1..=64).contains(&number).then_some(Signal(number))
    }

    /// Its number.
    pub fn number(self) -> i32 {
        self.0
    }
}

/// `SIGTERM`, or `signal 40` for one that has no name here.
impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(number, _)| *number == self.0) {
            Some((_, name)) => f.pad(name),
            None => write!(f, "signal {}", self.0),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
