//! The real kernel, as every Unix has it: readiness by epoll, kqueue and their kin, through the crate `polling`.
//!
//! Read the simulation (`fate-sim`) first: this is the same driver with a kernel in the way. The machine hands over its
//! outbox, the table of watches is told to the kernel, the kernel is waited for, and what it says goes to the inbox.
//!
//! ```text
//!   outbox ──▶ watches ──arm, disarm──▶ ┌────────┐
//!   until  ──▶ alarms ─────timers─────▶ │ poller │ ◀──ring── bell ◀── any thread
//!   inbox  ◀── watches ◀─────told────── └────────┘
//! ```
//!
//! - `token`: what the kernel calls a registration by;
//! - `poller`: the kernel's poller in safe words; all that is unsafe is there;
//! - `clock`: the three clocks, and `random`: the other thing that only the system knows;
//! - `bell`: ends a wait, from any thread;
//! - `alarm`: waits on the clocks that the poller does not know;
//! - `watches`: the table of descriptors and who is told of them;
//! - `driver`: the exchange, which ties them together.
//!
//! # Platforms
//! Every Unix whose poller is a descriptor itself: epoll, kqueue, event ports. Precise waits on boot and wall time are
//! Linux's alone: see `alarm`.

mod token;

mod poller;

mod alarm;
mod bell;
mod clock;
mod random;
mod watches;

mod driver;

pub use driver::PollDriver;
