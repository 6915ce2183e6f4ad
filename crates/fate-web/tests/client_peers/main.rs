//! The client against servers and proxies that nobody here wrote, on this machine's loopback, where they are installed.

mod nginx;
mod rig;
mod tinyproxy;
