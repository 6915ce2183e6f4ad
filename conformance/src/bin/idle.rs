//! Lights one fuse an hour away and runs: a process that must not make one system call in that hour (L5).
//!
//! `.ci/idle` puts it under strace. By hand: `timeout 70 strace -f -ttt target/debug/idle`; the last line is the wait.

use std::time::Duration;

fn main() -> fate::Result {
    let fate = fate::Fate::new()?;
    fate.get_fuse(Duration::from_secs(3600)).set_handler(|_| println!("an hour has passed"));
    fate.run()
}
