//! Fate watches fuses and calls their handlers, so that while one burns everything else goes on.
//!
//! A program makes a [`Fate`], lights at least one [`Fuse`], says what happens when it burns, and calls [`Fate::run`].
//! Everything else happens in handlers, one at a time, on one thread: there is nothing to lock.
//!
//! ```
//! use fate::{Fate, sim::Sim};
//! use std::time::Duration;
//!
//! let mut sim = Sim::new(1); // virtual time: with `Fate::new()?` and `fate.run()` it would take a second
//! let fate = sim.host("here");
//! fate.get_fuse(Duration::from_secs(1)).set_handler(|fate| {
//!     println!("BOOM!");
//!     fate.shutdown();
//! });
//! sim.run()?;
//! assert_eq!(sim.elapsed(), Duration::from_secs(1));
//! # Ok::<(), fate::Failure>(())
//! ```
//!
//! The same core serves four styles, and each can wait for any other:
//!
//! | style | you write | it is |
//! |---|---|---|
//! | handlers | `fate.get_fuse(d).set_handler(\|fate\| ..)` | [`Fuse`], [`Fate::call_soon`], [`Fate::every`] |
//! | Deferreds | `lookup().add_callback(..).add_errback(..)` | [`Deferred`], [`Promise`], the combinators |
//! | tasks | `fate.spawn(async move { lookup().await? })` | [`Fate::spawn`], [`Scope`] |
//! | protocols | `listener.serve(\|peer\| Echo)`, `stream.drive(Echo)` | [`Protocol`], [`Transport`], [`framing`] |
//!
//! # What a turn is
//! [`Fate::run`] takes turn after turn. In each: the kernel is asked what happened (and slept in, if nothing is ready);
//! then the fuses that are due burn, by deadline and then by the order in which they were lit; then everything that is ready
//! runs, first in, first out. Nothing you are given ever calls you back before the turn gets to it: firing a
//! [`Promise`], burning a fuse or adding a callback only queues.
//!
//! # One rule for dropping
//! What handlers were given to lives on by itself: dropping what `set_handler`, `every`, `spawn` or `add_callback` gave back
//! stops nothing; to stop there are words (`cut`, `stop`, `cancel`, `shutdown`). What is awaited belongs to who holds it:
//! dropping a future cancels it.

mod belonging;
mod bridges;
mod builder;
mod children;
mod combine;
mod deferred;
mod drivers;
mod fate;
mod fuse;
mod homebound;
mod line;
mod link;
mod lock;
mod looping;
mod names;
mod net;
mod outcome;
mod queue;
mod remote;
mod scope;
mod semaphore;
mod signals;
pub mod sim;
mod standard;
mod task;
mod threads;

#[cfg(feature = "futures")]
pub use bridges::futures::{Frames, Items};
#[cfg(feature = "hyper")]
pub use bridges::hyper::{HyperExecutor, HyperTimer};
pub use builder::{Builder, DriverChoice};
pub use bytes::Bytes;
pub use children::{
    Child, ChildOptions, OutputOptions, OutputTooLong, Restart, SpawnFailed, Supervised, Supervision, Supervisor,
};
pub use combine::race::AllFailed;
pub use deferred::Deferred;
pub use deferred::awaiting::Awaiting;
pub use deferred::control::Control;
pub use deferred::into_deferred::{IntoDeferred, Next};
pub use deferred::promise::Promise;
pub use fate::Fate;
pub use fate_core::machine::fault::{Fault, Verdict};
pub use fate_core::machine::report::{Kind, Live, Report};
pub use fate_core::{Abandoned, AlreadyRunning, Cancelled, Elapsed, Failure, Forked, Panicked, Place};
pub use fate_core::{Address, Credentials, Group, KeepAlive, Setting, UnixName};
pub use fate_core::{Clock, Driver, Instant};
pub use fate_core::{Interest, Readiness};
pub use fate_core::{Plug, Signal, WindowSize};
pub use fuse::{Burning, Fuse};
pub use homebound::Homebound;
pub use lock::{DeferredLock, LockGuard};
pub use looping::{Looping, Tick};
pub use names::Resolve;
#[cfg(feature = "hickory")]
pub use names::hickory::Hickory;
pub use names::racing::{ConnectFailed, race_addresses};
pub use net::framing;
pub use net::{Activated, BadActivation, activation};
pub use net::{Flow, Layer};
pub use net::{NotAdopted, Ready, Released, ReleasedListener, Watch};
pub use net::{Packet, Received, Sent, UdpOptions, UdpSocket, UnixDatagram};
pub use net::{
    PipeReader, PipeWriter, Port, Protocol, Reason, TcpListener, TcpOptions, TcpStream, TerminalStream, Tether,
    Transport, UnixListener, UnixStream, Written,
};
pub use outcome::Outcome;
pub use queue::{DeferredQueue, QueueFull};
pub use remote::{Refused, Remote};
pub use scope::{Scope, Scoped};
pub use semaphore::{DeferredSemaphore, Permit};
pub use signals::{SignalListener, Signals};
pub use standard::InputLines;
pub use task::Sleep;
pub use threads::ThreadPanicked;

/// What `main`, `run` and handlers return: anything may go wrong, and [`Failure`] takes it all.
pub type Result<T = (), E = Failure> = std::result::Result<T, E>;

/// `Ok` with a [`Failure`] as its error: for the last line of a closure or an `async` block, which says no type.
///
/// ```
/// use fate::sim::Sim;
///
/// let mut sim = Sim::new(1);
/// let fate = sim.host("here");
/// fate.spawn(async {
///     let number: u8 = "42".parse()?;
///     assert_eq!(number, 42);
///     fate::Ok(())
/// });
/// sim.run()?;
/// # Ok::<(), fate::Failure>(())
/// ```
#[expect(non_snake_case, reason = "it is the variant, with a type")]
pub const fn Ok<T>(value: T) -> Result<T> {
    Result::Ok(value)
}
