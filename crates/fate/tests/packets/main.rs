//! N9: packets, who looks at them, and who reads them; under simulation. What touches the kernel is tried on each driver in
//! the conformance tests.

#[path = "../log/mod.rs"]
mod log;

mod fuses;
mod life;
mod reading;
mod receivers;
mod rig;
mod sending;
