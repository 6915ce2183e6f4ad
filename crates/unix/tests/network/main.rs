//! The synchronous door against the real kernel, on the loopback and on ports that the kernel chooses.

mod names;
mod packets;
mod passing;
mod rig;
mod settings;
mod streams;
