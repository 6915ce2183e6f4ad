//! A chain of fuses under Parliament: a program whose next step is set up by the step before.
//!
//! The chain is built from the barrel outwards, for each fuse has to know what it is tied to: first the one in the barrel, which
//! burns for 0.3 s; to that one is tied another, of 0.0 s, to that one another, of 0.1 s, and so on up to 0.6 s. Then the
//! outermost is ignited. Each handler lights the next fuse, so only one is burning at any time, and between two of them the
//! program sleeps. Meanwhile any number of other chains could burn.
//!
//! A fuse of no length is still a fuse: what it is tied to ignites in a later turn, at the same moment.
//!
//! Prints, here with the seconds at which:
//! ```text
//! 0    ...igniting next fuse in chain...
//! 0.6  ...igniting next fuse in chain...
//! 1.1  ...igniting next fuse in chain...
//! 1.5  ...igniting next fuse in chain...
//! 1.8  ...igniting next fuse in chain...
//! 2    ...igniting next fuse in chain...
//! 2.1  ...igniting next fuse in chain...
//! 2.1  ...igniting next fuse in chain...
//! 2.4  Boom! The Houses of Parliament explode!
//! ```
//! and ends.

use fate::Fate;
use std::time::Duration;

/// What a fuse is tied to: what it sets on fire when it has burned down.
enum TiedTo {
    Barrel,
    Fuse(Box<FuseInChain>),
}

struct FuseInChain {
    burning_time: Duration,
    tied_to: TiedTo,
}

impl FuseInChain {
    fn new(burning_time: Duration, tied_to: TiedTo) -> FuseInChain {
        FuseInChain { burning_time, tied_to }
    }

    fn ignite(self, fate: &Fate) {
        println!("...igniting next fuse in chain...");
        let FuseInChain { burning_time, tied_to } = self;
        fate.get_fuse(burning_time).set_handler(move |fate| match tied_to {
            TiedTo::Fuse(next) => next.ignite(fate),
            TiedTo::Barrel => explode_parliament(fate),
        });
    }
}

fn explode_parliament(fate: &Fate) {
    println!("Boom! The Houses of Parliament explode!");
    fate.shutdown();
}

/// From the barrel outwards; gives the outermost fuse, which holds all others.
fn build_chain() -> FuseInChain {
    let mut outermost = FuseInChain::new(Duration::from_millis(300), TiedTo::Barrel);
    for tenths in 0..=6 {
        outermost = FuseInChain::new(Duration::from_millis(100 * tenths), TiedTo::Fuse(Box::new(outermost)));
    }
    outermost
}

/// Ignites the one fuse that is not tied to by another.
pub fn set_up(fate: &Fate) {
    build_chain().ignite(fate);
}

fn main() -> fate::Result {
    let fate = Fate::new()?;
    set_up(&fate);
    fate.run()
}
