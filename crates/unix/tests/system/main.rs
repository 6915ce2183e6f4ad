//! The door to other programs and to the standard streams, against the real kernel.
//!
//! What is the same for the whole process (its descriptors, its children, who it is) is tried in a process of its own: the
//! test runs itself, that test alone, and sees how that ends. Much of that is told by `/proc`, so these tests are for Linux.

#![cfg(target_os = "linux")]

mod alone;
mod children;
mod ending;
mod leftovers;
mod rig;
mod standard;
mod streams;
mod terminals;
mod wiring;
