//! The machine inside Fate: an event manager without an operating system.
//!
//! It makes no system call, reads no clock and opens no socket. It fills an outbox of [`Op`]s and is handed an inbox of
//! [`Completion`]s by a [`Driver`], once a turn. Four groups, each importing only the earlier ones:
//!
//! - [`words`]: instants, failures, operations, and the contract of a driver;
//! - [`parts`]: plain structures that know no loop: slots, closures in a row, the wheel, the door for other threads;
//! - [`machine`]: the [`Reactor`] owns the parts and has no algorithm; `turn` is the algorithm and owns nothing.
//!
//! The handles that people hold (Fate, Fuse, Deferred …) are the crate `fate`: they need the drivers, which need this.

pub mod words;

pub mod parts;

pub mod machine;

pub use machine::operations::{Endpoint, EndpointSight, WindDown};
pub use machine::reactor::Reactor;
pub use words::address::{Address, Family, UnixName};
pub use words::buffer::{Buffer, Lender, Shelf};
pub use words::clock::{Clock, Time, Until};
pub use words::driver::{Deed, Driver, Ring, Witness};
pub use words::failure::{Abandoned, AlreadyRunning, Cancelled, Elapsed, Failure, Forked, Panicked, Place};
pub use words::instant::Instant;
pub use words::key::Key;
pub use words::network::{
    Arrival, Credentials, Direction, Group, KeepAlive, Kind as SocketKind, Network, Setting, Socket,
};
pub use words::op::{Completion, Event, Interest, Op, Readiness};
pub use words::outgoing::Outgoing;
pub use words::system::{
    Hearing, Order, Plug, Process, Recipient, Signal, Spawned, Standard, Streams, System, WindowSize,
};
