//! N7: names looked up by `hickory-resolver`, of a server in this very file.
#![cfg(feature = "hickory")]

mod log;

use fate::{Failure, Fate, Hickory};
use fate_sim::World;
use log::Log;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

const A: u16 = 1;
const AAAA: u16 = 28;

/// What a server says to a question.
enum Answer {
    Records(Vec<u8>),
    NoSuchName,
    Silence,
}

/// A server of names that knows a few.
struct Server {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Server {
    fn start() -> Server {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (address, asked) = (socket.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let counter = asked.clone();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let (length @ 1.., from) = socket.recv_from(&mut buffer).unwrap() {
                counter.fetch_add(1, Ordering::SeqCst);
                if let Some(reply) = reply(&buffer[..length]) {
                    socket.send_to(&reply, from).unwrap();
                }
            }
        });
        Server { address, asked }
    }

    fn hickory(&self) -> Hickory {
        Hickory::asking(&[self.address]).patience(Duration::from_secs(1), 0)
    }

    fn fate(&self) -> Fate {
        let hickory = self.hickory();
        let settings = Fate::builder().look_up_with(move |name, port| hickory.look_up(name, port));
        settings.build_on(Box::new(World::new(1).host("here")))
    }
}

/// An empty packet ends it.
impl Drop for Server {
    fn drop(&mut self) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(&[], self.address).unwrap();
    }
}

/// RFC 1035, section 4: a header of twelve bytes, the question again, and the answers.
fn reply(query: &[u8]) -> Option<Vec<u8>> {
    let (name, end) = question(query);
    let kind = u16::from_be_bytes([query[end], query[end + 1]]);
    let (code, records) = match answer(&name, kind) {
        Answer::Records(records) => (0, records),
        Answer::NoSuchName => (3, Vec::new()),
        Answer::Silence => return None,
    };
    let count = u8::from(!records.is_empty());
    let mut reply = [&query[..2], &[0x81, 0x80 | code, 0, 1, 0, count, 0, 0, 0, 0]].concat();
    reply.extend(&query[12..end + 4]);
    reply.extend(records);
    Some(reply)
}

/// The name that is asked for, and where it ends.
fn question(query: &[u8]) -> (String, usize) {
    let (mut name, mut at) = (String::new(), 12);
    while query[at] != 0 {
        let label = &query[at + 1..=at + usize::from(query[at])];
        name += &String::from_utf8_lossy(label);
        name.push('.');
        at += 1 + label.len();
    }
    (name, at + 1)
}

fn answer(name: &str, kind: u16) -> Answer {
    match (name, kind) {
        ("both.test.", A) | ("four.test.", A) => Answer::Records(record(A, &Ipv4Addr::new(10, 0, 0, 1).octets())),
        ("both.test.", AAAA) => Answer::Records(record(AAAA, &Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1).octets())),
        ("both.test." | "four.test." | "none.test.", _) => Answer::Records(Vec::new()),
        ("silent.test.", _) => Answer::Silence,
        _ => Answer::NoSuchName,
    }
}

/// A record of the name at the twelfth byte, good for an hour.
fn record(kind: u16, data: &[u8]) -> Vec<u8> {
    let [high, low] = kind.to_be_bytes();
    [&[0xc0, 12, high, low, 0, 1, 0, 0, 14, 16, 0, data.len() as u8], data].concat()
}

fn words(found: Result<Vec<SocketAddr>, Failure>) -> String {
    match found {
        Ok(addresses) => addresses.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(" "),
        Err(failure) => format!("{:?}", failure.trap::<io::Error>().unwrap().kind()),
    }
}

/// N7: both versions, and what the loop is told if there is nothing to tell.
#[test]
fn a_name_has_its_addresses_of_both_versions_or_an_error_that_says_which() {
    let (server, log) = (Server::start(), Log::default());
    let fate = server.fate();
    for name in ["both.test", "four.test", "none.test", "nobody.test", "silent.test"] {
        let log = log.clone();
        fate.resolve(name, 80).add_both(move |found| log.note(format!("{name}: {}", words(found))));
    }
    fate.run().unwrap();
    let mut told = log.take();
    told.sort();
    let expected = [
        "both.test: [fd00::1]:80 10.0.0.1:80",
        "four.test: 10.0.0.1:80",
        "nobody.test: NotFound",
        "none.test: NotFound",
        "silent.test: TimedOut",
    ];
    assert_eq!(told, expected);
}

/// N7: one that is known is not asked for again, whatever the port and whoever asks.
#[test]
fn an_answer_is_remembered_for_as_long_as_it_is_good() {
    let server = Server::start();
    let hickory = server.hickory();
    let (first, second) = (hickory.look_up("both.test", 80).unwrap(), hickory.clone());
    let asked = server.asked.load(Ordering::SeqCst);
    assert_eq!(asked, 2);
    let again = thread::spawn(move || second.look_up("both.test", 81).unwrap()).join().unwrap();
    assert_eq!(
        first.iter().map(SocketAddr::ip).collect::<Vec<_>>(),
        again.iter().map(SocketAddr::ip).collect::<Vec<_>>()
    );
    assert!(again.iter().all(|address| address.port() == 81));
    assert_eq!(server.asked.load(Ordering::SeqCst), asked);
}

/// N7: many threads at once share one runtime, and those that are answered do not wait for those that are not.
#[test]
fn many_look_ups_at_once_each_get_their_own_answer() {
    let server = Server::start();
    let hickory = server.hickory();
    let look_up = |number: usize| {
        let (hickory, name) = (hickory.clone(), ["both.test", "nobody.test", "silent.test", "four.test"][number % 4]);
        (name, thread::spawn(move || hickory.look_up(name, 80).map_err(|error| error.kind()).map(|found| found.len())))
    };
    for (name, thread) in (0..64).map(look_up).collect::<Vec<_>>() {
        let expected = match name {
            "both.test" => Ok(2),
            "four.test" => Ok(1),
            "nobody.test" => Err(ErrorKind::NotFound),
            _ => Err(ErrorKind::TimedOut),
        };
        assert_eq!(thread.join().unwrap(), expected, "{name}");
    }
}

/// E4: what is no name is an error.
#[test]
fn a_text_that_is_no_name_is_an_error() {
    let hickory = Server::start().hickory();
    let long = "long".repeat(100);
    for text in ["", "a..b", &long] {
        assert!(hickory.look_up(text, 80).is_err(), "{text}");
    }
}
