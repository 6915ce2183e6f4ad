//! A driver driven by hand.

use fate_core::{Clock, Completion, Driver, Event, Instant, Interest, Key, Op, Outgoing, Socket, Until};
use fate_poll::PollDriver;
use std::collections::VecDeque;
use std::io::{self, Write, pipe};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Long enough never to be reached by a test that passes.
pub const LONG: Duration = Duration::from_secs(60);

/// A driver with an outbox, and keys for its operations.
#[derive(Default)]
pub struct Rig {
    pub driver: PollDriver,
    outbox: Vec<Op>,
    operations: u32,
    /// Sockets of this side, which are closed when the test is over.
    open: Vec<Socket>,
}

impl Rig {
    pub fn watch(&mut self, descriptor: &impl AsRawFd, interest: Interest) -> Key {
        let descriptor = descriptor.as_raw_fd();
        self.submit(|key| Op::Watch { key, descriptor, interest })
    }

    pub fn submit(&mut self, op: impl FnOnce(Key) -> Op) -> Key {
        let key = Key { index: self.operations, generation: 7 };
        self.operations += 1;
        self.outbox.push(op(key));
        key
    }

    pub fn watch_socket(&mut self, socket: Socket, interest: Interest) -> Key {
        self.submit(|key| Op::Watch { key, descriptor: socket.0, interest })
    }

    pub fn accept(&mut self, listener: Socket) -> Key {
        self.submit(|key| Op::Accept { key, listener })
    }

    pub fn receive(&mut self, socket: Socket) -> Key {
        self.submit(|key| Op::Receive { key, socket })
    }

    pub fn send(&mut self, socket: Socket, bytes: &[u8], is_awaited: bool) -> Key {
        let mut outgoing = Outgoing::default();
        outgoing.push(bytes);
        self.send_all(socket, outgoing, is_awaited)
    }

    pub fn send_all(&mut self, socket: Socket, outgoing: Outgoing, is_awaited: bool) -> Key {
        self.submit(|key| Op::Send { key, socket, outgoing, is_awaited })
    }

    pub fn close(&mut self, socket: Socket, is_abort: bool) {
        self.open.retain(|open| *open != socket);
        self.outbox.push(Op::Close { socket, is_abort });
    }

    /// Takes a socket over; it is closed when the test is over.
    pub fn adopt(&mut self, descriptor: impl Into<OwnedFd>) -> Socket {
        let socket = self.driver.network().adopt(descriptor.into()).unwrap();
        self.keep(socket)
    }

    pub fn keep(&mut self, socket: Socket) -> Socket {
        self.open.push(socket);
        socket
    }

    /// Hands a socket back.
    pub fn release(&mut self, socket: Socket) -> OwnedFd {
        self.open.retain(|open| *open != socket);
        self.driver.network().release(socket).unwrap()
    }

    pub fn listener(&mut self) -> (Socket, std::net::SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        (self.adopt(listener), address)
    }

    /// A TCP connection: this side, and the other.
    pub fn tcp(&mut self) -> (Socket, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let there = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        there.set_nodelay(true).unwrap();
        (self.adopt(listener.accept().unwrap().0), there)
    }

    /// A pair of Unix sockets: this side, and the other.
    pub fn unix(&mut self) -> (Socket, UnixStream) {
        let (here, there) = UnixStream::pair().unwrap();
        (self.adopt(here), there)
    }

    pub fn cancel(&mut self, key: Key) {
        self.outbox.push(Op::Cancel { key });
    }

    pub fn exchange(&mut self, until: &Until) -> Vec<Completion> {
        let mut inbox = VecDeque::new();
        self.driver.exchange(&mut self.outbox, &mut inbox, until).unwrap();
        assert!(self.outbox.is_empty());
        inbox.into()
    }

    /// An exchange that does not wait.
    pub fn look(&mut self) -> Vec<Completion> {
        self.exchange(&Until::NOW)
    }

    /// An exchange that waits for something to happen.
    pub fn wait(&mut self) -> Vec<Completion> {
        let until = self.within(Clock::Monotonic, LONG);
        let inbox = self.exchange(&until);
        assert!(self.now(Clock::Monotonic) < until.on(Clock::Monotonic), "nothing has ended the wait: {inbox:?}");
        inbox
    }

    /// An exchange that does not wait: whose operations completed.
    pub fn told(&mut self) -> Vec<Key> {
        self.look().into_iter().map(|completion| completion.key).collect()
    }

    /// The one completion of an exchange that waits for it.
    pub fn one(&mut self) -> Completion {
        let mut inbox = self.wait();
        assert_eq!(inbox.len(), 1, "{inbox:?}");
        inbox.remove(0)
    }

    /// The one completion of an exchange that waits for it, and whose it is.
    pub fn one_of(&mut self, key: Key) -> Event {
        let told = self.one();
        assert_eq!(told.key, key, "{:?}", told.event);
        told.event
    }

    /// Receives under this key until there is so much, and no more.
    pub fn take(&mut self, key: Key, length: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < length {
            for event in self.events_of(key) {
                let Event::Received(buffer) = event else { panic!("{event:?} after {} bytes", bytes.len()) };
                bytes.extend_from_slice(&buffer);
            }
        }
        bytes
    }

    /// Receives under this key to the end, and says how that came.
    pub fn take_end(&mut self, key: Key) -> (Vec<u8>, io::Result<()>) {
        let mut bytes = Vec::new();
        loop {
            for event in self.events_of(key) {
                match event {
                    Event::Received(buffer) => bytes.extend_from_slice(&buffer),
                    Event::Ended => return (bytes, Ok(())),
                    Event::Failed(error) => return (bytes, Err(error)),
                    event => panic!("{event:?}"),
                }
            }
        }
    }

    /// What an exchange tells that waits for something, all of it under this key.
    fn events_of(&mut self, key: Key) -> Vec<Event> {
        let inbox = self.wait();
        assert!(inbox.iter().all(|told| told.key == key), "{inbox:?}");
        inbox.into_iter().map(|told| told.event).collect()
    }

    /// Has an exchange wait for a moment in which nothing happens; says what was told of by the way.
    pub fn idle(&mut self) -> Vec<Completion> {
        let until = self.within(Clock::Monotonic, Duration::from_millis(1));
        let inbox = self.exchange(&until);
        assert!(self.now(Clock::Monotonic) >= until.on(Clock::Monotonic), "something has ended the wait: {inbox:?}");
        inbox
    }

    /// The one completion of an exchange, which is a refusal: whose, and the error's number.
    pub fn refusal(&mut self) -> (Key, Option<i32>) {
        let Completion { key, event: Event::Failed(error) } = self.one() else { panic!("it was not refused") };
        (key, error.raw_os_error())
    }

    pub fn now(&self, clock: Clock) -> Instant {
        self.driver.time().now(clock)
    }

    /// Begins to wait until then, which a readable pipe ends.
    pub fn begin_to_wait(&mut self, until: &Until) {
        let (reader, mut writer) = pipe().unwrap();
        writer.write_all(b"x").unwrap();
        let key = self.watch(&reader, Interest::Read);
        let inbox = self.exchange(until);
        assert!(matches!(&inbox[..], [told] if told.key == key), "{inbox:?}");
    }

    pub fn within(&self, clock: Clock, delay: Duration) -> Until {
        let mut until = Until::FOREVER;
        until.at_most(clock, self.now(clock) + delay);
        until
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.outbox.clear();
        for socket in std::mem::take(&mut self.open) {
            self.close(socket, false);
        }
        let _ = self.driver.exchange(&mut self.outbox, &mut VecDeque::new(), &Until::NOW);
    }
}
