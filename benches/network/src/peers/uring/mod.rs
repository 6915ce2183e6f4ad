//! Bare io_uring: multishot accept, multishot receive from one pool of buffers, and one `enter` a turn, which takes the sends of
//! the turn with it and waits for what comes next. What is sent is the very buffer that was received.
//!
//! There are two ways to send, and the difference is what ends the wait:
//!
//! - **aloud**: every send posts a completion. It is there as soon as the send has been submitted, so the wait in the same `enter`
//!   is over before it begins, and the loop goes round once more for nothing.
//! - **quietly**: `IOSQE_CQE_SKIP_SUCCESS`, with `MSG_DONTWAIT | MSG_WAITALL`. It is carried out within `enter` in any case. Sent
//!   in full, it posts nothing; otherwise a completion has the number of bytes sent, or `-EAGAIN` for none, and the rest is sent
//!   aloud. So whatever was submitted and has not said anything when `enter` returns has been sent, and its buffer is free.
//!
//! # Invariants
//! - V1 What a send points to stays where it is, and is not given back, until the send is known to be over.
//! - V2 At most one send of a connection is under way, or a part of one could be overtaken by the next.
//! - V3 A connection is closed when its receive has ended and no send is under way, so no completion can name a number that has
//!   been given to another connection since.
//! - V4 Quiet sends are settled when every completion posted since has been seen, the overflowing ones included.

#![allow(unsafe_code, reason = "the kernel is given addresses")]

mod line;
mod pool;
#[cfg(test)]
mod tests;

use crate::contender::Setting;
use io_uring::squeue::{Entry, Flags};
use io_uring::types::Fd;
use io_uring::{IoUring, cqueue, opcode};
use line::{Line, Piece};
use pool::Pool;
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, RawFd};

/// Room for what a turn leads to; if there is more, it goes in two parts.
const QUEUE: u32 = 4096;

#[derive(Clone, Copy, PartialEq)]
enum Sends {
    Aloud,
    Quietly,
}

/// What an operation is for; with the descriptor, this is its user data.
#[derive(Clone, Copy, PartialEq)]
enum Purpose {
    Accept,
    Receive,
    Send,
    Close,
}

pub fn serve_quietly(setting: Setting) -> io::Result<()> {
    Echo::new(setting, Sends::Quietly)?.run()
}

pub fn serve_aloud(setting: Setting) -> io::Result<()> {
    Echo::new(setting, Sends::Aloud)?.run()
}

/// An io_uring as the echo wants it.
fn open() -> io::Result<IoUring> {
    let ring = IoUring::builder()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .setup_submit_all()
        .setup_cqsize(2 * QUEUE)
        .build(QUEUE)?;
    ring.submitter().register_ring_fd()?;
    Ok(ring)
}

/// Fields are dropped in order: the io_uring before the pool that it takes from (pool P1).
struct Echo {
    ring: IoUring,
    pool: Pool,
    listener: TcpListener,
    /// The connections, each in the place of its descriptor's number.
    lines: Vec<Line>,
    sends: Sends,
    /// The connections whose send was submitted quietly, or has just been heard of: each once.
    unsettled: Vec<RawFd>,
    /// The same while they are being settled, when new ones come.
    settling: Vec<RawFd>,
    /// What this turn's completions lead to, beside what they lead to at once.
    arrived: Vec<cqueue::Entry>,
    /// Something waits behind a send that will say nothing when it is over.
    hurry: bool,
    /// Receives to be taken up again when there are buffers.
    starved: Vec<RawFd>,
}

impl Echo {
    fn new(setting: Setting, sends: Sends) -> io::Result<Echo> {
        let ring = open()?;
        let pool = Pool::register(&ring.submitter())?;
        let listener = setting.listen()?;
        let (lines, unsettled, settling, arrived, starved) = Default::default();
        Ok(Echo { ring, pool, listener, lines, sends, unsettled, settling, arrived, hurry: false, starved })
    }

    fn run(mut self) -> io::Result<()> {
        self.accept();
        loop {
            let hurry = std::mem::take(&mut self.hurry) || !self.starved.is_empty();
            self.ring.submit_and_wait(if hurry { 0 } else { 1 })?;
            self.take_completions();
            while self.ring.submission().cq_overflow() {
                self.ring.submit_and_wait(0)?;
                self.take_completions();
            }
            self.settle();
            self.pool.publish();
            self.take_up_starved();
            self.deliver()?;
            self.pool.publish();
        }
    }

    /// Takes what has completed out of the queue. What became of sends is noted first: `settle` needs it.
    fn take_completions(&mut self) {
        let mut arrived = std::mem::take(&mut self.arrived);
        arrived.extend(self.ring.completion());
        arrived.retain(|entry| {
            let (purpose, line) = told(entry.user_data());
            if purpose == Purpose::Send {
                self.sent(line, entry.result());
            }
            purpose != Purpose::Send
        });
        self.arrived = arrived;
    }

    /// Whatever was sent quietly and is still quiet has been sent; on with what waits behind it.
    fn settle(&mut self) {
        let mut settling = std::mem::take(&mut self.settling);
        std::mem::swap(&mut settling, &mut self.unsettled);
        for line in settling.drain(..) {
            if let Some(sent) = self.lines[line as usize].settle() {
                self.pool.give_back(sent.buffer);
            }
            self.go_on(line);
        }
        self.settling = settling;
    }

    fn take_up_starved(&mut self) {
        while let Some(line) = self.starved.pop() {
            self.receive(line);
        }
    }

    fn deliver(&mut self) -> io::Result<()> {
        let mut arrived = std::mem::take(&mut self.arrived);
        for entry in arrived.drain(..) {
            match told(entry.user_data()) {
                (Purpose::Accept, _) => self.accepted(&entry)?,
                (Purpose::Receive, line) => self.received(line, &entry),
                (Purpose::Close | Purpose::Send, _) => {}
            }
        }
        self.arrived = arrived;
        Ok(())
    }

    fn accepted(&mut self, entry: &cqueue::Entry) -> io::Result<()> {
        if entry.result() < 0 {
            return Err(io::Error::from_raw_os_error(-entry.result()));
        }
        let line = entry.result();
        self.lines.resize_with(self.lines.len().max(line as usize + 1), Line::default);
        self.lines[line as usize] = Line::default();
        self.receive(line);
        if !cqueue::more(entry.flags()) {
            self.accept();
        }
        Ok(())
    }

    fn received(&mut self, line: RawFd, entry: &cqueue::Entry) {
        if let Some(buffer) = cqueue::buffer_select(entry.flags()) {
            self.lines[line as usize].queue(Piece { buffer, from: 0, length: entry.result() as u32 });
            self.go_on(line);
        }
        match (cqueue::more(entry.flags()), entry.result()) {
            (true, _) => {}
            (false, 1..) => self.receive(line),
            (false, end) if -end == libc::ENOBUFS => self.starved.push(line),
            (false, _) => {
                self.lines[line as usize].end();
                self.go_on(line);
            }
        }
    }

    /// A send has said something: in full, in part, not at all, or that the peer is gone.
    fn sent(&mut self, line: RawFd, result: i32) {
        let Some(spoken) = self.lines[line as usize].spoken() else { return };
        let piece = spoken.piece;
        if result as u32 == piece.length || (result < 0 && -result != libc::EAGAIN) {
            self.pool.give_back(piece.buffer);
            // A quiet one is in that list already.
            if spoken.aloud {
                self.unsettled.push(line);
            }
        } else {
            let rest = piece.without(result.max(0) as u32);
            self.lines[line as usize].send_again(rest);
            self.send(line, rest, Sends::Aloud);
        }
    }

    /// Sends what is next in line, or closes, or waits for more.
    fn go_on(&mut self, line: RawFd) {
        let aloud = self.sends == Sends::Aloud;
        if let Some(piece) = self.lines[line as usize].next(aloud) {
            self.send(line, piece, self.sends);
        } else if self.lines[line as usize].is_over() {
            self.lines[line as usize] = Line::default();
            self.push(opcode::Close::new(Fd(line)).build().flags(Flags::SKIP_SUCCESS), Purpose::Close, line);
        }
        self.hurry |= self.lines[line as usize].waits_quietly();
    }

    fn accept(&mut self) {
        let listener = self.listener.as_raw_fd();
        self.push(opcode::AcceptMulti::new(Fd(listener)).build(), Purpose::Accept, listener);
    }

    fn receive(&mut self, line: RawFd) {
        self.push(opcode::RecvMulti::new(Fd(line), pool::GROUP).build(), Purpose::Receive, line);
    }

    fn send(&mut self, line: RawFd, piece: Piece, sends: Sends) {
        let start = self.pool.address(piece.buffer).wrapping_add(piece.from as usize);
        if sends == Sends::Quietly {
            self.unsettled.push(line);
        }
        self.push(send(line, start, piece.length, sends), Purpose::Send, line);
    }

    fn push(&mut self, entry: Entry, purpose: Purpose, line: RawFd) {
        let entry = entry.user_data((purpose as u64) << 32 | line as u64);
        // SAFETY: the only operation that points to memory is a send, and V1 holds for what it points to.
        while unsafe { self.ring.submission().push(&entry) }.is_err() {
            self.ring.submit().expect("nothing is asked that could be refused");
        }
    }
}

/// A send in one of the two ways.
fn send(line: RawFd, start: *const u8, length: u32, sends: Sends) -> Entry {
    let all = libc::MSG_NOSIGNAL | libc::MSG_WAITALL;
    let send = opcode::Send::new(Fd(line), start, length);
    match sends {
        Sends::Aloud => send.flags(all).build(),
        Sends::Quietly => send.flags(all | libc::MSG_DONTWAIT).build().flags(Flags::SKIP_SUCCESS),
    }
}

/// What user data says.
fn told(user_data: u64) -> (Purpose, RawFd) {
    let purpose = [Purpose::Accept, Purpose::Receive, Purpose::Send, Purpose::Close][(user_data >> 32) as usize];
    (purpose, user_data as u32 as RawFd)
}
