//! The server's process from the inside: `serve NAME MESSAGE [CORE] [census] [tls] [web]`.
//!
//! It is this program once more, does nothing but serve, and has no second thread that would make its descriptors or its
//! allocator shared. It says on its output where it listens and, if it counts, where its counters lie.

use crate::census::{self, Census};
use crate::contender::Setting;
use crate::cores::pin;
use crate::peers;
use rustix::process::{Signal, set_parent_process_death_signal};
use std::io;

/// Words that ask for a count of what is allocated.
pub const CENSUS: &str = "census";

/// The word that asks for TLS.
pub const TLS: &str = "tls";

/// The word that asks for HTTP.
pub const WEB: &str = "web";

/// Serves, until the process is killed.
pub fn serve(words: &[String]) -> io::Result<()> {
    let wrong = || io::Error::new(io::ErrorKind::InvalidInput, "serve NAME MESSAGE [CORE] [census] [tls] [web]");
    let [name, message, rest @ ..] = words else { return Err(wrong()) };
    let contender = peers::ALL.iter().find(|one| one.name == name).ok_or_else(wrong)?;
    let setting = Setting { message: message.parse().map_err(|_| wrong())? };
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if let Some(core) = rest.iter().find_map(|word| word.parse().ok()) {
        pin(core)?;
    }
    if rest.iter().any(|word| word == CENSUS) {
        Census::switch(true);
        println!("census {} {}", (&raw const census::CALLS).addr(), (&raw const census::LIVE).addr());
    }
    let has = |wish: &str| rest.iter().any(|word| word == wish);
    let serve = match (has(TLS), has(WEB)) {
        (true, _) => contender.serve_tls,
        (_, true) => contender.serve_web,
        _ => Some(contender.serve),
    };
    serve.ok_or(io::ErrorKind::Unsupported)?(setting)
}
