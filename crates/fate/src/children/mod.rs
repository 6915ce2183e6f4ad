//! Other programs, started by this one.
//!
//! A child is known to the loop from when it is started until it was reaped, whether somebody holds its [`Child`] or not: so
//! there is never a zombie, and nobody else's children are touched. It ends by itself, or is signalled; its end and the
//! end of its output are two events, for whoever it has started in turn may hold its output open.
//!
//! - `options`: what a child is connected to; `child`: the handle; `failed`: why there is none;
//! - `running`: the loop's own view of a child, from its start to its end; `name`: what it is called;
//! - `output`: what a command prints; `keeping`: keeping that, up to a bound;
//! - `supervisor`: starting a command again and again, and `supervision` what is told of that.

mod child;
mod failed;
mod keeping;
mod name;
mod options;
mod output;
mod running;
mod supervision;
mod supervisor;

pub use child::Child;
pub use failed::{OutputTooLong, SpawnFailed};
pub(crate) use name::Name;
pub use options::{ChildOptions, OutputOptions};
pub use supervision::Supervision;
pub use supervisor::{Restart, Supervised, Supervisor};
