//! S1: signals as events, and what there is of them in a process beside.

use super::alone::{alone, goes_well_alone, say};
use super::foreign::{self, action, calls, strike};
use super::{HOUR, MILLISECOND, fate_on};
use fate::{Fate, Kind, Signal};
use fate_conformance::ground::Ground;
use futures_lite::future;
use rustix::process::Signal as Sent;
use std::cell::{Cell, RefCell};
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

/// S1: of each Fate, once a turn, counted as the handler of the system counts.
pub fn each_arrival_is_told_to_each_listener(ground: &Ground) {
    goes_well_alone(ground, "each_arrival_is_told_to_each_listener", |ground| {
        let (fate, other) = (ground.fate(), ground.another().fate());
        let log = Rc::new(RefCell::new(Vec::new()));
        let listen = |fate: &Fate, name, signal| {
            let log = log.clone();
            fate.on_signal(signal, move |_, signal| log.borrow_mut().push((name, signal))).unwrap()
        };
        let listeners = [
            listen(&fate, "one", Signal::HUP),
            listen(&fate, "two", Signal::HUP),
            listen(&other, "three", Signal::HUP),
            listen(&other, "four", Signal::USR1),
        ];
        (0..3).for_each(|_| strike(Signal::HUP));
        let turn = |fate: &Fate, count| {
            let mut turns = 0;
            while log.borrow().len() < count {
                fate.turn(Duration::ZERO).unwrap();
                turns += 1;
                assert!(turns < 1_000_000, "{log:?}");
            }
        };
        turn(&fate, 2);
        turn(&other, 3);
        assert_eq!(log.take(), [("one", Signal::HUP), ("two", Signal::HUP), ("three", Signal::HUP)]);
        assert_eq!(listeners.each_ref().map(|listener| listener.arrivals()), [3, 3, 3, 0]);
        strike(Signal::USR1);
        turn(&other, 1);
        for fate in [&fate, &other] {
            fate.turn(Duration::ZERO).unwrap();
        }
        assert_eq!(log.take(), [("four", Signal::USR1)]);
    });
}

/// S1.
pub fn the_last_listener_puts_back_what_was_there(ground: &Ground) {
    goes_well_alone(ground, "the_last_listener_puts_back_what_was_there", |ground| {
        foreign::put(Signal::USR1, foreign::counting);
        foreign::ignore(Signal::USR2);
        let signals = [Signal::HUP, Signal::USR1, Signal::USR2];
        let before = signals.map(action);
        for _ in 0..3 {
            let (fate, other) = (ground.another().fate(), ground.another().fate());
            let taken: Vec<_> = signals.iter().map(|signal| fate.on_signal(*signal, |_, _| ()).unwrap()).collect();
            let awaited = other.signals(&signals).unwrap();
            assert!(signals.iter().zip(before).all(|(signal, before)| action(*signal) != before));
            assert!(taken.iter().all(|listener| listener.stop()));
            assert!(signals.iter().zip(before).all(|(signal, before)| action(*signal) != before));
            drop(awaited);
            assert_eq!(signals.map(|signal| action(signal).0), before.map(|action| action.0));
            // A Fate that goes takes its listeners with it.
            let listener = other.on_signal(Signal::USR1, |_, _| ()).unwrap();
            drop(other);
            assert_eq!((action(Signal::USR1), listener.is_listening()), (before[1], false));
        }
        // Whoever came after us stays.
        let fate = ground.fate();
        let listener = fate.on_signal(Signal::HUP, |_, _| ()).unwrap();
        foreign::put(Signal::HUP, foreign::counting);
        let theirs = action(Signal::HUP);
        listener.stop();
        assert_eq!(action(Signal::HUP), theirs);
    });
}

/// S1.
pub fn a_foreign_handler_is_called_beside_a_listener(ground: &Ground) {
    goes_well_alone(ground, "a_foreign_handler_is_called_beside_a_listener", |ground| {
        foreign::put(Signal::INT, foreign::counting);
        let fate = ground.fate();
        let listener = fate.on_signal(Signal::INT, |fate, _| fate.shutdown()).unwrap().keep_alive();
        strike(Signal::INT);
        fate.run().unwrap();
        assert_eq!((listener.arrivals(), calls()), (1, 1));
        strike(Signal::INT);
        assert_eq!(calls(), 2);
    });
}

/// S1: one that calls what it has found, which is ours, while ours finds it.
pub fn a_foreign_handler_on_top_calls_ours_without_end_being_lost(ground: &Ground) {
    goes_well_alone(ground, "a_foreign_handler_on_top_calls_ours_without_end_being_lost", |ground| {
        let fate = ground.fate();
        let listen = || fate.on_signal(Signal::HUP, |fate, _| fate.shutdown()).unwrap();
        let listener = listen();
        foreign::put(Signal::HUP, foreign::chaining);
        strike(Signal::HUP);
        assert_eq!(calls(), 1);
        listener.stop();
        strike(Signal::HUP);
        assert_eq!(calls(), 2, "ours is called, and hears nothing");
        let listener = listen().keep_alive();
        strike(Signal::HUP);
        fate.run().unwrap();
        assert!(calls() == 3 && listener.arrivals() > 0);
    });
}

/// S1: one that came after ours and goes after it, and knows no better than to put back what it found.
pub fn what_somebody_else_puts_back_of_ours_does_what_was_done_before(ground: &Ground) {
    let name = "what_somebody_else_puts_back_of_ours_does_what_was_done_before";
    let copy = |ground: &Ground| {
        let fate = ground.fate();
        foreign::put(Signal::USR1, foreign::counting);
        for signal in [Signal::USR1, Signal::HUP] {
            let listener = fate.on_signal(signal, |_, _| ()).unwrap();
            foreign::put(signal, foreign::chaining);
            listener.stop();
            foreign::put_back(signal);
            strike(signal);
            say(&format!("{signal} {}", calls()));
        }
    };
    alone(ground, name, copy, |copy| assert_eq!(copy.dies_of(Sent::HUP), ["SIGUSR1 1"]));
}

/// L3.
pub fn a_listener_alone_does_not_keep_a_run_going(ground: &Ground) {
    goes_well_alone(ground, "a_listener_alone_does_not_keep_a_run_going", |ground| {
        let fate = ground.fate();
        let listener = fate.on_signal(Signal::HUP, |_, _| ()).unwrap();
        let mut signals = fate.signals(&[Signal::USR1]).unwrap();
        fate.spawn(async move { signals.next().await });
        fate.run().unwrap();
        fate.run().unwrap();
        assert!(listener.is_listening());
        assert!(!fate.turn(HOUR).unwrap());
    });
}

/// L3.
pub fn a_listener_may_keep_a_run_going(ground: &Ground) {
    let copy = |ground: &Ground| {
        let fate = ground.fate();
        let listener = fate.on_signal(Signal::HUP, |_, _| say("heard")).unwrap().keep_alive();
        let told = listener.clone();
        let _ = fate.on_signal(Signal::USR1, move |_, _| assert!(told.stop())).unwrap();
        fate.call_soon(|_| say("ready"));
        fate.run().unwrap();
        assert!(!listener.is_listening());
        say("over");
    };
    alone(ground, "a_listener_may_keep_a_run_going", copy, |mut copy| {
        copy.hears("ready");
        for _ in 0..3 {
            copy.send(Sent::HUP);
            copy.hears("heard");
        }
        copy.send(Sent::USR1);
        copy.hears("over");
        assert!(copy.end().0.success());
    });
}

/// S1, A4.
pub fn awaited_signals_are_not_lost_when_the_wait_is(ground: &Ground) {
    goes_well_alone(ground, "awaited_signals_are_not_lost_when_the_wait_is", |ground| {
        let fate = ground.fate();
        let mut signals = fate.signals(&[Signal::USR1, Signal::USR2, Signal::USR1]).unwrap().keep_alive();
        let told = fate.run_until(async {
            let none = async {
                fate.sleep(MILLISECOND).await;
                None
            };
            assert_eq!(future::or(signals.next(), none).await, None);
            (0..3).for_each(|_| strike(Signal::USR2));
            fate.sleep(MILLISECOND).await;
            drop(signals.next());
            strike(Signal::USR1);
            [signals.next().await, signals.next().await]
        });
        assert_eq!(told, [Some(Signal::USR2), Some(Signal::USR1)]);
    });
}

/// S1, L2.
pub fn a_shutdown_ends_all_listening_and_is_told_of_it(ground: &Ground) {
    goes_well_alone(ground, "a_shutdown_ends_all_listening_and_is_told_of_it", |ground| {
        let (fate, before, token) = (ground.fate(), action(Signal::HUP).0, Rc::new(()));
        let (held, here) = (token.clone(), fate.clone());
        let listener =
            fate.on_signal(Signal::HUP, move |_, _| drop((held.clone(), here.clone()))).unwrap().keep_alive();
        let mut signals = fate.signals(&[Signal::HUP]).unwrap();
        fate.shutdown();
        fate.run().unwrap();
        assert_eq!((action(Signal::HUP).0, Rc::strong_count(&token), listener.is_listening()), (before, 1, false));
        assert_eq!(future::block_on(signals.next()), None);
        assert_eq!(fate.report().left.iter().filter(|live| live.kind == Kind::Signal).count(), 2);
        assert!(fate.report().live.is_empty());
    });
}

/// S1, E2.
pub fn a_listener_that_panics_listens_no_more(ground: &Ground) {
    goes_well_alone(ground, "a_listener_that_panics_listens_no_more", |ground| {
        let fate = ground.fate_with(Fate::builder().on_fault(|_, _| fate::Verdict::GoOn));
        let other = fate.on_signal(Signal::HUP, |fate, _| fate.shutdown()).unwrap().keep_alive();
        let listener = fate.on_signal(Signal::HUP, |_, _| -> () { std::panic::resume_unwind(Box::new("no tea")) });
        let failing = fate.on_signal(Signal::HUP, |_, _| Err("no spoon".into())).unwrap();
        let (listener, is_on) = (listener.unwrap(), Rc::new(Cell::new(true)));
        let (told, seen) = (listener.clone(), is_on.clone());
        fate.before_shutdown(move |_| seen.set(told.is_listening()));
        strike(Signal::HUP);
        fate.run().unwrap();
        assert_eq!((is_on.get(), fate.report().faults), (false, 2));
        assert_eq!((other.arrivals(), failing.arrivals()), (1, 1));
    });
}

/// S1.
pub fn what_cannot_be_heard_is_refused(ground: &Ground) {
    goes_well_alone(ground, "what_cannot_be_heard_is_refused", |ground| {
        let (fate, before) = (ground.fate(), action(Signal::HUP).0);
        let numbers = [libc::SIGKILL, libc::SIGSTOP, libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL];
        for signal in numbers.map(|number| Signal::new(number).unwrap()) {
            let error = fate.on_signal(signal, |_, _| ()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{signal}");
            assert!(fate.signals(&[Signal::HUP, signal]).is_err());
            assert_eq!(action(Signal::HUP).0, before);
        }
        assert!(fate.report().live.is_empty());
    });
}

/// O2, S1: and a run of itself is not.
pub fn listeners_are_in_the_report(ground: &Ground) {
    goes_well_alone(ground, "listeners_are_in_the_report", |ground| {
        let fate = ground.fate();
        let _listener = fate.on_signal(Signal::HUP, |_, _| ()).unwrap();
        let _signals = fate.signals(&[Signal::USR1, Signal::new(40).unwrap()]).unwrap();
        fate.call_soon(|fate| {
            let live = fate.report().live;
            let seen: Vec<(Kind, &str)> = live.iter().map(|live| (live.kind, live.waits_for.as_str())).collect();
            assert_eq!(seen, [(Kind::Signal, "SIGHUP"), (Kind::Signal, "SIGUSR1, signal 40")]);
            assert!(live.iter().all(|live| live.place.file() == file!()));
        });
        fate.run().unwrap();
    });
}

/// S1, L7: on several threads, while they are struck; who comes and goes disturbs no handler that is under way elsewhere.
pub fn many_fates_come_and_go_while_signals_come(ground: &Ground) {
    goes_well_alone(ground, "many_fates_come_and_go_while_signals_come", |ground| {
        let before = action(Signal::USR1).0;
        let (keeper, driver) = (ground.fate(), ground.driver_name());
        let counted = keeper.on_signal(Signal::USR1, |_, _| ()).unwrap();
        let threads: Vec<_> = (0..3)
            .map(|_| {
                thread::spawn(move || {
                    for _ in 0..50 {
                        let fate = fate_on(driver);
                        let listener = fate.on_signal(Signal::USR1, |fate, _| fate.shutdown()).unwrap().keep_alive();
                        strike(Signal::USR1);
                        fate.run().unwrap();
                        assert!(listener.arrivals() > 0);
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        while counted.arrivals() < 150 {
            keeper.turn(Duration::ZERO).unwrap();
        }
        assert_eq!(counted.arrivals(), 150);
        counted.stop();
        assert_eq!(action(Signal::USR1).0, before);
    });
}

/// L6, S1.
pub fn a_forked_child_does_what_it_did_without_and_disturbs_nobody(ground: &Ground) {
    goes_well_alone(ground, "a_forked_child_does_what_it_did_without_and_disturbs_nobody", |ground| {
        let fate = ground.fate();
        let listener = fate.on_signal(Signal::USR1, |_, _| ()).unwrap();
        foreign::put(Signal::USR2, foreign::counting);
        let beside = fate.on_signal(Signal::USR2, |_, _| ()).unwrap();
        let status = foreign::fork(|| {
            strike(Signal::USR2);
            assert_eq!(calls(), 1);
            strike(Signal::USR1);
            1
        });
        assert_eq!(ExitStatus::from_raw(status).signal(), Some(Sent::USR1.as_raw()));
        for _ in 0..3 {
            fate.turn(Duration::ZERO).unwrap();
        }
        assert_eq!((listener.arrivals(), beside.arrivals(), calls()), (0, 0, 0));
        strike(Signal::USR1);
        while listener.arrivals() == 0 {
            fate.turn(Duration::ZERO).unwrap();
        }
        assert_eq!(listener.arrivals(), 1);
    });
}

/// L6, S1.
pub fn a_fresh_fate_in_a_forked_child_hears(ground: &Ground) {
    goes_well_alone(ground, "a_fresh_fate_in_a_forked_child_hears", |ground| {
        let old = ground.fate();
        let before = action(Signal::HUP).0;
        let listener = old.on_signal(Signal::HUP, |_, _| ()).unwrap();
        let status = foreign::fork(|| {
            let fate = ground.another().fate();
            let fresh = fate.on_signal(Signal::USR1, |fate, _| fate.shutdown()).unwrap().keep_alive();
            // What the parent hears is not heard here any more.
            assert_eq!(action(Signal::HUP).0, before);
            strike(Signal::USR1);
            fate.run().unwrap();
            assert_eq!(fresh.arrivals(), 1);
            let refused = old.on_signal(Signal::USR1, |_, _| ()).unwrap_err();
            assert!(refused.get_ref().is_some_and(|error| error.is::<fate::Forked>()), "{refused}");
            listener.stop();
            0
        });
        assert_eq!(ExitStatus::from_raw(status).code(), Some(0));
        strike(Signal::HUP);
        while listener.arrivals() == 0 {
            old.turn(Duration::ZERO).unwrap();
        }
    });
}
