//! Bodies: plain functions from bytes to a comparison with a model, for fuzzers and for `cargo test`.

mod bytes;
pub mod deferreds;
pub mod fuses;

pub use deferreds::deferreds_against_a_plain_model;
pub use fuses::fuses_against_a_sorted_map;
