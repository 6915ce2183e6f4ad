//! Watches on real descriptors.

use crate::rig::{LONG, Rig};
use fate_core::Key;
use fate_core::{Clock, Event, Interest, Readiness, Until};
use rustix::io::{Errno, dup2};
use std::collections::BTreeSet;
use std::io::{Read, Write, pipe};
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

const READABLE: Readiness = Readiness { readable: true, writable: false, hang_up: false, error: false };
const WRITABLE: Readiness = Readiness { readable: false, writable: true, hang_up: false, error: false };

fn readiness(event: &Event) -> Readiness {
    let Event::Ready(readiness) = event else { panic!("{event:?}") };
    *readiness
}

#[test]
fn a_readable_descriptor_is_told_of_once_for_each_time_it_is_asked_for() {
    let (mut rig, (mut reader, mut writer)) = (Rig::default(), pipe().unwrap());
    let first = rig.watch(&reader, Interest::Read);
    assert!(rig.told().is_empty());
    writer.write_all(b"x").unwrap();
    let told = rig.one();
    assert_eq!((told.key, readiness(&told.event)), (first, READABLE));
    assert!(rig.told().is_empty(), "nobody asked again");
    let again = rig.watch(&reader, Interest::Read);
    assert_eq!(rig.told(), [again], "it is readable still");
    reader.read_exact(&mut [0]).unwrap();
    rig.watch(&reader, Interest::Read);
    assert!(rig.told().is_empty(), "it is not any more");
}

/// A4.
#[test]
fn what_was_cancelled_is_not_told_of() {
    let (mut rig, (reader, mut writer)) = (Rig::default(), pipe().unwrap());
    writer.write_all(b"x").unwrap();
    let key = rig.watch(&reader, Interest::Read);
    rig.cancel(key);
    assert!(rig.told().is_empty(), "in the same exchange");
    let (other, mut other_writer) = pipe().unwrap();
    let key = rig.watch(&other, Interest::Read);
    assert!(rig.told().is_empty());
    other_writer.write_all(b"x").unwrap();
    rig.cancel(key);
    assert!(rig.told().is_empty(), "in a later one");
    let key = rig.watch(&other, Interest::Read);
    assert_eq!(rig.told(), [key], "and the next who asks is told");
}

#[test]
fn a_cancel_that_comes_too_late_or_from_nowhere_is_harmless() {
    let (mut rig, (reader, mut writer)) = (Rig::default(), pipe().unwrap());
    rig.cancel(Key { index: 1000, generation: 0 });
    let told = rig.watch(&reader, Interest::Read);
    rig.cancel(Key { generation: 8, ..told });
    writer.write_all(b"x").unwrap();
    assert_eq!(rig.told(), [told]);
    rig.cancel(told);
    let next = rig.watch(&reader, Interest::Read);
    rig.cancel(told);
    assert_eq!(rig.told(), [next]);
    let other_direction = rig.watch(&writer, Interest::Write);
    rig.cancel(Key { generation: 8, ..other_direction });
    assert_eq!(rig.told(), [other_direction]);
}

#[test]
fn the_two_directions_of_a_socket_are_watched_and_told_of_separately() {
    let (mut rig, (here, mut there)) = (Rig::default(), UnixStream::pair().unwrap());
    let read = rig.watch(&here, Interest::Read);
    let write = rig.watch(&here, Interest::Write);
    let told = rig.one();
    assert_eq!((told.key, readiness(&told.event)), (write, WRITABLE));
    assert!(rig.told().is_empty());
    there.write_all(b"x").unwrap();
    let told = rig.one();
    assert_eq!((told.key, readiness(&told.event)), (read, READABLE), "though the kernel told of the other one first");

    let read = rig.watch(&here, Interest::Read);
    let write = rig.watch(&here, Interest::Write);
    assert_eq!(BTreeSet::from_iter(rig.told()), BTreeSet::from([read, write]));

    let read = rig.watch(&here, Interest::Read);
    let write = rig.watch(&here, Interest::Write);
    rig.cancel(read);
    assert_eq!(rig.told(), [write]);
}

#[test]
fn a_full_socket_that_can_be_read_from_is_not_told_of_as_writable() {
    let (mut rig, (mut here, mut there)) = (Rig::default(), UnixStream::pair().unwrap());
    here.set_nonblocking(true).unwrap();
    while here.write(&[0; 4096]).is_ok() {}
    there.write_all(b"x").unwrap();
    let read = rig.watch(&here, Interest::Read);
    let write = rig.watch(&here, Interest::Write);
    assert_eq!(rig.told(), [read]);
    there.set_nonblocking(true).unwrap();
    while there.read(&mut [0; 4096]).is_ok() {}
    assert_eq!(rig.told(), [write]);
}

#[test]
fn a_direction_that_is_watched_already_is_refused_to_a_second_one() {
    let (mut rig, (reader, mut writer)) = (Rig::default(), pipe().unwrap());
    let first = rig.watch(&reader, Interest::Read);
    let second = rig.watch(&reader, Interest::Read);
    assert_eq!(rig.refusal(), (second, Some(Errno::EXIST.raw_os_error())));
    rig.cancel(second);
    writer.write_all(b"x").unwrap();
    assert_eq!(rig.told(), [first]);
}

/// Elsewhere a plain file is always ready.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[test]
fn a_plain_file_is_refused_with_the_kernels_own_error() {
    let (mut rig, file) = (Rig::default(), std::fs::File::open("/proc/self/exe").unwrap());
    let key = rig.watch(&file, Interest::Read);
    assert_eq!(rig.refusal(), (key, Some(Errno::PERM.raw_os_error())));
}

#[test]
fn a_number_that_is_no_descriptor_is_refused() {
    for number in [-1, RawFd::MIN, RawFd::MAX, 1 << 30] {
        let mut rig = Rig::default();
        let key = rig.watch(&number, Interest::Write);
        assert_eq!(rig.refusal(), (key, Some(Errno::BADF.raw_os_error())), "{number}");
    }
}

/// N1: a reader learns that the other side is gone, a writer that nobody reads.
#[test]
fn a_hang_up_and_an_error_are_told_as_such() {
    let (mut rig, (reader, writer)) = (Rig::default(), pipe().unwrap());
    rig.watch(&reader, Interest::Read);
    assert!(rig.told().is_empty());
    drop(writer);
    assert_eq!(readiness(&rig.one().event), Readiness { hang_up: true, ..READABLE });

    let (reader, writer) = pipe().unwrap();
    drop(reader);
    rig.watch(&writer, Interest::Write);
    assert_eq!(readiness(&rig.one().event), Readiness { error: true, ..WRITABLE });
}

/// The file that was watched lives on under another number, and is ready all the time.
#[test]
fn news_of_a_file_that_gave_its_number_away_reaches_nobody() {
    let (mut rig, (first, mut first_writer), (second, mut second_writer)) =
        (Rig::default(), pipe().unwrap(), pipe().unwrap());
    let mut number = OwnedFd::from(first.try_clone().unwrap());
    let old = rig.watch(&number, Interest::Read);
    assert!(rig.told().is_empty());
    dup2(&second, &mut number).unwrap();
    rig.cancel(old);
    let new = rig.watch(&number, Interest::Read);
    first_writer.write_all(b"x").unwrap();
    let until = rig.within(Clock::Monotonic, Duration::from_millis(1));
    assert!(rig.exchange(&until).is_empty());
    assert!(rig.now(Clock::Monotonic) >= until.on(Clock::Monotonic), "and ends no wait");
    second_writer.write_all(b"x").unwrap();
    assert_eq!(rig.told(), [new]);
}

#[test]
fn a_number_that_means_another_file_since_it_was_told_of_is_watched_anew() {
    let (mut rig, (reader, mut writer)) = (Rig::default(), pipe().unwrap());
    let mut number = OwnedFd::from(reader);
    for _ in 0..3 {
        let key = rig.watch(&number, Interest::Read);
        assert!(rig.told().is_empty());
        writer.write_all(b"x").unwrap();
        assert_eq!(rig.told(), [key]);
        let (reader, next) = pipe().unwrap();
        dup2(&reader, &mut number).unwrap();
        writer = next;
    }
}

/// The kernel remembers the first file under this number, though we were told that it knows nothing of it.
#[test]
fn a_number_that_means_an_old_file_again_is_watched_as_any_other() {
    let (mut rig, (first, mut writer), (second, _second_writer)) = (Rig::default(), pipe().unwrap(), pipe().unwrap());
    let mut number = OwnedFd::from(first.try_clone().unwrap());
    let old = rig.watch(&number, Interest::Read);
    assert!(rig.told().is_empty());
    dup2(&second, &mut number).unwrap();
    rig.cancel(old);
    assert!(rig.told().is_empty());
    dup2(&first, &mut number).unwrap();
    let new = rig.watch(&number, Interest::Read);
    assert!(rig.told().is_empty());
    writer.write_all(b"x").unwrap();
    assert_eq!(rig.told(), [new]);
}

/// A refusal concerns the descriptor, so whoever waits for it in either direction must learn of it.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[test]
fn a_descriptor_that_is_refused_while_it_is_watched_is_refused_to_both() {
    let (mut rig, (reader, _writer)) = (Rig::default(), pipe().unwrap());
    let mut number = OwnedFd::from(reader);
    let read = rig.watch(&number, Interest::Read);
    assert!(rig.told().is_empty());
    dup2(std::fs::File::open("/proc/self/exe").unwrap(), &mut number).unwrap();
    let write = rig.watch(&number, Interest::Write);
    let inbox = rig.look();
    assert!(inbox.iter().all(|told| matches!(&told.event, Event::Failed(error)
        if error.raw_os_error() == Some(Errno::PERM.raw_os_error()))));
    assert_eq!(inbox.iter().map(|told| told.key).collect::<Vec<_>>(), [read, write]);
}

#[test]
fn however_many_descriptors_are_ready_one_exchange_tells_of_them_all() {
    let (mut rig, (reader, mut writer)) = (Rig::default(), pipe().unwrap());
    writer.write_all(b"x").unwrap();
    let readers: Vec<_> = (0..600).map(|_| reader.try_clone().unwrap()).collect();
    let keys: Vec<Key> = readers.iter().map(|reader| rig.watch(reader, Interest::Read)).collect();
    assert_eq!(BTreeSet::from_iter(rig.told()), BTreeSet::from_iter(keys));
}

/// The table against a dumb model of what was promised: everything that is asked for and ready is told of, in the
/// exchange that asks or in which it becomes so, and nothing else ever is.
#[test]
fn any_mixture_of_watches_and_cancels_is_answered_as_the_model_says() {
    for seed in 1..=50 {
        Model::new(seed).run(300);
    }
}

struct Model {
    seed: u64,
    random: u64,
    rig: Rig,
    pairs: Vec<(UnixStream, UnixStream)>,
    /// What is watched: the pair, the direction, and who asked.
    live: Vec<(usize, Interest, Key)>,
    refused: BTreeSet<Key>,
    full: [bool; 4],
}

impl Model {
    fn new(seed: u64) -> Model {
        let pairs = (0..4).map(|_| UnixStream::pair().unwrap()).collect();
        let (rig, live, refused) = (Rig::default(), Vec::new(), BTreeSet::new());
        Model { seed, random: seed, rig, pairs, live, refused, full: [false; 4] }
    }

    /// Marsaglia's xorshift64 (2003).
    fn random(&mut self, below: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 20) as usize % below
    }

    fn run(&mut self, steps: usize) {
        for step in 0..steps {
            match self.random(6) {
                0 => self.watch(Interest::Read),
                1 => self.watch(Interest::Write),
                2 => self.cancel(),
                3 => self.fill_or_drain(),
                4 => self.replace(),
                _ => self.check(step),
            }
        }
    }

    fn watch(&mut self, interest: Interest) {
        let pair = self.random(4);
        let key = self.rig.watch(&self.pairs[pair].0, interest);
        if self.live.iter().any(|&(other, direction, _)| (other, direction) == (pair, interest)) {
            self.refused.insert(key);
        } else {
            self.live.push((pair, interest, key));
        }
    }

    fn cancel(&mut self) {
        if !self.live.is_empty() {
            let which = self.random(self.live.len());
            self.rig.cancel(self.live.swap_remove(which).2);
        }
    }

    fn fill_or_drain(&mut self) {
        let pair = self.random(4);
        let (here, there) = &mut self.pairs[pair];
        if self.full[pair] {
            here.read_exact(&mut [0]).unwrap()
        } else {
            there.write_all(b"x").unwrap()
        }
        self.full[pair] = !self.full[pair];
    }

    /// Closes a socket, after its watches were cancelled, and gives its number to another.
    fn replace(&mut self) {
        let pair = self.random(4);
        for (_, _, key) in self.live.extract_if(.., |(other, _, _)| *other == pair) {
            self.rig.cancel(key);
        }
        let (here, there) = UnixStream::pair().unwrap();
        let (old, _) = std::mem::replace(&mut self.pairs[pair], (here.try_clone().unwrap(), there));
        let mut number = OwnedFd::from(old);
        dup2(&here, &mut number).unwrap();
        self.pairs[pair].0 = number.into();
        self.full[pair] = false;
    }

    fn check(&mut self, step: usize) {
        let full = self.full;
        let is_ready = |pair: usize, interest| interest == Interest::Write || full[pair];
        let ready = self.live.extract_if(.., |&mut (pair, interest, _)| is_ready(pair, interest));
        let mut expected: BTreeSet<Key> = ready.map(|(_, _, key)| key).collect();
        expected.append(&mut self.refused);
        let until = if expected.is_empty() { Until::NOW } else { self.rig.within(Clock::Monotonic, LONG) };
        let told: Vec<Key> = self.rig.exchange(&until).into_iter().map(|completion| completion.key).collect();
        assert_eq!(told.len(), expected.len(), "seed {} step {step}: {told:?} {expected:?}", self.seed);
        assert_eq!(BTreeSet::from_iter(told), expected, "seed {} step {step}", self.seed);
    }
}
