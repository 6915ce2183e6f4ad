//! Hosts without machines: a test submits operations itself, and looks at what comes back.

use fate_core::{
    Address, Completion, Driver, Event, Family, Interest, Key, Network, Op, Outgoing, Readiness, Setting, Socket,
    SocketKind, UnixName, Until,
};
use fate_sim::{HostNumber, SimDriver, World};
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::time::Duration;

pub const MICROSECOND: Duration = Duration::from_micros(1);
pub const MILLISECOND: Duration = Duration::from_millis(1);
pub const SECOND: Duration = Duration::from_secs(1);

/// A host, and what came back from its kernel.
pub struct Host {
    driver: SimDriver,
    pub world: World,
    pub network: Rc<dyn Network>,
    told: VecDeque<Completion>,
    keys: u32,
}

/// A world with these hosts.
pub fn hosts<const N: usize>(names: [&str; N]) -> [Host; N] {
    let world = World::new(7);
    names.map(|name| Host::new(&world, name))
}

/// Two hosts that are ten milliseconds apart.
pub fn pair() -> [Host; 2] {
    let pair = hosts(["alice", "bob"]);
    pair[0].world.set_latency(pair[0].link(&pair[1]), &(MILLISECOND * 10..MILLISECOND * 10));
    pair
}

impl Host {
    pub fn new(world: &World, name: &str) -> Host {
        let driver = world.host(name);
        let network = driver.network();
        Host { driver, world: world.clone(), network, told: VecDeque::new(), keys: 0 }
    }

    pub fn number(&self) -> HostNumber {
        self.driver.host()
    }

    pub fn link(&self, other: &Host) -> u32 {
        self.world.link(self.number(), other.number())
    }

    /// A key that nobody has.
    pub fn key(&mut self) -> Key {
        self.keys += 1;
        Key { index: self.keys, generation: 0 }
    }

    /// Hands operations over, and takes what there is to tell.
    pub fn exchange(&mut self, ops: impl IntoIterator<Item = Op>) {
        let mut outbox: Vec<Op> = ops.into_iter().collect();
        self.driver.exchange(&mut outbox, &mut self.told, &Until::NOW).unwrap();
    }

    /// Hands operations over and waits. Says how much is told.
    pub fn exchange_until(&mut self, ops: impl IntoIterator<Item = Op>, until: &Until) -> usize {
        let mut outbox: Vec<Op> = ops.into_iter().collect();
        let mut inbox = VecDeque::new();
        self.driver.exchange(&mut outbox, &mut inbox, until).unwrap();
        inbox.len()
    }

    /// Submits an operation.
    pub fn submit(&mut self, op: impl FnOnce(Key) -> Op) -> Key {
        let key = self.key();
        self.exchange([op(key)]);
        key
    }

    pub fn watch(&mut self, socket: Socket, interest: Interest) -> Key {
        self.submit(|key| Op::Watch { key, descriptor: socket.0, interest })
    }

    pub fn accept(&mut self, listener: Socket) -> Key {
        self.submit(|key| Op::Accept { key, listener })
    }

    pub fn receive(&mut self, socket: Socket) -> Key {
        self.submit(|key| Op::Receive { key, socket })
    }

    pub fn send(&mut self, socket: Socket, bytes: &[u8]) -> Key {
        let outgoing = outgoing(bytes);
        self.submit(|key| Op::Send { key, socket, outgoing, is_awaited: true })
    }

    pub fn close(&mut self, socket: Socket) {
        self.exchange([Op::Close { socket, is_abort: false }]);
    }

    pub fn abort(&mut self, socket: Socket) {
        self.exchange([Op::Close { socket, is_abort: true }]);
    }

    pub fn cancel(&mut self, key: Key) {
        self.exchange([Op::Cancel { key }]);
    }

    /// All that was told since it was asked last, in order.
    pub fn told(&mut self) -> Vec<Completion> {
        self.exchange([]);
        self.told.drain(..).collect()
    }

    /// What was told of one operation since it was asked last; the rest waits.
    pub fn news(&mut self, key: Key) -> Vec<Event> {
        let (news, rest) = self.told().into_iter().partition::<Vec<_>, _>(|completion| completion.key == key);
        self.told.extend(rest);
        news.into_iter().map(|completion| completion.event).collect()
    }

    /// As [`Host::news`], as text.
    pub fn says(&mut self, key: Key) -> Vec<String> {
        self.news(key).into_iter().map(|event| said(&event)).collect()
    }

    /// The bytes that were received under this key since it was asked last.
    pub fn received(&mut self, key: Key) -> Vec<u8> {
        let bytes = self.news(key).into_iter().map(|event| match event {
            Event::Received(buffer) => buffer.to_vec(),
            other => panic!("not received: {}", said(&other)),
        });
        bytes.flatten().collect()
    }

    pub fn socket(&self, family: Family, kind: SocketKind) -> Socket {
        self.network.socket(family, kind).unwrap()
    }

    pub fn stream(&self) -> Socket {
        self.socket(Family::V4, SocketKind::Stream)
    }

    /// A socket for packets, bound to this port of all addresses.
    pub fn mailbox(&self, port: u16) -> Socket {
        let socket = self.socket(Family::V4, SocketKind::Datagram);
        self.network.bind(socket, &inet(&format!("0.0.0.0:{port}"))).unwrap();
        socket
    }

    /// A socket that listens at this address.
    pub fn listen(&self, address: &str) -> Socket {
        let address = inet(address);
        let listener = self.socket(address.family(), SocketKind::Stream);
        self.network.bind(listener, &address).unwrap();
        self.network.listen(listener, 128).unwrap();
        listener
    }

    /// A socket that has begun to connect.
    pub fn connect(&self, address: &str) -> Socket {
        let address = inet(address);
        let socket = self.socket(address.family(), SocketKind::Stream);
        assert!(!self.network.connect(socket, &address).unwrap(), "a connection takes time");
        socket
    }

    pub fn set(&self, socket: Socket, setting: Setting) {
        self.network.set(socket, setting).unwrap();
    }

    pub fn packet(&self, socket: Socket) -> io::Result<(Vec<u8>, Address)> {
        let mut buffer = [0; 100_000];
        let arrival = self.network.receive_packet(socket, &mut buffer)?;
        assert!(!arrival.is_truncated);
        Ok((buffer[..arrival.length].to_vec(), arrival.from))
    }

    /// All packets that have arrived, without where they are from.
    pub fn packets(&self, socket: Socket) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| self.packet(socket).ok()).map(|(bytes, _)| bytes).collect()
    }

    pub fn elapsed(&self) -> Duration {
        self.world.elapsed()
    }
}

/// A connection from the first host to the second: the socket of each.
pub fn connected([caller, called]: &mut [Host; 2]) -> [Socket; 2] {
    let listener = called.listen("0.0.0.0:7");
    let accept = called.accept(listener);
    let socket = caller.connect("10.0.0.2:7");
    settle(&caller.world);
    let news = called.news(accept);
    let [Event::Accepted(accepted)] = news[..] else { panic!("{news:?}") };
    called.cancel(accept);
    called.news(accept);
    called.close(listener);
    [socket, accepted]
}

/// Lets the network go on, without any program having a turn, until there is nothing on its way.
pub fn settle(world: &World) {
    while world.go_on(None) {}
}

/// Lets so much time pass.
pub fn pass(world: &World, time: Duration) {
    world.advance(world.elapsed() + time);
}

pub fn inet(address: &str) -> Address {
    Address::Inet(address.parse().unwrap())
}

pub fn unix(name: &str) -> Address {
    Address::Unix(UnixName::from(name))
}

pub fn outgoing(bytes: &[u8]) -> Outgoing {
    let mut outgoing = Outgoing::default();
    outgoing.push(bytes);
    outgoing
}

/// Bytes of which no two stretches are alike.
pub fn noise(length: usize) -> Vec<u8> {
    (0..length as u64).map(|number| (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

/// An event in words.
pub fn said(event: &Event) -> String {
    match event {
        Event::Ready(readiness) => said_ready(readiness),
        Event::Accepted(_) => "accepted".into(),
        Event::Received(buffer) => format!("received {}", buffer.len()),
        Event::Ended => "ended".into(),
        Event::Sent(left, Ok(())) => format!("sent, {} left", left.len()),
        Event::Sent(left, Err(error)) => format!("{:?}, {} left", error.kind(), left.len()),
        Event::Cancelled => "cancelled".into(),
        Event::Failed(error) => format!("{:?}", error.kind()),
    }
}

fn said_ready(readiness: &Readiness) -> String {
    let Readiness { readable, writable, hang_up, error } = *readiness;
    let words = [(readable, "readable"), (writable, "writable"), (hang_up, "hung up"), (error, "error")];
    words.into_iter().filter(|(holds, _)| *holds).map(|(_, word)| word).collect::<Vec<_>>().join(" ")
}
