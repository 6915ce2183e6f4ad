//! The client under simulation: against a server that says, byte for byte, what a test has it say.

mod bodies;
mod calling;
mod certificates;
mod connections;
mod cookies;
mod deadlines;
#[cfg(feature = "json")]
mod forms;
mod frames;
mod identity;
mod oddities;
mod pages;
mod patience;
mod phases;
mod redirects;
mod rig;
mod secret;
mod sharing;
mod through_proxies;
mod tongue;
