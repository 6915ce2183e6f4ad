//! The machine on this driver, as a program runs it.

use fate_core::parts::job::Job;
use fate_core::{Clock, Event, Instant, Interest, Reactor};
use fate_poll::PollDriver;
use std::cell::{Cell, RefCell};
use std::io::{PipeWriter, Read, Write, pipe};
use std::os::fd::AsRawFd;
use std::panic::Location;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

fn reactor() -> Rc<Reactor> {
    Reactor::new(Box::new(PollDriver::new()))
}

/// Lights a fuse, and says when it is due.
fn light(
    reactor: &Rc<Reactor>,
    clock: Clock,
    delay: Duration,
    handler: impl FnOnce(&Rc<Reactor>) + 'static,
) -> Instant {
    let (now, place) = (reactor.now_on(clock), Location::caller());
    let mut fuses = reactor.fuses().borrow_mut();
    let fuse = fuses.light(clock, now + delay, now, place);
    fuses.set_handler(fuse, place, Job::new(handler), now);
    fuses.release(fuse);
    now + delay
}

/// T1, T2, T11, L3. How the clocks stand to each other in a late turn is nobody's promise.
#[test]
fn fuses_on_three_clocks_burn_when_they_are_due_and_then_the_run_ends() {
    let reactor = reactor();
    let burned = Rc::new(RefCell::new(Vec::new()));
    for (clock, millis) in [(Clock::Wall, 3), (Clock::Boot, 5), (Clock::Monotonic, 8), (Clock::Monotonic, 1)] {
        let (burned, due) = (burned.clone(), Rc::new(Cell::new(Instant::NEVER)));
        let noted = due.clone();
        due.set(light(&reactor, clock, Duration::from_millis(millis), move |reactor| {
            assert!(reactor.now_on(clock) >= noted.get());
            burned.borrow_mut().push((clock, millis));
        }));
    }
    reactor.run().unwrap();
    burned.borrow_mut().sort_by_key(|&(clock, _)| clock);
    let expected = [(Clock::Monotonic, 1), (Clock::Monotonic, 8), (Clock::Boot, 5), (Clock::Wall, 3)];
    assert_eq!(*burned.borrow(), expected, "in order on each clock");
    assert!(reactor.counters().waits.get() <= 4, "{:?}", reactor.counters());
}

/// L5: no wake-up is wasted: one wait a fuse.
#[test]
fn a_chain_of_fuses_takes_one_wait_each() {
    fn next(reactor: &Rc<Reactor>, left: u64) {
        if left > 0 {
            light(reactor, Clock::Monotonic, Duration::from_micros(300), move |reactor| next(reactor, left - 1));
        }
    }
    let reactor = reactor();
    next(&reactor, 20);
    reactor.run().unwrap();
    assert_eq!(reactor.counters().burned.get(), 20);
    assert!(reactor.counters().waits.get() <= 20);
}

/// T3: the watched pipe is served while a handler relights itself with zero delay.
#[test]
fn a_pipe_is_read_from_by_a_watch_until_its_end() {
    fn again(reactor: &Rc<Reactor>, writer: PipeWriter, left: u8) {
        light(reactor, Clock::Monotonic, Duration::ZERO, move |reactor| {
            (&writer).write_all(&[left]).unwrap();
            if left > 0 {
                again(reactor, writer, left - 1);
            }
        });
    }
    let (reactor, (reader, writer)) = (reactor(), pipe().unwrap());
    let read = Rc::new(RefCell::new(Vec::<u8>::new()));
    let (bytes, descriptor) = (read.clone(), reader.as_raw_fd());
    let handler = move |_: &Rc<Reactor>, event| {
        let Event::Ready(readiness) = event else { panic!("{event:?}") };
        assert!(readiness.readable && !readiness.writable);
        let mut buffer = [0; 16];
        let count = (&reader).read(&mut buffer).unwrap();
        bytes.borrow_mut().extend(&buffer[..count]);
        count > 0
    };
    reactor.watch(descriptor, Interest::Read, Location::caller(), Box::new(handler));
    again(&reactor, writer, 50);
    reactor.run().unwrap();
    assert_eq!(*read.borrow(), (0..=50).rev().collect::<Vec<_>>());
}

/// H2, L3.
#[test]
fn a_call_from_another_thread_ends_the_wait_and_the_run() {
    let reactor = reactor();
    let door = reactor.door().clone();
    let called = thread::spawn(move || door.call(usize::MAX, |reactor| reactor.shutdown()).is_ok());
    light(&reactor, Clock::Monotonic, Duration::from_secs(60), |_| panic!("the run went on"));
    reactor.run().unwrap();
    assert!(called.join().unwrap());
}
