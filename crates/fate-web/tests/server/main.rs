//! W2: the server, on the simulated network.

mod bad_input;
mod deadlines;
mod draining;
mod requests;
mod scene;
mod services;
mod speaking;
