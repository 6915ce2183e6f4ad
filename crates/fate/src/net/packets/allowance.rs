//! How often a socket may be served in one turn.
//!
//! A kernel that has always another packet, and always room for one more, would keep a task from ever waiting, and
//! everybody else from their turn.

use fate_core::Reactor;
use std::cell::Cell;

/// How many packets pass a socket in one turn and one direction.
pub(super) const PACKETS: u32 = 32;

/// What is left for this turn.
#[derive(Default)]
pub(super) struct Allowance {
    turn: Cell<u64>,
    spent: Cell<u32>,
}

impl Allowance {
    /// Asks for one more, and says whether it may be had.
    pub fn spend(&self, reactor: &Reactor) -> bool {
        let turn = reactor.counters().turns.get();
        if self.turn.replace(turn) != turn {
            self.spent.set(0);
        }
        let spent = self.spent.get();
        self.spent.set(spent.saturating_add(1));
        spent < PACKETS
    }
}
