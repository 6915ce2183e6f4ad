//! V1, V2 and V3 for the network: whole programs on several hosts, with links that do what they are told.

#[path = "../log/mod.rs"]
mod log;

mod bad_days;
mod hosts;
mod links;
mod rig;
