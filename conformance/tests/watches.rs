//! The seam's watches on each driver: descriptors that somebody else owns. Scripted ones in the simulation, sockets elsewhere.

use fate_conformance::ground::{Ground, READABLE, WRITABLE, Wire};
use fate_conformance::on_each_driver;
use fate_core::machine::fault::Verdict;
use fate_core::parts::job::Job;
use fate_core::{Clock, Event, Interest, Key, Reactor, Readiness};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

on_each_driver! {
    a_watch_is_told_once_a_turn_as_long_as_its_descriptor_is_ready,
    a_watch_that_says_no_is_over_and_its_handler_dropped,
    a_watch_keeps_run_going_until_it_ends,
    the_two_directions_of_a_descriptor_are_told_apart,
    a_hang_up_is_told_to_both_directions,
    a_cancelled_watch_is_silent_and_its_handler_dropped_at_once,
    a_watch_may_cancel_itself,
    a_watch_whose_news_is_on_its_way_can_be_cancelled_by_another,
    a_key_that_is_stale_means_nobody,
    a_watch_may_be_cancelled_and_asked_for_again_in_one_handler,
    what_is_no_descriptor_is_refused,
    a_direction_that_is_watched_already_is_refused_to_a_second,
    a_watch_asked_for_in_a_handler_is_told_in_the_next_turn,
    a_handler_that_relights_itself_does_not_starve_a_watch,
    a_chain_of_calls_that_feeds_itself_does_not_starve_a_watch,
    a_busy_watch_does_not_starve_fuses,
    a_hundred_watches_are_all_told_in_one_turn,
    a_watch_whose_handler_panics_is_over_and_the_others_go_on,
    news_that_came_before_a_panic_is_told_in_the_next_run,
    a_shutdown_drops_every_watch_once,
    a_watch_tells_who_made_it,
    a_turn_in_a_watchs_handler_does_not_tell_it_again,
}

const MILLISECOND: Duration = Duration::from_millis(1);

type Log<T> = Rc<RefCell<Vec<T>>>;

#[track_caller]
fn watch(
    reactor: &Rc<Reactor>,
    wire: &Wire,
    interest: Interest,
    handler: impl FnMut(&Rc<Reactor>, Event) -> bool + 'static,
) -> Key {
    reactor.watch(wire.number(), interest, Location::caller(), Box::new(handler))
}

/// Lights a fuse with a handler.
fn light(reactor: &Rc<Reactor>, delay: Duration, handler: impl FnOnce(&Rc<Reactor>) + 'static) {
    let (now, place) = (reactor.now(), Location::caller());
    let mut fuses = reactor.fuses().borrow_mut();
    let fuse = fuses.light(Clock::Monotonic, now + delay, now, place);
    drop(fuses.set_handler(fuse, place, Job::new(handler), now));
    fuses.release(fuse);
}

fn readiness(event: &Event) -> Readiness {
    let Event::Ready(readiness) = event else { panic!("{event:?}") };
    *readiness
}

/// The number of a refusal.
fn refusal(event: &Event) -> Option<i32> {
    let Event::Failed(error) = event else { panic!("{event:?}") };
    error.raw_os_error()
}

/// A turn that does not wait.
fn look(reactor: &Rc<Reactor>) {
    reactor.turn(Duration::ZERO).unwrap();
}

/// Level-triggered to the one who watches.
fn a_watch_is_told_once_a_turn_as_long_as_its_descriptor_is_ready(ground: &Ground) {
    let (reactor, told) = (ground.reactor(), Rc::new(Cell::new(0)));
    let (wire, count) = (ground.wire(), told.clone());
    let key = watch(&reactor, &wire, Interest::Read, move |_, event| {
        assert_eq!(readiness(&event), READABLE);
        count.set(count.get() + 1);
        true
    });
    look(&reactor);
    assert_eq!(told.get(), 0);
    wire.fill();
    for turn in 1..=5 {
        look(&reactor);
        assert_eq!(told.get(), turn);
    }
    wire.drain();
    look(&reactor);
    look(&reactor);
    assert_eq!(told.get(), 5);
    wire.fill();
    look(&reactor);
    assert_eq!(told.get(), 6);
    assert!(reactor.unwatch(key));
}

fn a_watch_that_says_no_is_over_and_its_handler_dropped(ground: &Ground) {
    let (reactor, token) = (ground.reactor(), Rc::new(()));
    let (wire, held, mut left) = (ground.wire(), token.clone(), 3);
    wire.fill();
    watch(&reactor, &wire, Interest::Read, move |_, _| {
        let _held = &held;
        left -= 1;
        left > 0
    });
    reactor.run().unwrap();
    assert_eq!((Rc::strong_count(&token), reactor.watch_sights().len()), (1, 0));
    look(&reactor);
}

/// L3.
fn a_watch_keeps_run_going_until_it_ends(ground: &Ground) {
    let (reactor, wire) = (ground.reactor(), Rc::new(ground.wire()));
    let key = watch(&reactor, &wire, Interest::Read, |_, _| false);
    let filling = wire.clone();
    light(&reactor, MILLISECOND, move |_| filling.fill());
    reactor.run().unwrap();
    assert!(!reactor.unwatch(key), "it said no");
    wire.drain();
    let key = watch(&reactor, &wire, Interest::Read, |_, _| true);
    light(&reactor, MILLISECOND, move |reactor| assert!(reactor.unwatch(key)));
    reactor.run().unwrap();
}

fn the_two_directions_of_a_descriptor_are_told_apart(ground: &Ground) {
    let (reactor, log) = (ground.reactor(), Log::default());
    let wire = ground.wire();
    wire.clog();
    let keys = [Interest::Read, Interest::Write].map(|interest| {
        let log = log.clone();
        watch(&reactor, &wire, interest, move |_, event| {
            log.borrow_mut().push((interest, readiness(&event)));
            true
        })
    });
    look(&reactor);
    assert_eq!(log.take(), []);
    wire.fill();
    look(&reactor);
    assert_eq!(log.take(), [(Interest::Read, READABLE)]);
    wire.drain();
    wire.unclog();
    look(&reactor);
    assert_eq!(log.take(), [(Interest::Write, WRITABLE)]);
    wire.fill();
    look(&reactor);
    assert_eq!(log.take().len(), 2);
    assert!(reactor.unwatch(keys[1]));
    look(&reactor);
    assert_eq!(log.take(), [(Interest::Read, READABLE)]);
    assert!(reactor.unwatch(keys[0]));
}

fn a_hang_up_is_told_to_both_directions(ground: &Ground) {
    let (reactor, log) = (ground.reactor(), Log::default());
    let wire = ground.wire();
    for interest in [Interest::Read, Interest::Write] {
        let log = log.clone();
        watch(&reactor, &wire, interest, move |_, event| {
            let readiness = readiness(&event);
            log.borrow_mut().push((interest == Interest::Write, readiness));
            !readiness.hang_up
        });
    }
    wire.hang_up();
    reactor.run().unwrap();
    let mut log = log.take();
    log.sort_by_key(|(is_write, _)| *is_write);
    let gone = |readiness| Readiness { hang_up: true, ..readiness };
    assert_eq!(log, [(false, gone(READABLE)), (true, gone(WRITABLE))]);
}

fn a_cancelled_watch_is_silent_and_its_handler_dropped_at_once(ground: &Ground) {
    let (reactor, token) = (ground.reactor(), Rc::new(()));
    for turns_before in 0..3 {
        let (wire, held) = (ground.wire(), token.clone());
        let key = watch(&reactor, &wire, Interest::Read, move |_, _| {
            drop(held.clone());
            panic!("it was cancelled");
        });
        (0..turns_before).for_each(|_| look(&reactor));
        wire.fill();
        assert!(reactor.unwatch(key));
        assert_eq!(Rc::strong_count(&token), 1);
        look(&reactor);
        drop(wire);
    }
    reactor.run().unwrap();
}

fn a_watch_may_cancel_itself(ground: &Ground) {
    let (reactor, token) = (ground.reactor(), Rc::new(()));
    let (wire, held, own) = (ground.wire(), token.clone(), Rc::new(Cell::new(None)));
    let key = own.clone();
    own.set(Some(watch(&reactor, &wire, Interest::Read, move |reactor, _| {
        assert!(reactor.unwatch(key.get().unwrap()));
        assert!(!reactor.unwatch(key.get().unwrap()));
        assert_eq!(Rc::strong_count(&held), 2, "not while it runs");
        true
    })));
    wire.fill();
    reactor.run().unwrap();
    assert_eq!(Rc::strong_count(&token), 1);
}

/// A stale event cannot reach a handler: both are ready in the same turn, and the first of them ends the other.
fn a_watch_whose_news_is_on_its_way_can_be_cancelled_by_another(ground: &Ground) {
    let (reactor, told) = (ground.reactor(), Rc::new(Cell::new(0)));
    let wires = [ground.wire(), ground.wire()];
    let keys: Rc<RefCell<Vec<Key>>> = Rc::default();
    for (number, wire) in wires.iter().enumerate() {
        wire.fill();
        let (keys, count) = (keys.clone(), told.clone());
        let key = watch(&reactor, wire, Interest::Read, {
            let keys = keys.clone();
            move |reactor, _| {
                count.set(count.get() + 1);
                assert!(reactor.unwatch(keys.borrow()[1 - number]));
                false
            }
        });
        keys.borrow_mut().push(key);
    }
    reactor.run().unwrap();
    assert_eq!(told.get(), 1);
}

/// The place of a watch is used again, under another key.
fn a_key_that_is_stale_means_nobody(ground: &Ground) {
    let (reactor, told) = (ground.reactor(), Rc::new(Cell::new(0)));
    let (first, second, count) = (ground.wire(), ground.wire(), told.clone());
    let stale = watch(&reactor, &first, Interest::Read, |_, _| panic!("it was cancelled"));
    first.fill();
    assert!(reactor.unwatch(stale));
    watch(&reactor, &second, Interest::Read, move |_, _| {
        count.set(count.get() + 1);
        false
    });
    assert!(!reactor.unwatch(stale));
    look(&reactor);
    assert!(!reactor.unwatch(stale));
    second.fill();
    reactor.run().unwrap();
    assert_eq!(told.get(), 1);
}

fn a_watch_may_be_cancelled_and_asked_for_again_in_one_handler(ground: &Ground) {
    let (reactor, told, wire) = (ground.reactor(), Rc::new(Cell::new(0)), Rc::new(ground.wire()));
    let key = watch(&reactor, &wire, Interest::Read, |_, _| panic!("it was cancelled"));
    look(&reactor);
    let (count, same) = (told.clone(), wire.clone());
    light(&reactor, MILLISECOND, move |reactor| {
        same.fill();
        assert!(reactor.unwatch(key));
        let again = count.clone();
        let key = watch(reactor, &same, Interest::Read, |_, _| panic!("so was this"));
        assert!(reactor.unwatch(key));
        watch(reactor, &same, Interest::Read, move |_, _| {
            again.set(again.get() + 1);
            false
        });
    });
    reactor.run().unwrap();
    assert_eq!(told.get(), 1);
}

/// With the kernel's own number for it, EBADF.
fn what_is_no_descriptor_is_refused(ground: &Ground) {
    let (reactor, log) = (ground.reactor(), Log::default());
    for number in [-1, i32::MAX, 1 << 30] {
        let log = log.clone();
        let handler = move |_: &Rc<Reactor>, event: Event| {
            log.borrow_mut().push(refusal(&event));
            true
        };
        reactor.watch(number, Interest::Read, Location::caller(), Box::new(handler));
    }
    reactor.run().unwrap();
    assert_eq!(*log.borrow(), [Some(9); 3], "each was told once, and is over");
}

/// With the kernel's own number for it, EEXIST; the first goes on.
fn a_direction_that_is_watched_already_is_refused_to_a_second(ground: &Ground) {
    let (reactor, log, wire) = (ground.reactor(), Log::default(), ground.wire());
    let first = log.clone();
    watch(&reactor, &wire, Interest::Read, move |_, event| {
        assert_eq!(readiness(&event), READABLE);
        first.borrow_mut().push("the first is told");
        false
    });
    let second = log.clone();
    watch(&reactor, &wire, Interest::Read, move |_, event| {
        assert_eq!(refusal(&event), Some(17));
        second.borrow_mut().push("the second is refused");
        true
    });
    look(&reactor);
    wire.fill();
    reactor.run().unwrap();
    assert_eq!(*log.borrow(), ["the second is refused", "the first is told"]);
}

/// The present turn has asked the kernel already.
fn a_watch_asked_for_in_a_handler_is_told_in_the_next_turn(ground: &Ground) {
    let (reactor, log, wire) = (ground.reactor(), Log::default(), Rc::new(ground.wire()));
    wire.fill();
    let inner = log.clone();
    light(&reactor, MILLISECOND, move |reactor| {
        inner.borrow_mut().push(reactor.report().turns);
        let (told, open) = (inner.clone(), wire.clone());
        watch(reactor, &wire, Interest::Read, move |reactor, _| {
            let _open = &open;
            told.borrow_mut().push(reactor.report().turns);
            false
        });
    });
    reactor.run().unwrap();
    let turns = log.borrow();
    assert_eq!(turns[1], turns[0] + 1);
}

/// T3.
fn a_handler_that_relights_itself_does_not_starve_a_watch(ground: &Ground) {
    fn again(reactor: &Rc<Reactor>, is_told: Rc<Cell<bool>>) {
        if !is_told.get() {
            light(reactor, Duration::ZERO, move |reactor| again(reactor, is_told));
        }
    }
    let (reactor, is_told, wire) = (ground.reactor(), Rc::new(Cell::new(false)), ground.wire());
    wire.fill();
    let flag = is_told.clone();
    watch(&reactor, &wire, Interest::Read, move |_, _| {
        flag.set(true);
        false
    });
    again(&reactor, is_told);
    reactor.run().unwrap();
    assert!(reactor.report().turns < 10);
}

/// T3: the ready queue has a budget.
fn a_chain_of_calls_that_feeds_itself_does_not_starve_a_watch(ground: &Ground) {
    fn again(reactor: &Rc<Reactor>, is_told: Rc<Cell<bool>>) {
        if !is_told.get() {
            reactor.queue(move |reactor| again(reactor, is_told));
        }
    }
    let (reactor, is_told, wire) = (ground.reactor(), Rc::new(Cell::new(false)), Rc::new(ground.wire()));
    let flag = is_told.clone();
    watch(&reactor, &wire, Interest::Read, move |_, _| {
        flag.set(true);
        false
    });
    let filling = wire.clone();
    light(&reactor, Duration::ZERO, move |_| filling.fill());
    again(&reactor, is_told);
    reactor.run().unwrap();
    assert!(reactor.report().turns < 10);
}

/// T3, the other way round.
fn a_busy_watch_does_not_starve_fuses(ground: &Ground) {
    let (reactor, wire) = (ground.reactor(), ground.wire());
    wire.fill();
    let key = watch(&reactor, &wire, Interest::Read, |_, _| true);
    light(&reactor, Duration::ZERO, move |reactor| {
        light(reactor, Duration::ZERO, move |reactor| assert!(reactor.unwatch(key)));
    });
    reactor.run().unwrap();
}

fn a_hundred_watches_are_all_told_in_one_turn(ground: &Ground) {
    let (reactor, told) = (ground.reactor(), Rc::new(RefCell::new(BTreeSet::new())));
    let wires: Vec<Wire> = (0..100).map(|_| ground.wire()).collect();
    for (number, wire) in wires.iter().enumerate() {
        wire.fill();
        let told = told.clone();
        watch(&reactor, wire, Interest::Read, move |_, _| {
            assert!(told.borrow_mut().insert(number));
            false
        });
    }
    look(&reactor);
    assert!(told.borrow().iter().copied().eq(0..100));
    reactor.run().unwrap();
}

/// E2.
fn a_watch_whose_handler_panics_is_over_and_the_others_go_on(ground: &Ground) {
    let (reactor, token, log) = (ground.reactor(), Rc::new(()), Log::default());
    reactor.set_fault_handler(|_, _| Verdict::GoOn);
    let wires = [ground.wire(), ground.wire(), ground.wire()];
    for (number, wire) in wires.iter().enumerate() {
        wire.fill();
        let (held, log) = (token.clone(), log.clone());
        watch(&reactor, wire, Interest::Read, move |_, _| {
            let _held = &held;
            assert!(number != 1, "out of tea");
            log.borrow_mut().push(number);
            false
        });
    }
    reactor.run().unwrap();
    log.borrow_mut().sort_unstable();
    assert_eq!((log.take(), Rc::strong_count(&token)), (vec![0, 2], 1));
    assert!(reactor.watch_sights().is_empty());
}

/// E2.
fn news_that_came_before_a_panic_is_told_in_the_next_run(ground: &Ground) {
    let (reactor, told) = (ground.reactor(), Rc::new(Cell::new(0)));
    let wires: Vec<Wire> = (0..4).map(|_| ground.wire()).collect();
    for wire in &wires {
        wire.fill();
        let count = told.clone();
        watch(&reactor, wire, Interest::Read, move |_, _| {
            count.set(count.get() + 1);
            assert!(count.get() != 2, "out of tea");
            false
        });
    }
    assert!(catch_unwind(AssertUnwindSafe(|| reactor.run())).is_err());
    assert_eq!(told.get(), 2);
    // What is not ready any more is told all the same: it was, when the kernel was asked.
    wires.iter().for_each(Wire::drain);
    reactor.run().unwrap();
    assert_eq!(told.get(), 4);
}

/// L7.
fn a_shutdown_drops_every_watch_once(ground: &Ground) {
    let (reactor, token) = (ground.reactor(), Rc::new(()));
    let wires: Vec<Wire> = (0..10).map(|_| ground.wire()).collect();
    for (number, wire) in wires.iter().enumerate() {
        let held = token.clone();
        watch(&reactor, wire, Interest::Read, move |_, _| {
            let _held = &held;
            true
        });
        if number % 2 == 0 {
            wire.fill();
        }
    }
    // In the simulation no time passes while a watch is ready.
    light(&reactor, Duration::ZERO, |reactor| reactor.shutdown());
    reactor.run().unwrap();
    assert_eq!((Rc::strong_count(&token), reactor.report().left.len()), (1, 10));
    drop(wires);
    reactor.run().unwrap();
}

/// O2: enumeration of everything that is watched.
fn a_watch_tells_who_made_it(ground: &Ground) {
    let (reactor, wire) = (ground.reactor(), ground.wire());
    let key = watch(&reactor, &wire, Interest::Write, |_, _| true);
    let line = line!() - 1;
    let sights = reactor.watch_sights();
    let [(descriptor, interest, place)] = sights[..] else { panic!("{sights:?}") };
    assert_eq!((descriptor, interest, place.line()), (wire.number(), Interest::Write, line));
    let live = reactor.report().live;
    assert_eq!((live.len(), live[0].place.line()), (1, line));
    assert!(reactor.unwatch(key));
    assert!(reactor.watch_sights().is_empty());
}

fn a_turn_in_a_watchs_handler_does_not_tell_it_again(ground: &Ground) {
    let (reactor, depth) = (ground.reactor(), Rc::new(Cell::new(0)));
    let (wire, count) = (ground.wire(), depth.clone());
    wire.fill();
    let mut told = 0;
    watch(&reactor, &wire, Interest::Read, move |reactor, _| {
        count.set(count.get() + 1);
        assert_eq!(count.get(), 1, "it is being told");
        look(reactor);
        count.set(count.get() - 1);
        told += 1;
        told < 3
    });
    reactor.run().unwrap();
    assert_eq!(depth.get(), 0);
}
