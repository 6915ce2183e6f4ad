//! What every driver for a real Unix needs of the system, apart from waiting: the clocks, random numbers, and the
//! synchronous door to the network.
//!
//! A driver is a way to wait. Whether it waits for readiness or for completions, the clocks are the same, and so is all
//! that a socket does at once: it is made, named, configured, asked, closed. A driver adds the waiting.
//!
//! - `raw`: all that is unsafe: numbers as descriptors, addresses as bytes, credentials;
//! - `clock`: the three clocks, and `random`: the other thing that only the system knows;
//! - `address`: the addresses of Fate in the system's terms, and back;
//! - `settings`: what can be set on a socket;
//! - `connection`: accepting, receiving, sending and closing, without waiting;
//! - `packets`, and `descriptors`, which travel with bytes;
//! - `limits`: how many descriptors there may be;
//! - `network`: the door, which ties them together.
//!
//! # Platforms
//! Every Unix that `rustix` knows. Abstract names are Linux's and Android's; credentials are told by these, by Apple's
//! systems and the BSDs.

mod raw;

mod clock;
mod random;

mod address;
mod settings;

mod connection;
mod descriptors;
mod limits;
mod packets;

mod network;

pub use clock::Clocks;
pub use connection::{PIECES, accept, close, is_internet, receive, send};
pub use network::UnixNetwork;
pub use random::random;
