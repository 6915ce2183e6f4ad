//! W2: the server, on the simulated network.

mod bad_input;
mod certificates;
mod deadlines;
mod draining;
mod frames;
mod limits;
mod manners;
mod requests;
mod scene;
mod services;
mod sharing;
mod speaking;
mod unread;
