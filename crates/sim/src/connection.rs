//! A connection: two ends, and what each sends the other.
//!
//! ```text
//!               ┌── Absent ──── a call comes ────▶ Half ───┐
//!   the called ─┘                                          ├──▶ Open ──▶ Closed   both sides said goodbye
//!   the caller ──── Opening ──── it is answered ───────────┘      │
//!                      └─────────── refused, timeout ─────────────┼──▶ Over       its socket may not know yet
//!                                                                 └──▶ Gone       nobody remembers it
//! ```
//!
//! Each end knows only what has reached it: that both lie in one structure saves looking them up, and nothing else. An
//! end that is gone answers whatever still comes with a reset, as a kernel does that has never heard of the connection; that is
//! what a half-open connection is found out by.

use crate::errno::Errno;
use crate::links::LinkNumber;
use crate::pipe::{Piece, Pipe, Receipt};
use crate::readiness::Stand;
use crate::sockets::Settings;
use crate::world::HostNumber;
use fate_core::{Address, Family, Key, Readiness};
use std::os::fd::RawFd;

/// What travels at a time between two hosts, as on any Ethernet.
const PIECE: usize = 1460;

/// What travels at a time within a host.
const OWN_PIECE: usize = 32 * 1024;

/// Names an end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Spot {
    pub connection: Key,
    /// 0 called, 1 was called.
    pub side: usize,
}

impl Spot {
    /// The end at the other side.
    pub fn other(self) -> Spot {
        Spot { side: 1 - self.side, ..self }
    }
}

/// Two ends and what is between them.
pub(crate) struct Connection {
    pub ends: [End; 2],
    /// What each end sends.
    pub pipes: [Pipe; 2],
    /// What it goes over; `None` if nobody has the address that was called.
    pub link: Option<LinkNumber>,
    /// How much travels at a time.
    pub most: usize,
}

/// How an end stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Standing {
    /// It was called, but the call has not come yet.
    Absent,
    /// It calls.
    Opening,
    /// A call has come and was answered, which the caller has not confirmed.
    Half,
    /// Bytes may go both ways, unless a direction has ended.
    Open,
    /// Its socket is closed, and everything that was sent has arrived.
    Closed,
    /// Nothing more comes or goes, which the socket is told.
    Over,
    /// There was an end here.
    Gone,
}

/// One end.
pub(crate) struct End {
    pub host: HostNumber,
    pub address: Address,
    pub family: Family,
    pub standing: Standing,
    /// Whether it was ever open.
    pub was_open: bool,
    pub socket: Option<RawFd>,
    /// Where it waits to be accepted.
    pub listener: Option<Listening>,
    /// Whether a socket had it and was closed.
    pub is_orphan: bool,
    /// Whether nothing more is read, whatever comes.
    pub is_deaf: bool,
    /// Whether it said goodbye before the other end did.
    pub is_first_to_finish: bool,
    /// What the socket is still to be told.
    pub error: Option<Errno>,
    pub settings: Settings,
    /// Waits for an answer.
    pub retry: Patience,
    /// Waits for a sign of life.
    pub silence: Patience,
    /// When something came last.
    pub heard: u64,
    /// When the latest of what it sent arrives: nothing overtakes it.
    pub latest: u64,
    /// What it is called in the history.
    pub flow: u32,
}

/// Names a socket that listens, which may be gone and its descriptor another's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Listening {
    pub descriptor: RawFd,
    pub serial: u64,
}

/// How often something was tried, and whether it will be again.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Patience {
    /// Tells the event that is waited for from those that were given up.
    pub number: u32,
    pub is_set: bool,
    pub tries: u32,
}

impl Patience {
    /// Starts to wait; says for which event.
    pub fn set(&mut self) -> u32 {
        self.number = self.number.wrapping_add(1);
        self.is_set = true;
        self.number
    }

    /// Whether this is the event that is waited for.
    pub fn is_for(&self, number: u32) -> bool {
        self.is_set && self.number == number
    }

    /// Whether this is the event that was waited for, which it is no more.
    pub fn ends_with(&mut self, number: u32) -> bool {
        let ends = self.is_for(number);
        self.is_set &= !ends;
        ends
    }

    /// Waits no more, and forgets how often it was tried.
    pub fn stop(&mut self) {
        self.is_set = false;
        self.tries = 0;
    }
}

impl End {
    /// Whether nobody will read what comes here.
    pub fn is_deserted(&self) -> bool {
        self.standing != Standing::Open || self.is_orphan || self.is_deaf
    }
}

impl Connection {
    pub fn new(ends: [End; 2], link: Option<LinkNumber>) -> Connection {
        let most = if ends[0].host == ends[1].host { OWN_PIECE } else { PIECE };
        Connection { ends, pipes: [Pipe::default(), Pipe::default()], link, most }
    }

    /// Whether one of its ends is on this host.
    pub fn is_on(&self, host: HostNumber) -> bool {
        self.ends.iter().any(|end| end.host == host)
    }

    /// The next piece that an end sends, if it may send one now. While it waits to try again what was lost, it may not.
    pub fn send(&mut self, side: usize) -> Option<Piece> {
        let end = &self.ends[side];
        let may = end.standing == Standing::Open && !end.retry.is_set;
        let no_delay = end.settings.no_delay;
        if may { self.pipes[side].send(self.most, no_delay) } else { None }
    }

    /// What an end tells the other of what has arrived.
    pub fn receipt(&mut self, side: usize) -> Receipt {
        let buffer = self.ends[side].settings.receive_buffer;
        self.pipes[1 - side].receipt(buffer)
    }

    /// Whether an end waits for an answer that may never come.
    pub fn is_waiting(&self, side: usize) -> bool {
        match self.ends[side].standing {
            Standing::Opening | Standing::Half => true,
            Standing::Open => self.pipes[side].is_outstanding(),
            _ => false,
        }
    }

    /// Whether an end has something to read, or the end of it.
    pub fn is_readable(&self, side: usize) -> bool {
        let (end, pipe) = (&self.ends[side], &self.pipes[1 - side]);
        pipe.readable() > 0 || end.is_deaf || end.standing == Standing::Over || (self.is_up(side) && pipe.is_ended())
    }

    /// Whether there is room at an end for something to send, or it is certain that it cannot be sent.
    fn is_writable(&self, side: usize) -> bool {
        let (end, pipe) = (&self.ends[side], &self.pipes[side]);
        let has_room = || pipe.is_finished() || pipe.has_room(end.settings.send_buffer);
        end.standing == Standing::Over || (self.is_up(side) && has_room())
    }

    /// How an end stands to its socket.
    pub fn stand_of(&self, side: usize) -> Stand {
        let end = &self.ends[side];
        let is_over = end.standing == Standing::Over;
        let is_ended = is_over || (self.is_up(side) && (end.is_deaf || self.pipes[1 - side].is_ended()));
        let readiness = Readiness {
            readable: self.is_readable(side),
            writable: self.is_writable(side),
            hang_up: is_over || (is_ended && self.pipes[side].is_finished()),
            error: end.error.is_some(),
        };
        Stand { readiness, is_ended }
    }

    fn is_up(&self, side: usize) -> bool {
        self.ends[side].standing == Standing::Open
    }

    /// Whether neither end needs the other any more.
    pub fn is_done(&self) -> bool {
        self.ends.iter().all(|end| match end.standing {
            Standing::Closed | Standing::Gone | Standing::Absent => true,
            Standing::Over => end.socket.is_none() && end.listener.is_none(),
            Standing::Opening | Standing::Half | Standing::Open => false,
        })
    }
}
