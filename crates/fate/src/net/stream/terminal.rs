//! The other end of a child's terminal in the hand of a task.

use super::held::Held;
use crate::net::connection::{Connection, Nature, Title};
use crate::{Fate, Place, WindowSize};
use fate_core::Socket;
use std::io;

/// The other end of the terminal that a child runs in ([`ChildOptions::terminal`](crate::ChildOptions::terminal)): what is
/// written is what is typed, what is read is what is shown. All else is as in [`TcpStream`](crate::TcpStream), but the two
/// directions close together.
///
/// Dropping it hangs up: the child is sent SIGHUP.
pub struct TerminalStream(pub(super) Held);

impl TerminalStream {
    pub(crate) fn new(fate: &Fate, end: Socket, title: Title, place: Place) -> TerminalStream {
        TerminalStream::of(Connection::of_pipe(fate.reactor(), end, Nature::Terminal, title, place))
    }

    /// Says how large the terminal is from now on; whoever runs in it is told by SIGWINCH.
    ///
    /// # Errors
    /// What the system says, and `NotConnected` once the stream is closed.
    pub fn resize(&self, size: WindowSize) -> io::Result<()> {
        let connection = &self.0.0;
        connection.with_end(|system, end| system.resize(end, size))
    }
}
