//! A small Redis: a protocol that others have made, good enough for `redis-cli` and `redis-benchmark`.
//!
//! A request is either a line of words, as one would type it, or it says how many words there are and how long each is:
//! `*2\r\n$3\r\nGET\r\n$6\r\nraven1\r\n`. So bytes can be told apart in a way that is neither of lines nor of lengths, and this
//! program says how: [`Requests`] is a [`Framing`] of its own. The rest, the pieces in which bytes come, pausing and closing, is
//! [`Framed`]'s.
//!
//! Clients may send many requests without waiting for the answers. All that came in one piece are answered in one turn, and the
//! answers leave together at its end.
//!
//! `cargo run --release --example tiny_redis` prints an address and serves until Ctrl-C; give it another if you like. From
//! another terminal:
//! ```console
//! $ redis-cli -p 40001 set raven writing-desk
//! OK
//! $ redis-cli -p 40001 get raven
//! "writing-desk"
//! $ redis-benchmark -p 40001 -t ping,set,get -q -P 16
//! ```
//!
//! See <https://redis.io/docs/latest/develop/reference/protocol-spec/>.

use fate::Fate;
use fate::framing::{Envelope, Found, FrameError, FrameProtocol, FrameTransport, Framed, Framing, Lines};
use std::{cell::RefCell, collections::HashMap, env, io, net::SocketAddr, rc::Rc};

/// The longest request, and the longest line.
const LONGEST: usize = 1 << 20;
const LINES: Lines = Lines::new(1000);

/// How requests are told apart.
struct Requests;

impl Framing for Requests {
    fn find(&self, bytes: &[u8], seen: usize) -> Result<Option<Found>, FrameError> {
        if bytes.first().is_some_and(|first| *first != b'*') {
            return LINES.find(bytes, seen);
        }
        match rest_after(bytes)? {
            Some(rest) => Ok(Some(Found { frame: 0..bytes.len() - rest.len(), length: bytes.len() - rest.len() })),
            None if bytes.len() >= LONGEST => Err(FrameError::TooLong { limit: LONGEST }),
            None => Ok(None),
        }
    }

    fn longest(&self) -> usize {
        LONGEST
    }

    fn envelope(&self, _: &[u8]) -> Result<Envelope<'_>, FrameError> {
        Ok(Envelope::default())
    }
}

/// What comes after a request, if it has come to its end.
fn rest_after(bytes: &[u8]) -> Result<Option<&[u8]>, FrameError> {
    let Some((count, mut rest)) = number(b'*', bytes)? else { return Ok(None) };
    for _ in 0..count {
        let Some((_, after)) = word(rest)? else { return Ok(None) };
        rest = after;
    }
    Ok(Some(rest))
}

/// What bytes begin with, and what comes after it; nothing if it has not come to its end.
type Parsed<'a, T> = Result<Option<(T, &'a [u8])>, FrameError>;

/// A word: `$3\r\nGET\r\n`.
fn word(bytes: &[u8]) -> Parsed<'_, &[u8]> {
    let Some((length, rest)) = number(b'$', bytes)? else { return Ok(None) };
    let Some((word, after)) = rest.split_at_checked(length) else { return Ok(None) };
    match after.split_at_checked(2) {
        Some((b"\r\n", after)) => Ok(Some((word, after))),
        Some(_) => Err(FrameError::Malformed("a word of another length")),
        None => Ok(None),
    }
}

/// A number: `$3\r\n`.
fn number(sign: u8, bytes: &[u8]) -> Parsed<'_, usize> {
    let Some(found) = Lines::new(8).find(bytes, 0)? else { return Ok(None) };
    let (line, rest) = (&bytes[found.frame], &bytes[found.length..]);
    let digits = line.strip_prefix(&[sign]).and_then(|digits| std::str::from_utf8(digits).ok());
    match digits.and_then(|digits| digits.parse().ok()) {
        Some(number) if number <= LONGEST => Ok(Some((number, rest))),
        Some(_) => Err(FrameError::TooLong { limit: LONGEST }),
        None => Err(FrameError::Malformed("a number was expected")),
    }
}

/// The words of a whole request.
fn words(request: &[u8]) -> Vec<&[u8]> {
    let Ok(Some((_, mut rest))) = number(b'*', request) else {
        return request.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
    };
    let mut words = Vec::new();
    while let Ok(Some((word, after))) = word(rest) {
        words.push(word);
        rest = after;
    }
    words
}

/// What is stored, by whichever client. There is one thread, so there is nothing to lock.
type Store = Rc<RefCell<HashMap<Vec<u8>, Vec<u8>>>>;

struct Client {
    store: Store,
    /// The answer that is being written: here, so that its memory is used again.
    answer: Vec<u8>,
}

impl FrameProtocol for Client {
    fn frame_received(&mut self, transport: &FrameTransport<'_>, request: &[u8]) {
        if let [command, arguments @ ..] = &words(request)[..] {
            self.answer.clear();
            self.carry_out(&command.to_ascii_uppercase(), arguments);
            transport.write(&self.answer);
        }
    }

    fn frame_refused(&mut self, transport: &FrameTransport<'_>, error: FrameError) {
        transport.write(format!("-ERR Protocol error: {error}\r\n").as_bytes());
        transport.lose_connection();
    }
}

impl Client {
    fn carry_out(&mut self, command: &[u8], arguments: &[&[u8]]) {
        let store = self.store.clone();
        let mut store = store.borrow_mut();
        match (command, arguments) {
            (b"PING", []) => self.answer(b"+PONG"),
            (b"PING" | b"ECHO", [text]) => self.answer_bytes(text),
            (b"SET", [key, value]) => {
                store.insert(key.to_vec(), value.to_vec());
                self.answer(b"+OK");
            }
            (b"GET", [key]) => match store.get(*key) {
                Some(value) => self.answer_bytes(value),
                None => self.answer(b"$-1"),
            },
            (b"DEL", [_, ..]) => {
                let deleted = arguments.iter().filter(|key| store.remove(**key).is_some()).count();
                self.answer(format!(":{deleted}").as_bytes());
            }
            (b"INCR", [key]) => match increased(store.get(*key)) {
                Some(number) => {
                    store.insert(key.to_vec(), number.to_string().into_bytes());
                    self.answer(format!(":{number}").as_bytes());
                }
                None => self.answer(b"-ERR value is not an integer or out of range"),
            },
            // What clients ask when they come: which commands there are, and how the server is set up.
            (b"COMMAND", _) => self.answer(b"*0"),
            (b"CONFIG", [verb, name]) if verb.eq_ignore_ascii_case(b"GET") => {
                self.answer(b"*2");
                self.answer_bytes(name);
                self.answer_bytes(b"");
            }
            _ => self.answer(b"-ERR unknown command, or a wrong number of arguments"),
        }
    }

    fn answer(&mut self, line: &[u8]) {
        self.answer.extend_from_slice(line);
        self.answer.extend_from_slice(b"\r\n");
    }

    fn answer_bytes(&mut self, bytes: &[u8]) {
        self.answer(format!("${}", bytes.len()).as_bytes());
        self.answer(bytes);
    }
}

/// One more than what is stored; what is not stored counts as zero.
fn increased(value: Option<&Vec<u8>>) -> Option<i64> {
    let number: i64 = value.map_or(Some(0), |value| std::str::from_utf8(value).ok()?.parse().ok())?;
    number.checked_add(1)
}

/// Begins to serve. Gives the address.
pub fn set_up(fate: &Fate, address: &str) -> io::Result<SocketAddr> {
    let listener = fate.listen_tcp(address)?;
    let address = listener.local_addr();
    let store = Store::default();
    listener.serve(move |_peer| Framed::new(Requests, Client { store: store.clone(), answer: Vec::new() }));
    Ok(address)
}

fn main() -> fate::Result {
    let fate = Fate::new()?;
    // Port 0 means any that is free.
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".into());
    println!("listening on {}", set_up(&fate, &address)?);
    fate.run()
}
