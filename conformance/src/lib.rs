//! What Fate promises, tried against dumb models.
//!
//! May import anything; nothing imports it but fuzz targets and tests. Three groups:
//!
//! - [`allocations`]: an allocator that counts;
//! - [`models`]: structures so plain that they are right at a glance, however slow;
//! - [`bodies`]: plain functions from bytes to a comparison with a model. A fuzzer feeds them, and `cargo test` runs them
//!   over the files in `corpus/`.

pub mod allocations;

pub mod models;

pub mod bodies;
