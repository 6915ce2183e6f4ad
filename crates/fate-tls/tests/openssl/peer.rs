//! OpenSSL's programs, and the files that they want.

use crate::authority::{Authority, Identity};
use fate::{DriverChoice, Fate};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{env, fs, process, thread};

/// Runs a test on each driver of the system, unless OpenSSL is not installed.
pub fn with_openssl(test: impl AsyncFn(Fate, Folder)) {
    if Command::new("openssl").arg("version").output().is_err() {
        return eprintln!("skipped: there is no openssl here");
    }
    for choice in [DriverChoice::Poll, DriverChoice::Best] {
        let fate = Fate::builder().driver(choice).build().unwrap();
        let in_time = async {
            test(fate.clone(), Folder::new()).await;
            true
        };
        let too_late = async {
            fate.sleep(Duration::from_secs(30)).await;
            false
        };
        assert!(fate.run_until(futures_lite::future::or(in_time, too_late)), "OpenSSL does not answer");
    }
}

/// Files for as long as a test takes: an authority, and what it has vouched for.
pub struct Folder {
    pub path: PathBuf,
    pub authority: Authority,
}

impl Folder {
    pub fn new() -> Folder {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("fate-tls-{}-{number}", process::id()));
        fs::create_dir_all(&path).unwrap();
        let folder =
            Folder { path, authority: Authority::with_keys("the Queen of Hearts", &rcgen::PKCS_ECDSA_P256_SHA256) };
        folder.write("authority.pem", &folder.authority.pem);
        folder
    }

    /// A certificate and its key, in the files `NAME.pem` and `NAME.key`.
    pub fn identity(&self, name: &str) -> Identity {
        let identity = self.authority.vouch(&[name]);
        self.write(&format!("{name}.pem"), &identity.chain);
        self.write(&format!("{name}.key"), &identity.key);
        identity
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path.join(name), text).unwrap();
    }

    fn openssl(&self, words: &str) -> Command {
        let mut command = Command::new("openssl");
        command.args(words.split_whitespace()).current_dir(&self.path).stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(Stdio::piped());
        command
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// A running `openssl s_server`, on a port that it chose. Its input stays open: it would end with it.
pub struct Server {
    child: Child,
    pub port: u16,
}

impl Server {
    pub fn start(folder: &Folder, words: &str) -> Server {
        let words = format!("s_server -accept 127.0.0.1:0 -cert server.pem -key server.key {words}");
        let mut child = folder.openssl(&words).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.by_ref().find_map(|line| {
            let line = line.expect("it says where it listens");
            line.strip_prefix("ACCEPT ")?.rsplit_once(':')?.1.trim().parse().ok()
        });
        // What it says further on is not to hold it up.
        thread::spawn(move || lines.for_each(drop));
        Server { child, port: port.expect("it says where it listens") }
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs `openssl s_client` to its end, which comes when the server closes. Gives all that it said.
pub async fn run_client(fate: &Fate, folder: &Folder, address: SocketAddr, words: &str, input: &str) -> String {
    let words = format!("s_client -connect {address} -ign_eof -CAfile authority.pem -servername server {words}");
    let mut child = folder.openssl(&words).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_string();
    let output = fate.defer_to_thread(move || {
        // It may have been refused, and be gone.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let (mut said, mut stderr) = (String::new(), String::new());
        child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        child.wait().unwrap();
        said + &stderr
    });
    output.await.unwrap()
}
