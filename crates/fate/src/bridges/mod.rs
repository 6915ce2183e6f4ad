//! Bridges: what lets a library that was written for something else run on a Fate, or beside it.
//!
//! Each is a feature of its own, off by default, and nothing else in this crate knows of it. A bridge to a library that leaves
//! the runtime open is a few traits; to one that insists on a runtime, it is that runtime, on a thread of its own.
//!
//! - `futures`: `Stream` and `Sink`, for what gives or takes one thing after another;
//! - `hyper`: the traits of `hyper::rt` for streams, tasks and time;
//! - `tokio`: futures that run on tokio, and come home as Deferreds.
//!
//! # Not here
//! The traits of `futures-io` need no bridge: streams have them always.

#[cfg(feature = "futures")]
pub mod futures;
#[cfg(feature = "hyper")]
pub mod hyper;
#[cfg(feature = "tokio")]
pub mod tokio;
