//! The Mad Hatter again, on Deferreds, and less quick: this time it may be him.
//!
//! He lights the firecracker at once, but hands it to Ben only after a second. It burns for 0.5, 1.0, 1.5 or 2.0 seconds; after
//! three all is over. Lighting the fuse now gives a [`Deferred`], which brings the name of whoever held the firecracker when
//! it exploded. The firecracker no longer has to know what people do about explosions: that is up to whoever lit it.
//!
//! # What if it burns for exactly one second?
//! Then two fuses are due together: the firecracker's, and the one by which it is handed over. Such fuses burn in the order in
//! which they were lit. The firecracker was lit first, so it explodes in the Hatter's hands. (On a real clock the other is
//! lit a little later, and so due a little later: the same order.)
//!
//! That holds because the name is read in the firecracker's own handler. A callback that read it would come too late: callbacks
//! run after all the fuses of their turn, and by then Ben has it.
//!
//! Prints either
//! ```text
//! BOOM! Firecracker exploded in the unlucky hands of Mad Hatter
//! ```
//! (after 0.5 or 1.0 seconds) or
//! ```text
//! BOOM! Firecracker exploded in the unlucky hands of Ben Eills
//! ```
//! (after 1.5 or 2.0), and ends after three.

use fate::{Deferred, Fate};
use std::{cell::Cell, rc::Rc, time::Duration};

const MAD_HATTER: &str = "Mad Hatter";
const BEN: &str = "Ben Eills";

/// How long a fuse may burn, in seconds: nobody knows beforehand.
const BURNING_TIMES: [f64; 4] = [0.5, 1.0, 1.5, 2.0];

/// A firecracker. Its owner is known to the handler of its fuse, too, and may change while that burns.
struct Firecracker {
    owner: Rc<Cell<&'static str>>,
}

impl Firecracker {
    fn new(owner: &'static str) -> Firecracker {
        Firecracker { owner: Rc::new(Cell::new(owner)) }
    }

    /// Returns at once; what it returns brings the name of the owner at the moment of the bang.
    fn light_fuse(&self, fate: &Fate) -> Deferred<&'static str> {
        let burning_time = BURNING_TIMES[fate.random() as usize % BURNING_TIMES.len()];
        let (promise, bang) = fate.deferred();
        let owner = self.owner.clone();
        fate.get_fuse(Duration::from_secs_f64(burning_time)).set_handler(move |_| promise.callback(owner.get()));
        bang
    }

    fn hand_to(&self, new_owner: &'static str) {
        self.owner.set(new_owner);
    }
}

/// Says what happens at the bang, after one second, and after three.
pub fn set_up(fate: &Fate) {
    let firecracker = Firecracker::new(MAD_HATTER);
    firecracker
        .light_fuse(fate)
        .add_callback(|unlucky| println!("BOOM! Firecracker exploded in the unlucky hands of {unlucky}"));

    // It may have exploded by then; Ben will not mind.
    fate.get_fuse(Duration::from_secs(1)).set_handler(move |_| firecracker.hand_to(BEN));
    fate.get_fuse(Duration::from_secs(3)).set_handler(|fate| fate.shutdown());
}

fn main() -> fate::Result {
    let fate = Fate::new()?;
    set_up(&fate);
    fate.run()
}
