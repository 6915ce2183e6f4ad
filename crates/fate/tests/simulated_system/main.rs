//! V1, V2 and V3 for children, signals, standard streams and threads: whole programs, and the programs that they start.

#[path = "../log/mod.rs"]
mod log;

mod children;
mod crashes;
mod pipes;
mod rig;
mod shutdown;
mod signals;
mod standard;
mod threads;
