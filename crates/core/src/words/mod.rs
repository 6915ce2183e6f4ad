//! Words: what the other groups speak of. No algorithm lives here and nothing here knows a loop.

pub mod clock;
pub mod driver;
pub mod failure;
pub mod instant;
pub mod key;
pub mod op;
