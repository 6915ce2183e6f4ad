//! N11 on the simulated network.

mod agreeing;
#[path = "../authority/mod.rs"]
mod authority;
mod ending;
mod midstream;
mod refusing;
mod serving;
mod stage;
mod stalling;
