//! Packets: sockets through which they come and go one by one, and fuses that burn on the one that they wait for.
//!
//! ```text
//!               ┌──▶ lookouts, one a fuse, in the order in which they were lit: each looks at it
//!   kernel ──▶ packet
//!               └──▶ then whoever reads: the receiver, or a task that asks, or what is held for the next to ask
//! ```
//!
//! A socket receives while somebody wants packets: a receiver, a task that asks, a fuse with a handler. It does so by
//! watching for readiness and taking what is there, a few packets a turn, into memory that all sockets of a Fate share; so
//! one that waits costs no memory. While no fuse looks on, a task takes its packet from the kernel into its own memory.
//!
//! - `packet`: what a packet is;
//! - `socket`: the machine of one socket: when it receives, and how it ends;
//! - `delivery`: packets on their way from the kernel to those who look at them and to who reads them;
//! - `lookout`: who looks at packets on behalf of a fuse;
//! - `receiver`: a handler that is given every packet;
//! - `reading`: tasks that ask for packets, and packets held for them;
//! - `sending`: packets on their way out, and who waits for room;
//! - `waiting`: a line of those who wait, and `allowance`: how often they may be served in one turn;
//! - `udp`, `multicast`, `options` and `unix`: the handles that people hold; `handle`: what they have in common.

mod allowance;
mod delivery;
mod handle;
pub(crate) mod lookout;
mod multicast;
pub(crate) mod options;
pub(crate) mod packet;
mod reading;
mod receiver;
pub(crate) mod sending;
pub(crate) mod socket;
pub(crate) mod udp;
pub(crate) mod unix;
mod waiting;
