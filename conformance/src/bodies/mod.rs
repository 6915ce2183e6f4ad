//! Bodies: plain functions from bytes to a comparison with a model, for fuzzers and for `cargo test`.

mod bytes;
pub mod fuses;

pub use fuses::fuses_against_a_sorted_map;
