//! The client under simulation: against a server that says, byte for byte, what a test has it say.

mod bodies;
mod connections;
mod deadlines;
mod oddities;
mod pages;
mod redirects;
mod rig;
mod secret;
mod through_proxies;
