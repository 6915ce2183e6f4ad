//! Everybody who takes part, in the order of the columns. One file for each.

mod epoll;
mod fate;
#[cfg(libuv)]
mod libuv;
mod monoio;
mod tls;
mod tokio;
mod uring;
mod web;

use crate::contender::{Contender, Setting};
use std::io;

/// The one that all others are compared with.
pub const BASE: &str = "tokio";

/// A contender who always takes part.
const fn usual(name: &'static str, serve: fn(Setting) -> io::Result<()>) -> Contender {
    Contender { name, serve, serve_tls: None, serve_web: None, driver: None, counted: true, usual: true }
}

/// `serve` it is, and `tls::serve` in the two ways of Fate.
type Ways = (fn(Setting) -> io::Result<()>, fn(Setting) -> io::Result<()>);

const PROTOCOLS: Ways = (fate::serve_protocols, tls::serve_protocols);
const TASKS: Ways = (fate::serve_tasks, tls::serve_tasks);

/// Fate on a driver.
const fn fated(name: &'static str, (serve, serve_tls): Ways, driver: &'static str) -> Contender {
    Contender { driver: Some(driver), serve_tls: Some(serve_tls), ..usual(name, serve) }
}

/// Everybody.
pub const ALL: &[Contender] = &[
    Contender { serve_web: Some(web::serve_fate), ..fated("Fate", PROTOCOLS, "uring") },
    fated("Fate task", TASKS, "uring"),
    Contender { serve_web: Some(web::serve_fate), ..fated("Fate poll", PROTOCOLS, "poll") },
    fated("Fate poll task", TASKS, "poll"),
    Contender { serve_tls: Some(tls::serve_tokio), serve_web: Some(web::serve_hyper), ..usual(BASE, tokio::serve) },
    Contender { serve_web: Some(web::serve_hyper_gathering), usual: false, ..usual("tokio gathering", tokio::serve) },
    usual("monoio", monoio::serve),
    #[cfg(libuv)]
    Contender { counted: false, ..usual("libuv", libuv::serve) },
    usual("epoll", epoll::serve),
    usual("uring", uring::serve_quietly),
    // The same with a completion for every send: only to see what that costs.
    Contender { usual: false, ..usual("uring aloud", uring::serve_aloud) },
];
