//! D9: locks, semaphores and queues: first come, first served, and nothing is ever lost.

#[path = "../deferred/rig.rs"]
#[allow(dead_code, reason = "each test binary uses what it needs of it")]
mod rig;

mod lending;
mod queueing;
