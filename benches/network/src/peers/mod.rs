//! Everybody who takes part, in the order of the columns. One file for each.

mod epoll;
mod fate;
#[cfg(libuv)]
mod libuv;
mod monoio;
mod tokio;
mod uring;

use crate::contender::{Contender, Setting};
use std::io;

/// The one that all others are compared with.
pub const BASE: &str = "tokio";

/// A contender who always takes part.
const fn usual(name: &'static str, serve: fn(Setting) -> io::Result<()>) -> Contender {
    Contender { name, serve, driver: None, counted: true, usual: true }
}

/// Fate on a driver.
const fn fated(name: &'static str, serve: fn(Setting) -> io::Result<()>, driver: &'static str) -> Contender {
    Contender { driver: Some(driver), ..usual(name, serve) }
}

/// Everybody.
pub const ALL: &[Contender] = &[
    fated("Fate", fate::serve_protocols, "uring"),
    fated("Fate task", fate::serve_tasks, "uring"),
    fated("Fate poll", fate::serve_protocols, "poll"),
    fated("Fate poll task", fate::serve_tasks, "poll"),
    usual(BASE, tokio::serve),
    usual("monoio", monoio::serve),
    #[cfg(libuv)]
    Contender { counted: false, ..usual("libuv", libuv::serve) },
    usual("epoll", epoll::serve),
    usual("uring", uring::serve_quietly),
    // The same with a completion for every send: only to see what that costs.
    Contender { usual: false, ..usual("uring aloud", uring::serve_aloud) },
];
