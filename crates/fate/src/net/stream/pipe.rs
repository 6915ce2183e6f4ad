//! The ends of pipes in the hand of a task; files as well, which are read and written like pipes that never run dry.

use super::held::Held;
use crate::net::connection::{Connection, Nature, Title};
use crate::{Fate, Place};
use fate_core::Socket;

/// The end of a pipe that is read from: a child's standard output, this program's standard input. All else is as in
/// [`TcpStream`](crate::TcpStream).
///
/// Dropping it closes it; whoever writes to the pipe finds out.
pub struct PipeReader(pub(super) Held);

/// The end of a pipe that is written to: a child's standard input, this program's standard output. All else is as in
/// [`TcpStream`](crate::TcpStream).
///
/// Closing it, or dropping it, has the reader find the end once it has read everything.
pub struct PipeWriter(pub(super) Held);

impl PipeReader {
    /// The reading end of something that is no socket; `title` says in reports what is at the other end.
    pub(crate) fn new(fate: &Fate, end: Socket, title: Title, place: Place) -> PipeReader {
        PipeReader::of(Connection::of_pipe(fate.reactor(), end, Nature::Reader, title, place))
    }

    /// The end of a pipe that a child prints to.
    pub(crate) fn of_child(fate: &Fate, end: Socket, title: Title, place: Place) -> PipeReader {
        PipeReader::of(Connection::of_pipe(fate.reactor(), end, Nature::Outlet, title, place))
    }
}

impl PipeWriter {
    /// The writing end of something that is no socket; `title` says in reports what is at the other end.
    pub(crate) fn new(fate: &Fate, end: Socket, title: Title, place: Place) -> PipeWriter {
        PipeWriter::of(Connection::of_pipe(fate.reactor(), end, Nature::Writer, title, place))
    }
}
