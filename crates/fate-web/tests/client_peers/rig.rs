//! Programs that serve, started for a test and ended with it.

use std::fs;
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// A program that serves, with a folder of its own; both go when this goes.
pub struct Peer {
    process: Child,
    pub folder: PathBuf,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A folder that nobody else has.
pub fn folder() -> PathBuf {
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("fate-web-{}-{number}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A port that was free just now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Peer {
    /// Starts a program, and waits until it answers on this port. Nothing if it is not installed, which is said.
    pub fn start(program: &str, arguments: &[&str], folder: &Path, port: u16) -> Option<Peer> {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // Where Debian has its servers, which are not on everybody's path.
        let path = format!("{}:/usr/sbin:/usr/local/sbin", std::env::var("PATH").unwrap_or_default());
        let process = match command.env("PATH", path).spawn() {
            Ok(process) => process,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                eprintln!("skipped: {program} is not installed");
                fs::remove_dir_all(folder).unwrap();
                return None;
            }
            Err(error) => panic!("{program}: {error}"),
        };
        let mut peer = Peer { process, folder: folder.to_owned() };
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(peer.process.try_wait().unwrap().is_none(), "{program} has ended by itself");
            thread::sleep(Duration::from_millis(10));
        }
        Some(peer)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It can only fail for one that has ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
