//! What the machine asks of a kernel, and what the kernel answers.
//!
//! The machine fills an outbox of [`Op`]s and is handed an inbox of [`Completion`]s, once a turn. An operation is named by
//! the [`Key`] under which the machine keeps it, and no two live ones have the same index, whatever they do; so an answer to
//! an operation that is dead by then finds nobody and is dropped: a stale event cannot reach a handler.
//!
//! `Op` is one closed enum: a new operation does not compile until every driver has answered for it.

use super::buffer::Buffer;
use super::key::Key;
use super::network::Socket;
use super::outgoing::Outgoing;
use std::io;
use std::os::fd::RawFd;

/// A request to the kernel.
///
/// | op | completions | after [`Op::Cancel`] |
/// |---|---|---|
/// | `Watch` | one `Ready`, or `Failed` | none but what is on its way |
/// | `Accept` | `Accepted` again and again, until `Failed` | `Accepted` as often as connections were taken already, then `Cancelled` |
/// | `Receive` | `Received` again and again, until `Ended` or `Failed` | `Received` as often as bytes were taken already, then `Cancelled` |
/// | `Send` | one `Sent` | none but what is on its way |
/// | `Close`, `Cancel` | none | |
///
/// A key may be used again once its last completion was told; that of a `Watch` or a `Send` that was cancelled may not.
#[derive(Debug)]
pub enum Op {
    /// Tell once when a descriptor that somebody else owns, or a socket, is ready. Level-triggered: if it is ready already,
    /// that is told in the coming exchange. The descriptor stays open until the operation has completed or was cancelled.
    Watch {
        /// Names the operation.
        key: Key,
        /// What to watch.
        descriptor: RawFd,
        /// Readiness for what.
        interest: Interest,
    },
    /// Accept connections until told otherwise.
    Accept {
        /// Names the operation.
        key: Key,
        /// A socket that listens.
        listener: Socket,
    },
    /// Receive from a stream until told otherwise.
    Receive {
        /// Names the operation.
        key: Key,
        /// A connected stream.
        socket: Socket,
    },
    /// Send what can be sent of `outgoing`, at least one byte; it comes back in [`Event::Sent`].
    Send {
        /// Names the operation.
        key: Key,
        /// A connected stream.
        socket: Socket,
        /// What to send; not empty.
        outgoing: Outgoing,
        /// Whether somebody waits for it. If not, and all of it was sent at once, that alone does not end a wait.
        is_awaited: bool,
    },
    /// Close a socket. Its operations have completed or are cancelled in the same exchange or earlier.
    Close {
        /// Which.
        socket: Socket,
        /// Whether to reset the connection rather than to send what the kernel still holds of it.
        is_abort: bool,
    },
    /// Forget an operation. What it was about is not looked at again once the exchange that carries this has returned; a
    /// completion that is on its way may still be handed over.
    Cancel {
        /// Names the operation to forget.
        key: Key,
    },
}

/// The direction of a [`Op::Watch`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Interest {
    /// Something can be read, or the other side closed, or there is an error.
    Read,
    /// Something can be written, or the other side closed, or there is an error.
    Write,
    /// The other side has closed at least its own direction, or there is an error; whether there is something to read makes
    /// no difference. For sockets, also while nothing receives from them; at most one such watch on a socket, beside those of
    /// the other two. Neither `readable` nor `writable` is told of it.
    HangUp,
}

/// The kernel's answer to one operation.
#[derive(Debug)]
pub struct Completion {
    /// Names the operation.
    pub key: Key,
    /// What happened.
    pub event: Event,
}

/// What happened to an operation.
#[derive(Debug)]
pub enum Event {
    /// The watched descriptor is ready.
    Ready(Readiness),
    /// A connection was accepted. It belongs to whoever is told, who closes it if nobody wants it any more.
    Accepted(Socket),
    /// Bytes came in: at least one.
    Received(Buffer),
    /// The other side has finished: no more bytes will come.
    Ended,
    /// What was to be sent, less what was; and why no more was sent, if that is for good.
    Sent(Outgoing, io::Result<()>),
    /// The operation was cancelled, and nothing more comes of it.
    Cancelled,
    /// The kernel would not do it, or not go on; the error as it gave it. For a watch, `EPERM` for a plain file, `EBADF`,
    /// `EEXIST` for a direction that is watched already.
    Failed(io::Error),
}

/// Distinct reasons why a descriptor is ready; several may hold at once.
///
/// Of `readable` and `writable` only the direction that was watched is told. A hang-up or an error sets it too, for then the
/// call would not block.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Readiness {
    /// Reading would not block.
    pub readable: bool,
    /// Writing would not block.
    pub writable: bool,
    /// Both directions are closed; for [`Interest::HangUp`], also that the other side has closed its own.
    pub hang_up: bool,
    /// An error is pending on the descriptor.
    pub error: bool,
}
