//! The kernel that is no kernel: virtual time for any number of hosts, one seed, one history.
//!
//! Read this driver first: it shows what a driver must do with nothing else in the way. A [`World`] holds the true time
//! and all hosts; a [`SimDriver`] is one host's view of it. Nothing here reads a clock, asks the system for random
//! numbers, or depends on addresses or hashes, so the same program gives the same history, byte for byte.
//!
//! - `world`: true time, hosts, who is due next; `host`: what a host is;
//! - `driver`: one host's exchange; `network`: its door, for what takes no time in the network;
//! - `clock`: a host's three clocks, with suspends and steps; `chance`: numbers that follow from the seed and a name;
//! - `watches`: scripted descriptors;
//! - `bell`: the one thing that real threads can do here: end a wait;
//! - `history`: what happened, one line an event, with its legend.
//!
//! The network, from below:
//!
//! - `addresses`: who has which; `links`: what lies between two hosts; `arrivals`: what is on its way;
//! - `sockets`: the table of descriptors; `ports` and `names`: who is bound to what; `naming`: binding;
//! - `orders`: the operations that wait at sockets, and what they are told;
//! - `pipe`: one direction of a connection; `connection`: two ends; `segments`: how they come to know of each other;
//!   `retries` and `silence`: what they do when nothing comes;
//! - `streams` and `listeners`: what programs do with connections; `packets`: datagrams;
//! - `faults`: what a script does to links and hosts.
//!
//! The rest of the system, of each host by itself:
//!
//! - `system`: its door;
//! - `processes`: children, as their kernel knows them; `programs`: as a script does, which runs them;
//! - `conduits`: what pipes and terminals are made of; `consoles`: the streams that a program is born with;
//! - `signals`: those that come to the host's own program; `errands`: the time that work for threads takes.

mod addresses;
mod arrivals;
mod bell;
mod chance;
mod clock;
mod conduits;
mod connection;
mod consoles;
mod driver;
mod errands;
mod errno;
mod faults;
mod history;
mod host;
mod links;
mod listeners;
mod names;
mod naming;
mod network;
mod orders;
mod packets;
mod pipe;
mod ports;
mod processes;
mod programs;
mod readiness;
mod retries;
mod segments;
mod signals;
mod silence;
mod sockets;
mod streams;
mod system;
mod watches;
mod world;

pub use driver::SimDriver;
pub use history::Event;
pub use links::LinkNumber;
pub use programs::{Disposition, Newborn};
pub use watches::Descriptor;
pub use world::{HostNumber, World};
