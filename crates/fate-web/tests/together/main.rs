//! W1, W2: the client against the server, in one simulation: whatever is spoken, and whatever the network does.

mod faults;
#[path = "../client/identity.rs"]
mod identity;
mod pages;
mod rig;
#[path = "../client/tongue.rs"]
mod tongue;
