//! Pausing a node, and who keeps it meanwhile.
//!
//! A node that has fired is owned by the ready queue. While it is paused it is in no queue; then it keeps itself, as long as
//! there is a [`Control`](super::control::Control) by which it may be unpaused. One that nobody can unpause is over: its
//! steps are dropped, a failure that it holds is reported, and whoever waits for it learns that nothing will come.
//!
//! # Invariants
//! - U1 `kept` is the node itself exactly while it is paused and has Controls.
//! - U2 No node is paused for ever: one without a Deferred and without Controls is not paused.

use super::node::{DETACHED, Node, Waiter};
use super::remains::Remains;
use std::rc::Rc;

impl Node {
    pub fn pause(self: &Rc<Node>) {
        self.pauses.set(self.pauses.get().saturating_add(1));
        self.keep_if_paused();
    }

    pub fn unpause(self: &Rc<Node>) {
        match self.pauses.get() {
            0 => {}
            1 => {
                self.unpause_for_good();
                self.schedule();
            }
            pauses => self.pauses.set(pauses - 1),
        }
    }

    /// However often it was paused.
    pub fn unpause_for_good(&self) {
        self.pauses.set(0);
        let kept = self.kept.take();
        drop(kept);
    }

    /// One more can unpause it.
    pub fn add_control(self: &Rc<Node>) {
        self.controls.set(self.controls.get().saturating_add(1));
        self.keep_if_paused();
    }

    /// One less can unpause it.
    pub fn remove_control(self: &Rc<Node>) {
        self.controls.set(self.controls.get() - 1);
        if self.controls.get() == 0 {
            let kept = self.kept.take();
            drop(kept);
            self.give_up_if_lost();
        }
    }

    fn keep_if_paused(self: &Rc<Node>) {
        if self.pauses.get() > 0 && self.controls.get() > 0 {
            self.kept.set(Some(self.clone()));
        }
    }

    /// Ends it if it is paused and nobody can unpause it.
    pub fn give_up_if_lost(self: &Rc<Node>) {
        if self.pauses.get() > 0 && self.controls.get() == 0 && self.is(DETACHED) {
            self.pauses.set(0);
            let steps = self.steps.take();
            Remains { steps, outcome: None, waiter: Waiter::Nobody, canceller: None }.bury();
            self.disappoint();
            self.schedule();
        }
    }
}
