//! Words: what the other groups speak of. No algorithm lives here and nothing here knows a loop.

pub mod address;
pub mod buffer;
pub mod clock;
pub mod driver;
pub mod failure;
pub mod instant;
pub mod key;
pub mod network;
pub mod op;
pub mod outgoing;
pub mod system;
