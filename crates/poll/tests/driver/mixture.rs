//! Any mixture of operations on streams, against a dumb model: two queues of bytes for each connection. Whatever is begun,
//! cancelled, closed and begun again, each side gets the other's bytes, all of them, in order, and then the end.

use crate::rig::Rig;
use fate_core::{Completion, Event, Interest, Key, Socket};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;

/// A4, N1, N2, N4.
#[test]
fn whatever_is_begun_and_cancelled_no_byte_is_lost() {
    for seed in 1..=60 {
        Model::new(seed).run(400);
    }
}

struct Model {
    seed: u64,
    random: u64,
    rig: Rig,
    lines: Vec<Line>,
}

/// A connection.
struct Line {
    here: Socket,
    there: Peer,
    /// Sent by the peer and not received yet; received and not sent yet.
    coming: VecDeque<u8>,
    going: VecDeque<u8>,
    is_peer_done: bool,
    receiving: Option<Key>,
    sending: Option<Key>,
    mourning: Option<Key>,
    /// Cancelled, with the answer outstanding.
    stopping: Option<Key>,
    next: u8,
}

trait Stream: Read + Write {}
impl<S: Read + Write> Stream for S {}
type Peer = Box<dyn Stream>;

impl Model {
    fn new(seed: u64) -> Model {
        let mut model = Model { seed, random: seed, rig: Rig::default(), lines: Vec::new() };
        for number in 0..4 {
            let line = model.line(number % 2 == 0);
            model.lines.push(line);
        }
        model
    }

    fn line(&mut self, is_tcp: bool) -> Line {
        let (here, there): (Socket, Peer) = if is_tcp {
            let (here, there) = self.rig.tcp();
            there.set_nonblocking(true).unwrap();
            (here, Box::new(there))
        } else {
            let (here, there) = self.rig.unix();
            there.set_nonblocking(true).unwrap();
            (here, Box::new(there))
        };
        let (coming, going) = Default::default();
        let (receiving, sending, mourning, stopping) = Default::default();
        Line { here, there, coming, going, is_peer_done: false, receiving, sending, mourning, stopping, next: 0 }
    }

    /// Marsaglia's xorshift64 (2003).
    fn random(&mut self, below: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 20) as usize % below
    }

    fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            let which = self.random(4);
            match self.random(14) {
                0..3 => self.peer_writes(which),
                3..5 => self.peer_reads(which),
                5..7 => self.receive(which),
                7 => self.stop(which),
                8 => self.send(which),
                9 => self.cancel_send(which),
                10 => self.mourn(which),
                11 if self.random(4) == 0 => self.replace(which),
                12 if self.random(4) == 0 => self.release_and_adopt(which),
                _ => self.look(),
            }
        }
        (0..4).for_each(|which| self.finish(which));
    }

    fn peer_writes(&mut self, which: usize) {
        let length = [1, 10, 5000, 70_000, 200_000][self.random(5)];
        let line = &mut self.lines[which];
        if line.is_peer_done {
            return;
        }
        let bytes: Vec<u8> = (0..length).map(|number: u32| (u32::from(line.next) + number) as u8).collect();
        if let Ok(count) = line.there.write(&bytes) {
            line.coming.extend(&bytes[..count]);
            line.next = line.next.wrapping_add(count as u8);
        }
    }

    fn peer_reads(&mut self, which: usize) {
        let mut buffer = vec![0; [1, 1000, 300_000][self.random(3)]];
        let line = &mut self.lines[which];
        if let Ok(count) = line.there.read(&mut buffer) {
            let expected: Vec<u8> = line.going.drain(..count).collect();
            assert!(expected == buffer[..count], "seed {}", self.seed);
        }
    }

    fn receive(&mut self, which: usize) {
        let line = &mut self.lines[which];
        if line.receiving.is_none() {
            line.receiving = Some(self.rig.receive(line.here));
        }
    }

    fn stop(&mut self, which: usize) {
        let line = &mut self.lines[which];
        if let (Some(key), None) = (line.receiving, line.stopping) {
            self.rig.cancel(key);
            line.stopping = line.receiving.take();
        }
    }

    fn send(&mut self, which: usize) {
        let length = [1, 100, 100_000][self.random(3)];
        let is_awaited = self.random(2) == 0;
        let line = &mut self.lines[which];
        if line.sending.is_none() {
            let first = line.going.len() as u8;
            let bytes: Vec<u8> = (0..length).map(|number: u32| (u32::from(first) + number) as u8).collect();
            line.going.extend(&bytes);
            line.sending = Some(self.rig.send(line.here, &bytes, is_awaited));
            self.look();
        }
    }

    /// What was not sent is as if it was never written.
    fn cancel_send(&mut self, which: usize) {
        let line = &mut self.lines[which];
        if let Some(key) = line.sending.take() {
            self.rig.cancel(key);
            self.look();
            self.lines[which].going.clear();
            let line = &mut self.lines[which];
            let mut buffer = vec![0; 1 << 20];
            while line.there.read(&mut buffer).is_ok_and(|count| count > 0) {}
        }
    }

    fn mourn(&mut self, which: usize) {
        let line = &mut self.lines[which];
        match line.mourning.take() {
            Some(key) => self.rig.cancel(key),
            None => line.mourning = Some(self.rig.watch_socket(line.here, Interest::HangUp)),
        }
    }

    /// Closes a connection with all that is under way, and has its number given out again.
    fn replace(&mut self, which: usize) {
        let line = &mut self.lines[which];
        let keys = [line.receiving, line.sending, line.mourning];
        let here = line.here;
        keys.into_iter().flatten().for_each(|key| self.rig.cancel(key));
        let (is_abort, is_tcp) = (self.random(2) == 0, self.random(2) == 0);
        self.rig.close(here, is_abort);
        self.look();
        self.lines[which] = self.line(is_tcp);
    }

    fn release_and_adopt(&mut self, which: usize) {
        let line = &mut self.lines[which];
        let keys = [line.receiving.take(), line.mourning.take()];
        if line.sending.is_some() {
            (line.receiving, line.mourning) = (keys[0], keys[1]);
            return;
        }
        line.stopping = line.stopping.or(keys[0]);
        let here = line.here;
        keys.into_iter().flatten().for_each(|key| self.rig.cancel(key));
        let released: OwnedFd = self.rig.release(here);
        self.lines[which].here = self.rig.adopt(released);
    }

    fn look(&mut self) {
        for told in self.rig.look() {
            self.hear(told);
        }
    }

    fn hear(&mut self, told: Completion) {
        let Some(line) = self.lines.iter_mut().find(|line| line.knows(told.key)) else { return };
        match told.event {
            Event::Received(bytes) => {
                let expected: Vec<u8> = line.coming.drain(..bytes.len()).collect();
                assert!(expected == bytes[..], "seed {}", self.seed);
            }
            Event::Sent(left, Ok(())) if left.is_empty() => line.sending = None,
            Event::Sent(left, Ok(())) => line.sending = Some(self.rig.send_all(line.here, left, false)),
            Event::Cancelled => line.stopping = None,
            Event::Ended => line.receiving = None,
            event => panic!("seed {}: {event:?}", self.seed),
        }
    }

    /// Brings a connection to its end: all bytes arrive, both ways.
    fn finish(&mut self, which: usize) {
        while !self.lines[which].going.is_empty() || self.lines[which].sending.is_some() {
            self.look();
            let mut buffer = vec![0; 1 << 20];
            match self.lines[which].there.read(&mut buffer) {
                Ok(count) => {
                    let expected: Vec<u8> = self.lines[which].going.drain(..count).collect();
                    assert!(expected == buffer[..count], "seed {}", self.seed);
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        self.lines[which].there = Box::new(std::io::Cursor::new(Vec::new()));
        self.lines[which].is_peer_done = true;
        self.receive(which);
        while self.lines[which].receiving.is_some() {
            for told in self.rig.wait() {
                match told.event {
                    Event::Ready(_) if self.lines[which].mourning == Some(told.key) => {
                        self.lines[which].mourning = None
                    }
                    _ => self.hear(told),
                }
            }
        }
        assert!(self.lines[which].coming.is_empty(), "seed {}", self.seed);
    }
}

impl Line {
    fn knows(&self, key: Key) -> bool {
        [self.receiving, self.sending, self.mourning, self.stopping].contains(&Some(key))
    }
}
