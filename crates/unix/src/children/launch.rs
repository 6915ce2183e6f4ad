//! From an order to a child that runs, and to what this program holds of its streams.
//!
//! Without a terminal and without descriptors the child is started as `Command` does it, which does not copy this program.
//! With either, it is a copy that becomes the other program by execvp(3); and where that is glibc's, a file that is no program
//! is not refused with `ENOEXEC` then, but handed to the shell.

use super::{fork, terminal, wiring};
use fate_core::{Order, Plug, Streams};
use rustix::io::ioctl_fionbio;
use std::io;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

/// This program's ends of a child's streams, all of them non-blocking.
#[derive(Default)]
pub(super) struct Ends {
    pub stdin: Option<OwnedFd>,
    pub stdout: Option<OwnedFd>,
    pub stderr: Option<OwnedFd>,
    pub terminal: Option<OwnedFd>,
}

/// Starts a program. If that fails, nothing of it is left.
pub(super) fn launch(order: Order) -> io::Result<(Child, Ends)> {
    let Order { mut command, streams, descriptors } = order;
    let terminal = match streams {
        Streams::Each { stdin, stdout, stderr } => {
            stdio(stdin).map(|stdio| command.stdin(stdio));
            stdio(stdout).map(|stdio| command.stdout(stdio));
            stdio(stderr).map(|stdio| command.stderr(stdio));
            None
        }
        Streams::Terminal(size) => {
            let (ours, theirs) = terminal::open(size)?;
            attach(&mut command, theirs)?;
            Some(ours)
        }
    };
    let _held = wiring::lay(&mut command, descriptors)?;
    let mut child = command.spawn()?;
    match take(&mut child) {
        Ok(ends) => Ok((child, Ends { terminal, ..ends })),
        Err(error) => {
            undo(&mut child);
            Err(error)
        }
    }
}

/// What a stream of the child's is connected to; nothing if that is said already.
fn stdio(plug: Plug) -> Option<Stdio> {
    match plug {
        Plug::Pipe => Some(Stdio::piped()),
        Plug::Null => Some(Stdio::null()),
        _ => None,
    }
}

/// Makes a terminal all that the child has.
fn attach(command: &mut Command, terminal: OwnedFd) -> io::Result<()> {
    command.stdin(terminal.try_clone()?);
    command.stdout(terminal.try_clone()?);
    command.stderr(terminal);
    fork::lead_session(command);
    Ok(())
}

/// Takes the ends of what was made for the child; also of pipes that the `Command` asked for by itself.
fn take(child: &mut Child) -> io::Result<Ends> {
    let ends = Ends {
        stdin: child.stdin.take().map(OwnedFd::from),
        stdout: child.stdout.take().map(OwnedFd::from),
        stderr: child.stderr.take().map(OwnedFd::from),
        terminal: None,
    };
    // The child's own ends are other open files, and wait as the child expects them to.
    for end in [&ends.stdin, &ends.stdout, &ends.stderr].into_iter().flatten() {
        ioctl_fionbio(end, true)?;
    }
    Ok(ends)
}

/// Ends a child that was started in vain.
pub(super) fn undo(child: &mut Child) {
    // It is ours, and nobody knows of it, so both can be done; if not, there is nobody to tell but of the first error.
    let _ = child.kill().and_then(|()| child.wait());
}
