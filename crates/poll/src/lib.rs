//! The real kernel, as every Unix has it: readiness by epoll or kqueue.
//!
//! Read the simulation (`fate-sim`) first: this is the same driver with a kernel in the way. The machine hands over its
//! outbox; what can be done at once is done at once, and for the rest the kernel is waited for; what it says goes to the
//! inbox.
//!
//! ```text
//!   outbox ──▶ registry ──arm, disarm──▶ ┌────────┐
//!   until  ──▶ alarms ──────timers─────▶ │ poller │ ◀──ring── bell ◀── any thread
//!   inbox  ◀── registry ◀──────tell───── └────────┘
//!                 │ ▲
//!                 └─┴─ watches, receiving, accepting, sending
//! ```
//!
//! - `token`: what the kernel calls a registration by;
//! - `poller`: the kernel's poller in safe words; all that is unsafe is there;
//! - `bell`: ends a wait, from any thread;
//! - `alarm`: waits on the three clocks;
//! - `told`: what is told in one exchange;
//! - `entry`: what there is to know of a descriptor, and `registry`: the table of these;
//! - `watches`, `receiving`, `accepting`, `sending`: the operations on them;
//! - `released`: sockets that are handed back;
//! - `driver`: the exchange, which ties them together.
//!
//! What is not about waiting is in `fate-unix`: clocks, and all that a socket does at once.
//!
//! # Platforms
//! Linux and Android by epoll; by the crate `polling`, every Unix with kqueue. Precise waits on boot and wall time are
//! Linux's alone: see `alarm`.

mod token;

mod poller;

mod alarm;
mod bell;

mod told;

mod entry;
mod registry;

mod accepting;
mod receiving;
mod sending;
mod watches;

mod released;

mod driver;

pub use driver::PollDriver;
