//! L4: the first signal stops, the second kills.

use super::alone::{alone, goes_well_alone, say};
use super::foreign::{self, action, calls, strike};
use super::{HOUR, MILLISECOND, fate_on};
use fate::{Fate, Signal};
use fate_conformance::ground::Ground;
use rustix::process::Signal as Sent;
use std::cell::Cell;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

/// Goes on for an hour, and says that it has begun.
fn lives(fate: &Fate) {
    fate.get_fuse(HOUR).set_handler(|_| ());
    fate.call_soon(|_| say("ready"));
}

/// L4, L2: SIGINT and SIGTERM alike.
pub fn the_first_signal_stops_in_stages_and_the_program_dies_of_it(ground: &Ground) {
    for signal in [Sent::INT, Sent::TERM] {
        let name = "the_first_signal_stops_in_stages_and_the_program_dies_of_it";
        let copy = |ground: &Ground| {
            let fate = ground.fate();
            lives(&fate);
            fate.before_shutdown(|fate| {
                say("saving");
                let wait = fate.sleep(MILLISECOND);
                fate.spawn(async {
                    wait.await;
                    say("saved");
                })
            });
            fate.run().unwrap();
            say("it goes on");
        };
        alone(ground, name, copy, |mut copy| {
            copy.hears("ready");
            copy.send(signal);
            assert_eq!(copy.dies_of(signal), ["ready", "saving", "saved"]);
        });
    }
}

/// L4.
pub fn the_second_signal_kills_while_a_handler_holds_the_loop(ground: &Ground) {
    let copy = |ground: &Ground| {
        let fate = ground.fate();
        lives(&fate);
        fate.before_shutdown(|_| -> () {
            say("stuck");
            loop {
                thread::park();
            }
        });
        fate.run().unwrap();
    };
    alone(ground, "the_second_signal_kills_while_a_handler_holds_the_loop", copy, |mut copy| {
        copy.hears("ready");
        copy.send(Sent::TERM);
        copy.hears("stuck");
        copy.send(Sent::TERM);
        copy.dies_of(Sent::TERM);
    });
}

/// L4.
pub fn a_run_until_something_dies_of_the_signal_too(ground: &Ground) {
    let copy = |ground: &Ground| {
        let fate = ground.fate();
        lives(&fate);
        fate.run_until(fate.sleep(HOUR));
    };
    alone(ground, "a_run_until_something_dies_of_the_signal_too", copy, |mut copy| {
        copy.hears("ready");
        copy.send(Sent::INT);
        copy.dies_of(Sent::INT);
    });
}

/// L4: a server whose main future ends because it was told to.
pub fn what_the_program_awaited_may_end_with_the_shutdown(ground: &Ground) {
    let copy = |ground: &Ground| {
        let fate = ground.fate();
        lives(&fate);
        let (promise, asked) = fate.deferred::<()>();
        fate.before_shutdown(move |_| promise.callback(()));
        assert!(fate.run_until(async { asked.await }).is_ok());
        say("it goes on");
    };
    alone(ground, "what_the_program_awaited_may_end_with_the_shutdown", copy, |mut copy| {
        copy.hears("ready");
        copy.send(Sent::INT);
        assert_eq!(copy.dies_of(Sent::INT), ["ready"]);
    });
}

/// L4: after that turn nothing is left to happen.
pub fn a_signal_that_came_in_the_last_turn_is_not_lost(ground: &Ground) {
    let copy = |ground: &Ground| {
        let fate = ground.fate();
        fate.before_shutdown(|_| say("saving"));
        fate.call_soon(|_| strike(Signal::INT));
        fate.run().unwrap();
        say("it goes on");
    };
    alone(ground, "a_signal_that_came_in_the_last_turn_is_not_lost", copy, |copy| {
        assert_eq!(copy.dies_of(Sent::INT), ["saving"]);
    });
}

/// L4, L1.
pub fn two_fates_on_two_threads_both_shut_down(ground: &Ground) {
    let copy = |ground: &Ground| {
        let driver = ground.driver_name();
        let thread = thread::spawn(move || {
            let fate = fate_on(driver);
            fate.before_shutdown(|_| say("the other saves"));
            fate.get_fuse(HOUR).set_handler(|_| ());
            fate.call_soon(|_| say("the other is ready"));
            fate.run().unwrap();
        });
        let fate = ground.fate();
        fate.before_shutdown(|_| say("one saves"));
        lives(&fate);
        fate.run().unwrap();
        thread.join().unwrap();
        say("it goes on");
    };
    alone(ground, "two_fates_on_two_threads_both_shut_down", copy, |copy| {
        let mut copy = copy;
        copy.hears_all(&["ready", "the other is ready"]);
        copy.send(Sent::INT);
        let mut said = copy.dies_of(Sent::INT);
        said.sort();
        assert_eq!(said, ["one saves", "ready", "the other is ready", "the other saves"]);
    });
}

/// L4.
pub fn what_a_run_found_is_there_again(ground: &Ground) {
    goes_well_alone(ground, "what_a_run_found_is_there_again", |ground| {
        let before = [Signal::INT, Signal::TERM].map(action);
        let (fate, inside) = (ground.fate(), Rc::new(Cell::new(None)));
        for _ in 0..3 {
            let seen = inside.clone();
            fate.call_soon(move |_| seen.set(Some(action(Signal::INT))));
            fate.run().unwrap();
            assert_ne!(inside.take().map(|action| action.0), Some(libc::SIG_DFL));
            assert_eq!([Signal::INT, Signal::TERM].map(|signal| action(signal).0), before.map(|action| action.0));
        }
    });
}

/// L4.
pub fn a_foreign_handler_keeps_its_signal_in_a_run(ground: &Ground) {
    goes_well_alone(ground, "a_foreign_handler_keeps_its_signal_in_a_run", |ground| {
        foreign::put(Signal::INT, foreign::counting);
        let (fate, found) = (ground.fate(), action(Signal::INT));
        fate.before_shutdown(|_| -> () { panic!("nobody asked for that") });
        fate.call_soon(move |_| {
            strike(Signal::INT);
            assert_eq!(action(Signal::INT), found);
        });
        fate.run().unwrap();
        assert_eq!((calls(), action(Signal::INT)), (1, found));
    });
}

/// L4: as under `nohup`.
pub fn an_ignored_signal_stays_ignored(ground: &Ground) {
    goes_well_alone(ground, "an_ignored_signal_stays_ignored", |ground| {
        foreign::ignore(Signal::INT);
        let fate = ground.fate();
        fate.call_soon(move |_| {
            strike(Signal::INT);
            assert_eq!(action(Signal::INT).0, libc::SIG_IGN);
        });
        fate.run().unwrap();
        strike(Signal::INT);
    });
}

/// L4, L5.
pub fn nothing_is_taken_when_told_so_nor_by_a_turn(ground: &Ground) {
    goes_well_alone(ground, "nothing_is_taken_when_told_so_nor_by_a_turn", |ground| {
        let fate = ground.fate_with(Fate::builder().leave_signals());
        let look = |_: &Fate| assert_eq!(action(Signal::INT).0, libc::SIG_DFL);
        fate.call_soon(look);
        fate.run().unwrap();
        fate.run_until(async { look(&fate) });
        let guest = ground.another().fate();
        guest.call_soon(look);
        guest.turn(Duration::ZERO).unwrap();
        assert_eq!(guest.report().turns, 1);
    });
}

/// L4, S1: before the run and within it; and when it stops, the run hears the signal itself.
pub fn a_signal_that_the_program_hears_is_left_to_it(ground: &Ground) {
    let copy = |ground: &Ground| {
        let fate = ground.fate();
        fate.before_shutdown(|_| say("saving"));
        let inside = |fate: &Fate| {
            let turns = Rc::new(Cell::new(0));
            let listener = fate.on_signal(Signal::TERM, move |_, signal| {
                turns.set(turns.get() + 1);
                say(&format!("{signal} {}", turns.get()));
            });
            let listener = listener.unwrap();
            fate.get_fuse(HOUR).set_handler(|_| ());
            fate.spawn({
                let fate = fate.clone();
                async move {
                    for number in 1..=3 {
                        strike(Signal::TERM);
                        while listener.arrivals() < number {
                            fate.sleep(MILLISECOND / 10).await;
                        }
                    }
                    listener.stop();
                    say("stopped");
                }
            });
        };
        fate.call_soon(inside);
        fate.run().unwrap();
        say("it goes on");
    };
    alone(ground, "a_signal_that_the_program_hears_is_left_to_it", copy, |mut copy| {
        copy.hears("stopped");
        copy.send(Sent::TERM);
        assert_eq!(copy.dies_of(Sent::TERM), ["SIGTERM 1", "SIGTERM 2", "SIGTERM 3", "stopped", "saving"]);
    });
}
