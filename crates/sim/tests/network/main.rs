//! V1, V2, and of N what a kernel has to do with: the simulated network, operation by operation, without the machine.

mod bytes;
mod calls;
mod connecting;
mod faults;
mod lives;
mod naming;
mod orders;
mod packets;
mod rig;
mod streams;
