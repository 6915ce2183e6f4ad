//! A protocol that keeps a record, and is steered from outside: what contract tests of connections look at.

use fate::{Fate, Protocol, Reason, TcpStream, Transport};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

/// What happened to a connection, word by word.
#[derive(Clone, Default)]
pub struct Record(Rc<RefCell<Kept>>);

#[derive(Default)]
struct Kept {
    words: Vec<String>,
    bytes: Vec<u8>,
    transport: Option<Transport>,
    act: Option<Act>,
}

type Act = Box<dyn FnMut(&str, &Transport, &[u8])>;

impl Record {
    /// Has `act` called with each word, after it was noted.
    pub fn on_each(&self, act: impl FnMut(&str, &Transport, &[u8]) + 'static) {
        self.0.borrow_mut().act = Some(Box::new(act));
    }

    /// What happened so far, without the bytes: `made data eof lost: closed`.
    pub fn words(&self) -> Vec<String> {
        self.0.borrow().words.clone()
    }

    /// How often a word was noted that begins like this.
    pub fn count(&self, word: &str) -> usize {
        self.0.borrow().words.iter().filter(|noted| noted.starts_with(word)).count()
    }

    /// All bytes that came in.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.borrow().bytes.clone()
    }

    /// How many bytes came in.
    pub fn received(&self) -> usize {
        self.0.borrow().bytes.len()
    }

    /// The connection.
    ///
    /// # Panics
    /// Before it was made.
    pub fn transport(&self) -> Transport {
        self.0.borrow().transport.clone().expect("the connection was made")
    }

    /// Whether there was a connection.
    pub fn is_made(&self) -> bool {
        self.0.borrow().transport.is_some()
    }

    fn note(&self, word: String, transport: &Transport, bytes: &[u8]) {
        let act = {
            let mut kept = self.0.borrow_mut();
            kept.transport = Some(transport.clone());
            kept.bytes.extend_from_slice(bytes);
            // Pieces have nothing to do with how they were sent, so they count as one.
            if word != "data" || kept.words.last().is_none_or(|last| last != "data") {
                kept.words.push(word.clone());
            }
            kept.act.take()
        };
        if let Some(mut act) = act {
            act(&word, transport, bytes);
            self.0.borrow_mut().act.get_or_insert(act);
        }
    }

    /// Waits until a word was noted that begins like this.
    pub async fn wait_for(&self, fate: &Fate, word: &str) {
        while self.count(word) == 0 {
            fate.sleep(std::time::Duration::from_micros(200)).await;
        }
    }
}

/// The protocol that keeps a [`Record`].
pub struct Recorder {
    record: Record,
    /// Whether the other side's end is left for the test to answer.
    stays_open: bool,
}

impl Recorder {
    /// One that closes when the other side does.
    pub fn new(record: &Record) -> Recorder {
        Recorder { record: record.clone(), stays_open: false }
    }

    /// One that stays half open when the other side has finished.
    pub fn half_open(record: &Record) -> Recorder {
        Recorder { record: record.clone(), stays_open: true }
    }
}

impl Protocol for Recorder {
    fn connection_made(&mut self, transport: &Transport) {
        self.record.note("made".into(), transport, &[]);
    }

    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        assert!(!data.is_empty(), "data is never none");
        self.record.note("data".into(), transport, data);
    }

    fn eof_received(&mut self, transport: &Transport) {
        self.record.note("eof".into(), transport, &[]);
        if !self.stays_open {
            transport.lose_connection();
        }
    }

    fn peer_closed(&mut self, transport: &Transport) {
        self.record.note("peer closed".into(), transport, &[]);
    }

    fn pause_writing(&mut self, transport: &Transport) {
        self.record.note("pause".into(), transport, &[]);
    }

    fn resume_writing(&mut self, transport: &Transport) {
        self.record.note("resume".into(), transport, &[]);
    }

    fn connection_lost(&mut self, transport: &Transport, reason: Reason) {
        self.record.note(format!("lost: {reason}"), transport, &[]);
        let kept = { std::mem::take(&mut self.record.0.borrow_mut().transport) };
        drop(kept);
    }
}

/// A server that keeps this record of its one connection, and a stream to it.
pub async fn recorded(fate: &Fate, record: &Record) -> TcpStream {
    let (listener, record) = (listening(fate), record.clone());
    let address = listener.local_addr();
    listener.serve(move |_| Recorder::new(&record));
    connected(fate, address).await
}

/// A listener on this machine, at a port that is free.
pub fn listening(fate: &Fate) -> fate::TcpListener {
    fate.listen_tcp("127.0.0.1:0").expect("loopback can be listened on")
}

/// A connection to an address.
pub async fn connected(fate: &Fate, address: SocketAddr) -> TcpStream {
    fate.connect_tcp(&address.to_string()).await.expect("somebody listens")
}
