//! What Fate promises, tried against dumb models.
//!
//! May import anything; nothing imports it but fuzz targets and tests. Four groups:
//!
//! - [`allocations`]: an allocator that counts;
//! - [`ground`]: a driver to try a promise on, the same promise on each; [`host`]: a foreign loop; [`recorder`]: a protocol
//!   that keeps a record; [`scissors`]: cancelling at every point;
//! - [`models`]: structures so plain that they are right at a glance, however slow;
//! - [`bodies`]: plain functions from bytes to a comparison with a model. A fuzzer feeds them, and `cargo test` runs them
//!   over the files in `corpus/`.

pub mod allocations;

pub mod host;

pub mod ground;

pub mod recorder;

pub mod scissors;

pub mod models;

pub mod bodies;
