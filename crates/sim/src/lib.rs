//! The kernel that is no kernel: virtual time for any number of hosts, one seed, one history.
//!
//! Read this driver first: it shows what a driver must do with nothing else in the way. A [`World`] holds the true time
//! and all hosts; a [`SimDriver`] is one host's view of it. Nothing here reads a clock, asks the system for random
//! numbers, or depends on addresses or hashes, so the same program gives the same history, byte for byte.
//!
//! - `world`: true time, hosts, who is due next;
//! - `driver`: one host's exchange;
//! - `clock`: a host's three clocks, with suspends and steps;
//! - `watches`: scripted descriptors;
//! - `bell`: the one thing that real threads can do here: end a wait;
//! - `history`: what happened, one line an event, with its legend.

mod bell;
mod clock;
mod driver;
mod history;
mod watches;
mod world;

pub use driver::SimDriver;
pub use history::Event;
pub use watches::Descriptor;
pub use world::{HostNumber, World};
