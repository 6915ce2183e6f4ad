//! What every driver for a real Unix needs of the system, apart from waiting: the clocks, random numbers, and the
//! synchronous door to the network.
//!
//! A driver is a way to wait. Whether it waits for readiness or for completions, the clocks are the same, and so is all
//! that a socket does at once: it is made, named, configured, asked, closed. A driver adds the waiting.
//!
//! - `raw`: all that is unsafe: numbers as descriptors, addresses as bytes, credentials;
//! - `clock`: the three clocks, and `random`: the other thing that only the system knows;
//! - `mark`: tells a process from its forked children;
//! - `address`: the addresses of Fate in the system's terms, and back;
//! - `settings`: what can be set on a socket;
//! - `connection`: accepting, receiving, sending and closing, without waiting;
//! - `packets`, and `descriptors`, which travel with bytes;
//! - `limits`: how many descriptors there may be;
//! - `network`: the door, which ties them together;
//! - `children`, `signals`, `standard`: other programs, signals, and the streams that this program was born with;
//! - `stream`: reading and writing what is no connection, without waiting;
//! - `system`: the door to those.
//!
//! # Platforms
//! Every Unix that `rustix` knows, but for OpenBSD, where it has no waitid(2). Abstract names are Linux's and Android's;
//! credentials are told by these, by Apple's systems and the BSDs.

mod raw;

mod clock;
mod mark;
mod random;

mod address;
mod settings;

mod connection;
mod descriptors;
mod limits;
mod packets;

mod network;

mod children;
mod signals;
mod standard;
mod stream;

mod system;

pub use clock::Clocks;
pub use connection::{PIECES, accept, close, is_internet, receive, send};
pub use mark::Mark;
pub use network::UnixNetwork;
pub use random::random;
pub use system::UnixSystem;
