//! Bodies: plain functions from bytes to a comparison with a model, for fuzzers and for `cargo test`.

pub mod addresses;
mod bytes;
pub mod deferreds;
pub mod framing;
pub mod fuses;

pub use addresses::addresses_of_any_kind;
pub use deferreds::deferreds_against_a_plain_model;
pub use framing::framing_against_the_whole_stream;
pub use fuses::fuses_against_a_sorted_map;
