//! A firecracker changes hands while its fuse burns: two things at once, on one thread.
//!
//! A madman lights a firecracker and thrusts it into your hands; within two seconds it will explode. Suppose that lighting
//! it meant sleeping until the bang. Then nobody could hand it on meanwhile, and it would always explode in the hands of
//! whoever lit it. So nobody sleeps here. To light the fuse is to tell Fate what will happen when it has burned down; that
//! returns at once, and while Fate waits, the firecracker is handed to Ben.
//!
//! Every program on Fate has this shape: make a [`Fate`], light at least one fuse, say what happens when it burns, and call
//! [`Fate::run`]. All else happens in handlers.
//!
//! Prints, after half a second, one, one and a half, or two:
//! ```text
//! BOOM! Firecracker exploded in the unlucky hands of Ben Eills
//! ```
//! and ends two seconds later.

use fate::Fate;
use std::{cell::Cell, rc::Rc, time::Duration};

const MAD_HATTER: &str = "Mad Hatter";
const BEN: &str = "Ben Eills";

/// How long a fuse may burn, in seconds: nobody knows beforehand.
const BURNING_TIMES: [f64; 4] = [0.5, 1.0, 1.5, 2.0];

/// A firecracker. A clone of it is the same firecracker, held from another side: it has one owner at a time.
#[derive(Clone)]
struct Firecracker {
    owner: Rc<Cell<&'static str>>,
}

impl Firecracker {
    fn new(owner: &'static str) -> Firecracker {
        Firecracker { owner: Rc::new(Cell::new(owner)) }
    }

    /// Returns at once: it only says what is going to happen.
    fn light_fuse(&self, fate: &Fate) {
        let burning_time = BURNING_TIMES[fate.random() as usize % BURNING_TIMES.len()];
        let firecracker = self.clone();
        fate.get_fuse(Duration::from_secs_f64(burning_time)).set_handler(move |fate| firecracker.explode(fate));
    }

    fn hand_to(&self, new_owner: &'static str) {
        self.owner.set(new_owner);
    }

    /// A handler may light further fuses. Without this one `run` would return after the bang: nothing would be left to happen.
    fn explode(&self, fate: &Fate) {
        println!("BOOM! Firecracker exploded in the unlucky hands of {}", self.owner.get());
        fate.get_fuse(Duration::from_secs(2)).set_handler(|fate| fate.shutdown());
    }
}

/// Lights the firecracker and hands it on: all before time passes.
pub fn set_up(fate: &Fate) {
    let firecracker = Firecracker::new(MAD_HATTER);
    firecracker.light_fuse(fate);
    firecracker.hand_to(BEN);
}

fn main() -> fate::Result {
    let fate = Fate::new()?; // the universe comes into existence
    set_up(&fate);
    fate.run() // and begins to pay attention to time
}
