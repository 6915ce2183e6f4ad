//! N8: sockets that were opened for this process by whoever started it. Each test is a process of its own, for a process is
//! given them once, by number, and is told so by its environment.

use fate::Fate;
use std::env;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::process::{Command, Output, Stdio};

/// Set in the process that plays the daemon.
const DAEMON: &str = "FATE_CONFORMANCE_DAEMON";

/// What a daemon is started with: descriptors 3 and 4, and these words for its environment.
fn start(test: &str, words: &str, first: OwnedFd, second: OwnedFd) -> Output {
    // The shell puts them where they belong, and stays the same process when it becomes the daemon.
    let script = format!("exec 3<&0 4<&1 0</dev/null 1>&2; {words} exec \"$0\" --exact {test} --nocapture");
    let mut daemon = Command::new("sh");
    daemon.args(["-c", &script]).arg(env::current_exe().unwrap()).env(DAEMON, "1");
    daemon.stdin(Stdio::from(first)).stdout(Stdio::from(second)).stderr(Stdio::piped());
    daemon.output().unwrap()
}

fn is_daemon() -> bool {
    env::var_os(DAEMON).is_some()
}

#[track_caller]
fn assert_went_well(output: &Output) {
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && words.contains("1 passed"), "{words}");
}

fn sockets() -> (TcpListener, UdpSocket) {
    (TcpListener::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap())
}

/// N8: once, by name, closed on exec, and ready to be used.
#[test]
fn a_daemon_is_given_the_sockets_that_were_opened_for_it() {
    if is_daemon() {
        return serve();
    }
    let (listener, socket) = sockets();
    let (address, target) = (listener.local_addr().unwrap(), socket.local_addr().unwrap());
    let client = std::thread::spawn(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        let mut words = String::new();
        stream.read_to_string(&mut words).unwrap();
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(words.as_bytes(), target).unwrap();
    });
    let words = "LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=web:log";
    let name = "a_daemon_is_given_the_sockets_that_were_opened_for_it";
    assert_went_well(&start(name, words, listener.into(), socket.into()));
    client.join().unwrap();
}

fn serve() {
    let mut given = fate::activation().unwrap();
    assert_eq!(given.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["web", "log"]);
    assert!(fate::activation().unwrap().is_empty(), "once");
    #[cfg(target_os = "linux")]
    given.iter().for_each(|one| assert_closed_on_exec(&one.descriptor));
    let fate = Fate::new().unwrap();
    let log = fate.adopt_udp(given.pop().unwrap().descriptor).unwrap();
    let web = fate.adopt_tcp_listener(given.pop().unwrap().descriptor).unwrap();
    fate.run_until(async {
        let (mut stream, _) = web.accept().await.unwrap();
        futures_lite::io::AsyncWriteExt::write_all(&mut stream, b"down the rabbit hole").await.unwrap();
        drop(stream);
        assert_eq!(log.receive().await.unwrap().data, "down the rabbit hole");
    });
}

/// A program that is executed does not have it.
#[cfg(target_os = "linux")]
fn assert_closed_on_exec(descriptor: &OwnedFd) {
    use std::os::fd::AsRawFd;
    let own = std::fs::read_link(format!("/proc/self/fd/{}", descriptor.as_raw_fd())).unwrap();
    let inherited = Command::new("ls").args(["-l", "/proc/self/fd"]).output().unwrap();
    assert!(inherited.status.success());
    let inherited = String::from_utf8_lossy(&inherited.stdout);
    assert!(!inherited.contains(own.to_str().unwrap()), "{inherited}");
}

/// N8: and has nothing of them.
#[test]
fn a_daemon_is_not_given_what_was_opened_for_another() {
    if is_daemon() {
        return assert!(fate::activation().unwrap().is_empty());
    }
    let (listener, socket) = sockets();
    let words = "LISTEN_PID=1 LISTEN_FDS=2";
    let name = "a_daemon_is_not_given_what_was_opened_for_another";
    assert_went_well(&start(name, words, listener.into(), socket.into()));
}

/// E4, N8: and what is there is left alone.
#[test]
fn a_descriptor_that_is_not_open_is_an_error_value() {
    if is_daemon() {
        let error = fate::activation().unwrap_err();
        assert!(!error.is_malformed(), "{error}");
        assert!(std::error::Error::source(&error).is_some());
        return assert!(fate::activation().is_err(), "nothing was taken");
    }
    let (listener, socket) = sockets();
    let words = "LISTEN_PID=$$ LISTEN_FDS=4 5<&- 6<&-";
    assert_went_well(&start("a_descriptor_that_is_not_open_is_an_error_value", words, listener.into(), socket.into()));
}

/// E4, N8.
#[test]
fn a_variable_that_says_nonsense_is_an_error_value() {
    if is_daemon() {
        return assert!(fate::activation().unwrap_err().is_malformed());
    }
    for words in ["LISTEN_PID=me", "LISTEN_PID=$$ LISTEN_FDS=two", "LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=web"] {
        let (listener, socket) = sockets();
        let name = "a_variable_that_says_nonsense_is_an_error_value";
        assert_went_well(&start(name, words, listener.into(), socket.into()));
    }
}

/// N8: nobody has to be started so.
#[test]
fn a_program_that_was_started_by_hand_is_given_nothing() {
    if !is_daemon() {
        assert!(fate::activation().unwrap().is_empty());
        std::io::stderr().flush().unwrap();
    }
}
