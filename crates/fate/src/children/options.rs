//! What a child is connected to, and what is kept of it.

use crate::WindowSize;
use bytes::Bytes;
use fate_core::{Order, Plug, Streams};
use std::os::fd::{OwnedFd, RawFd};
use std::process::Command;

/// How much is kept of each of a command's two outputs, unless somebody said otherwise.
const LIMIT: usize = 64 * 1024 * 1024;

/// What a child is connected to, for [`Fate::spawn_child_with`](crate::Fate::spawn_child_with): three pipes, unless told
/// otherwise.
///
/// What a [`Command`] was told of its standard streams counts where the option is [`Plug::AsSet`].
///
/// ```
/// use fate::{ChildOptions, Fate, Plug};
/// use std::process::Command;
///
/// let fate = Fate::new()?;
/// let options = ChildOptions::default().stdin(Plug::Null).stderr(Plug::AsSet);
/// fate.run_until(async {
///     let mut child = fate.spawn_child_with(Command::new("cat"), options).await?;
///     assert!(child.take_stdin().is_none());
///     assert!(child.exited().await?.success()); // it found the end at once
///     fate::Ok(())
/// })?;
/// # Ok::<(), fate::Failure>(())
/// ```
#[derive(Debug)]
#[must_use = "options do nothing by themselves"]
pub struct ChildOptions {
    stdin: Plug,
    stdout: Plug,
    stderr: Plug,
    terminal: Option<WindowSize>,
    descriptors: Vec<(RawFd, OwnedFd)>,
    pub(super) is_killed_on_drop: bool,
}

impl Default for ChildOptions {
    fn default() -> ChildOptions {
        ChildOptions {
            stdin: Plug::Pipe,
            stdout: Plug::Pipe,
            stderr: Plug::Pipe,
            terminal: None,
            descriptors: Vec::new(),
            is_killed_on_drop: false,
        }
    }
}

impl ChildOptions {
    /// What the child reads.
    pub fn stdin(self, stdin: Plug) -> ChildOptions {
        ChildOptions { stdin, ..self }
    }

    /// Where the child writes.
    pub fn stdout(self, stdout: Plug) -> ChildOptions {
        ChildOptions { stdout, ..self }
    }

    /// Where the child complains.
    pub fn stderr(self, stderr: Plug) -> ChildOptions {
        ChildOptions { stderr, ..self }
    }

    /// All three are what the [`Command`] says, or else this program's own.
    pub fn as_set(self) -> ChildOptions {
        self.stdin(Plug::AsSet).stdout(Plug::AsSet).stderr(Plug::AsSet)
    }

    /// All three are a terminal of this size, of which the other end is [`Child::take_terminal`](crate::Child::take_terminal).
    /// The child leads a session of its own: Ctrl-C is the byte 3, written to that end.
    pub fn terminal(self, size: WindowSize) -> ChildOptions {
        ChildOptions { terminal: Some(size), ..self }
    }

    /// The child has this descriptor, under the number given: 3 or more. May be said more than once.
    pub fn descriptor(mut self, number: RawFd, descriptor: OwnedFd) -> ChildOptions {
        self.descriptors.push((number, descriptor));
        self
    }

    /// Whether the child is killed when its [`Child`](crate::Child) is dropped: no, unless told otherwise.
    pub fn kill_on_drop(self, kill: bool) -> ChildOptions {
        ChildOptions { is_killed_on_drop: kill, ..self }
    }

    pub(super) fn order(self, command: Command) -> Order {
        let ChildOptions { stdin, stdout, stderr, .. } = self;
        let streams = self.terminal.map_or(Streams::Each { stdin, stdout, stderr }, Streams::Terminal);
        Order { command, streams, descriptors: self.descriptors }
    }
}

/// What a command is told, and how much is kept of what it says, for [`Fate::output_with`](crate::Fate::output_with).
///
/// ```
/// use fate::{Fate, OutputOptions};
/// use std::process::Command;
///
/// let fate = Fate::new()?;
/// fate.output_with(Command::new("cat"), OutputOptions::default().input("a spoon"))
///     .add_callback(|output| assert_eq!(output.stdout, b"a spoon"));
/// fate.run()?;
/// # Ok::<(), fate::Failure>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "options do nothing by themselves"]
pub struct OutputOptions {
    pub(super) limit: usize,
    pub(super) input: Option<Bytes>,
}

impl Default for OutputOptions {
    fn default() -> OutputOptions {
        OutputOptions { limit: LIMIT, input: None }
    }
}

impl OutputOptions {
    /// How many bytes are kept of its standard output, and as many of its standard error: 64 MiB unless told otherwise. A
    /// command that prints more is killed.
    pub fn limit(self, limit: usize) -> OutputOptions {
        OutputOptions { limit, ..self }
    }

    /// What it reads; nothing unless told otherwise.
    pub fn input(self, input: impl Into<Bytes>) -> OutputOptions {
        OutputOptions { input: Some(input.into()), ..self }
    }

    /// What the child is connected to.
    pub(super) fn wiring(&self) -> ChildOptions {
        let stdin = if self.input.is_some() { Plug::Pipe } else { Plug::Null };
        ChildOptions::default().stdin(stdin)
    }
}
