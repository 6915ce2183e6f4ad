//! Tries the ring out on a pair of sockets, before anything depends on it.
//!
//! Numbers of versions tell little: features are carried back into older kernels, sandboxes take calls away, and how a
//! quiet send fails is nowhere promised. So what the driver is built upon is done once, and looked at:
//!
//! - a receive goes on after it was told of, in buffers that the kernel takes by itself: nothing works without it;
//! - a quiet send is told of in the call that handed it over, with as much as was sent, if that is not everything; and not
//!   at all if it is. Where that is not so, the driver sends aloud.
//!
//! # Invariants
//! - Y1 The cargoes are kept until the sends are over. If these are not told of as expected nobody knows when that is, and
//!   the cargoes are let be for ever.

#![allow(unsafe_code, reason = "what is sent is handed to the kernel by address")]

use crate::buffers::Buffers;
use crate::cargo::{Cargo, Letters};
use crate::ring::{Manner, Ring, Told};
use crate::token::Token;
use fate_core::Outgoing;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair, sockopt};
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

const RECEIVE: Token = Token(1);
const WHOLE: Token = Token(2);
const PART: Token = Token(3);
const NOTHING: Token = Token(4);

/// More than the smallest socket buffer takes.
const LARGE: usize = 64 * 1024;

/// How long the kernel is given for what it does at once.
const PATIENCE: Duration = Duration::from_secs(2);

/// Tries the ring out, and says whether quiet sends are what they should be.
///
/// # Errors
/// The kernel refused something, or does not receive as it must.
pub(crate) fn can_be_quiet(ring: &mut Ring, buffers: &Buffers) -> io::Result<bool> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (here, there) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_send_buffer_size(&here, 0)?;
    let mut trial = Trial { ring, buffers, here, cargoes: Vec::new(), told: Vec::new() };
    trial.ring.receive(RECEIVE, there.as_raw_fd());
    trial.send(WHOLE, 1);
    trial.look_for(|told| told.token == RECEIVE)?;
    trial.has_received()?;
    trial.ring.cancel(RECEIVE);
    trial.send(PART, LARGE);
    trial.send(NOTHING, 1);
    trial.look_for(|told| told.token == RECEIVE && !told.has_more())?;
    Ok(trial.has_been_quiet())
}

struct Trial<'a> {
    ring: &'a mut Ring,
    buffers: &'a Buffers,
    here: OwnedFd,
    cargoes: Vec<Cargo>,
    told: Vec<Told>,
}

impl Trial<'_> {
    fn send(&mut self, token: Token, length: usize) {
        let mut outgoing = Outgoing::default();
        outgoing.push(&vec![0; length]);
        let cargo = Cargo::new(outgoing, &mut Letters::default());
        // SAFETY: Y1.
        unsafe { self.ring.send(token, self.here.as_raw_fd(), &cargo, Manner::Quiet) };
        self.cargoes.push(cargo);
    }

    /// Hands over what was pushed, and waits until this was told.
    fn look_for(&mut self, is_it: impl Fn(&Told) -> bool) -> io::Result<()> {
        loop {
            self.ring.enter(1, Some(PATIENCE))?;
            let before = self.told.len();
            self.told.extend(self.ring.completions());
            let news = &self.told[before..];
            news.iter().filter_map(Told::buffer).for_each(|number| self.buffers.give(number));
            if news.iter().any(&is_it) {
                self.buffers.publish();
                return Ok(());
            }
            if news.is_empty() {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }

    fn has_received(&self) -> io::Result<()> {
        let received = self.told.iter().find(|told| told.token == RECEIVE).expect("it was looked for");
        let count = received.outcome()?;
        let goes_on = received.has_more() && received.buffer().is_some();
        if count == 1 && goes_on { Ok(()) } else { Err(io::ErrorKind::Unsupported.into()) }
    }

    fn has_been_quiet(self) -> bool {
        let told_of = |token| self.told.iter().find(|told| told.token == token).map(Told::outcome);
        let is_as_expected = told_of(WHOLE).is_none()
            && matches!(told_of(PART), Some(Ok(count)) if (1..LARGE as u32).contains(&count))
            && told_of(NOTHING) == Some(Err(Errno::AGAIN));
        if !is_as_expected {
            mem::forget(self.cargoes);
        }
        is_as_expected
    }
}
