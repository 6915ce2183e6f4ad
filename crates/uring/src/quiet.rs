//! Sends that nobody waits for: they are over when the call that hands them over returns.
//!
//! They are made so that they never wait in the kernel, and that it tells of them only if less than everything was sent. So
//! they do not end the wait in that very call; and when it has returned, and all that it told was taken, silence means
//! that everything was sent.
//!
//! # Invariants
//! - Q1 A cargo stays in the list until it was told of or the list is settled: when everything was handed over, and all
//!   that was told by then was taken. The kernel has done with it by that time, for it never waits.
//! - Q2 A token names a place in the list, and means this send until the list is settled; after that no completion can
//!   bear it.
//!
//! # Cost
//! A send is moved into the list and out of it. No allocation once warm.

#![allow(unsafe_code, reason = "what is sent is handed to the kernel by address")]

use crate::cargo::{Cargo, Letters};
use crate::ring::{Manner, Ring, Told};
use crate::sequel::{self, Sequel};
use crate::token::Token;
use fate_core::{Completion, Event, Key};
use std::collections::VecDeque;
use std::os::fd::RawFd;

/// The sends that were launched quietly and are not settled.
#[derive(Default)]
pub(crate) struct Quiet(Vec<Sending>);

/// A send that is not settled.
pub(crate) struct Sending {
    pub key: Key,
    pub socket: RawFd,
    /// Until it was told of.
    cargo: Option<Cargo>,
    is_cancelled: bool,
}

impl Quiet {
    /// Sends `cargo`; there is room in the ring for an entry.
    #[inline]
    pub fn launch(&mut self, key: Key, socket: RawFd, cargo: Cargo, ring: &mut Ring) {
        let token = Token::of_quiet(self.0.len() as u32);
        // SAFETY: Q1.
        unsafe { ring.send(token, socket, &cargo, Manner::Quiet) };
        self.0.push(Sending { key, socket, cargo: Some(cargo), is_cancelled: false });
    }

    /// Forgets a send, if it is one of these: nothing is told of it, but it is sent.
    pub fn cancel(&mut self, key: Key) {
        self.0.iter_mut().filter(|sending| sending.key == key).for_each(|sending| sending.is_cancelled = true);
    }

    /// Passes on what the kernel told. If nothing could be sent now, hands back what is to be sent aloud.
    pub fn hear(
        &mut self,
        told: Told,
        letters: &mut Letters,
        inbox: &mut VecDeque<Completion>,
    ) -> Option<(Key, RawFd, Cargo)> {
        let Sending { key, socket, cargo, is_cancelled } = self.0.get_mut(told.token.quiet_place())?;
        let cargo = cargo.take()?;
        match sequel::of_send(told) {
            _ if *is_cancelled => None,
            Sequel::Sent(count, outcome) => {
                let event = Event::Sent(cargo.without(count, letters), outcome);
                inbox.push_back(Completion { key: *key, event });
                None
            }
            _ => Some((*key, *socket, cargo)),
        }
    }

    /// Ends the sends that were not told of, when everything was handed over and all that was told was taken (Q1).
    #[inline]
    pub fn settle(&mut self, letters: &mut Letters, inbox: &mut VecDeque<Completion>) {
        for Sending { key, cargo, is_cancelled, .. } in self.0.drain(..) {
            if let Some(cargo) = cargo
                && !is_cancelled
            {
                let asked = cargo.asked();
                let event = Event::Sent(cargo.without(asked, letters), Ok(()));
                inbox.push_back(Completion { key, event });
            }
        }
    }
}
