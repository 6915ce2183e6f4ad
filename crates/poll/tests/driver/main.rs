//! The driver against the real kernel, where the kernel is the point. Nothing sleeps but the driver itself, and of the
//! clock nothing is asserted but "not early".

mod guest;
mod rig;
mod ringing;
mod running;
mod waiting;
mod watching;
