//! Parts: plain structures that know no loop. Each can be read, tested and fuzzed alone.

pub mod bell;
mod closure;
pub mod door;
pub mod flat;
pub mod fuses;
pub mod job;
pub mod parcel;
mod prefetch;
pub mod slots;
pub mod wheel;
