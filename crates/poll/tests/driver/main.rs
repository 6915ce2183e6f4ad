//! The driver against the real kernel, where the kernel is the point. Nothing sleeps but the driver itself, and of the
//! clock nothing is asserted but "not early".

mod accepting;
mod closing;
mod connecting;
mod guest;
mod hanging_up;
mod mixture;
mod receiving;
mod rig;
mod ringing;
mod running;
mod sending;
mod waiting;
mod watching;
