//! N11 on the simulated network.

mod agreeing;
#[path = "../authority/mod.rs"]
mod authority;
mod cutting;
mod ending;
mod hand;
mod midstream;
mod names;
mod records;
mod refusing;
mod serving;
mod stage;
mod stalling;
