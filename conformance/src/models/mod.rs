//! Models: structures so plain that they are right at a glance, however slow.

pub mod deferreds;
pub mod framing;
pub mod fuses;
