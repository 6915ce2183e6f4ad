//! The kernel of Linux, told what to do and asked what became of it: io_uring.
//!
//! Read the simulation (`fate-sim`) first: this is the same driver with a kernel in the way. Beside `fate-poll`, which is
//! told what is ready and then does it, this one asks for things to be done and is told that they were. One call a turn
//! hands over everything that the machine has asked for, and waits.
//!
//! ```text
//!   outbox ──▶ flights ──launch──▶ ┌──────┐ ◀──rings── bell ◀── any thread
//!   until  ──▶ alarms ───timers──▶ │ ring │
//!   inbox  ◀── flights ◀──told──── └──────┘ ──fills──▶ buffers ──lent──▶ inbox
//! ```
//!
//! - `token`: what the kernel calls an operation by;
//! - `ring`: the kernel's ring in safe words;
//! - `buffers`: what the kernel receives into; `cargo`: what it sends from; `hold`: where that lies if it takes a while;
//! - `bell`: ends a wait, from any thread; `beacon`: ends that of a host loop;
//! - `alarm`: waits on the clocks that the wait does not know;
//! - `watches`: which directions are watched; `descriptor`: what is asked of one by a call of its own;
//! - `flights`: the table of operations; `quiet`: sends that nobody waits for; `sequel`: what the kernel's last word on an
//!   operation means;
//! - `trial`: tries the ring out; `kernel`: what is made at first need;
//! - `driver`: the exchange, which ties them together.
//!
//! # Platforms
//! Linux 6.0 or later; 6.1 for the kind of ring where the kernel works only when it is called. Elsewhere this crate is
//! empty.

#![cfg(target_os = "linux")]

mod token;

mod cargo;
mod ring;

mod buffers;
mod hold;

mod alarm;
mod beacon;
mod bell;
mod descriptor;
mod watches;

mod flights;
mod quiet;
mod sequel;

mod kernel;
mod trial;

mod driver;

pub use driver::UringDriver;
