//! The same promises under simulation, where a script sends the signals and nobody has to die for it.

use fate::sim::Sim;
use fate::{Fate, Kind, Signal};
use std::cell::RefCell;
use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

type Log = Rc<RefCell<Vec<String>>>;

/// A host that would live for a hundred seconds, and takes three to shut down.
fn lives(sim: &mut Sim, log: &Log) -> Fate {
    let (fate, log) = (sim.host("here"), log.clone());
    fate.get_fuse(SECOND * 100).set_handler(|_| ());
    fate.before_shutdown(move |fate| {
        log.borrow_mut().push("saving".into());
        let (wait, log) = (fate.sleep(SECOND * 3), log.clone());
        fate.spawn(async move {
            wait.await;
            log.borrow_mut().push("saved".into());
        })
    });
    fate
}

/// L4, L2.
#[test]
fn the_first_signal_stops_in_stages_and_the_program_dies_of_it() {
    for signal in [Signal::INT, Signal::TERM] {
        let (mut sim, log) = (Sim::new(1), Log::default());
        lives(&mut sim, &log);
        sim.run_until(SECOND * 10).unwrap();
        sim.signal("here", signal);
        sim.run().unwrap();
        assert_eq!(log.take(), ["saving", "saved"]);
        assert_eq!((sim.elapsed(), sim.died_of("here")), (SECOND * 13, Some(signal)));
    }
}

/// L4.
#[test]
fn the_second_signal_kills_at_once() {
    let (mut sim, log) = (Sim::new(1), Log::default());
    lives(&mut sim, &log);
    sim.run_until(SECOND * 10).unwrap();
    sim.signal("here", Signal::INT);
    sim.run_until(SECOND * 11).unwrap();
    assert_eq!(sim.died_of("here"), None);
    sim.signal("here", Signal::INT);
    sim.run().unwrap();
    assert_eq!(log.take(), ["saving"]);
    assert_eq!((sim.elapsed(), sim.died_of("here")), (SECOND * 11, Some(Signal::INT)));
}

/// L4.
#[test]
fn nothing_is_taken_when_told_so() {
    let mut sim = Sim::new(1);
    let fate = sim.host_with("here", Fate::builder().leave_signals());
    fate.before_shutdown(|_| -> () { panic!("nobody asked for that") });
    fate.get_fuse(SECOND * 100).set_handler(|_| ());
    drop(fate);
    sim.run_until(SECOND).unwrap();
    sim.signal("here", Signal::INT);
    assert_eq!(sim.died_of("here"), Some(Signal::INT));
    sim.run().unwrap();
}

/// L4, S1: and when it stops, the run hears the signal itself.
#[test]
fn a_signal_that_the_program_hears_is_left_to_it() {
    let (mut sim, log) = (Sim::new(1), Log::default());
    let fate = lives(&mut sim, &log);
    sim.run_until(SECOND).unwrap();
    let told = log.clone();
    let listener = fate.on_signal(Signal::INT, move |_, signal| told.borrow_mut().push(signal.to_string())).unwrap();
    for moment in [2, 3] {
        sim.signal("here", Signal::INT);
        sim.run_until(SECOND * moment).unwrap();
    }
    assert_eq!((log.take(), listener.arrivals()), (vec!["SIGINT".to_string(); 2], 2));
    assert!(listener.stop());
    sim.signal("here", Signal::INT);
    sim.run().unwrap();
    assert_eq!(log.take(), ["saving", "saved"]);
    assert_eq!(sim.died_of("here"), Some(Signal::INT));
}

/// S1, A4.
#[test]
fn each_listener_is_told_once_a_turn_and_nothing_awaited_is_lost() {
    let (mut sim, log) = (Sim::new(1), Log::default());
    let fate = sim.host("here");
    let listeners = ["one", "two"].map(|name| {
        let log = log.clone();
        fate.on_signal(Signal::HUP, move |_, _| log.borrow_mut().push(name.into())).unwrap().keep_alive()
    });
    let mut signals = fate.signals(&[Signal::HUP, Signal::USR1]).unwrap();
    sim.run_until(SECOND).unwrap();
    (0..3).for_each(|_| sim.signal("here", Signal::HUP));
    sim.run_until(SECOND * 2).unwrap();
    sim.signal("here", Signal::USR1);
    sim.run_until(SECOND * 3).unwrap();
    assert_eq!(log.take(), ["one", "two"]);
    assert_eq!(listeners.each_ref().map(|listener| listener.arrivals()), [3, 3]);
    let told = log.clone();
    fate.spawn(async move {
        while let Some(signal) = signals.next().await {
            told.borrow_mut().push(signal.to_string());
        }
    });
    listeners.iter().for_each(|listener| assert!(listener.stop()));
    sim.run().unwrap();
    assert_eq!(log.take(), ["SIGHUP", "SIGUSR1"]);
    assert_eq!(sim.elapsed(), SECOND * 3);
}

/// L3, O2, V3: an unused hook is no reason to go on; but it is there.
#[test]
fn a_listener_alone_does_not_keep_a_run_going() {
    let mut sim = Sim::new(1);
    let fate = sim.host("here");
    let listener = fate.on_signal(Signal::HUP, |_, _| ()).unwrap();
    sim.run().unwrap();
    assert_eq!(sim.elapsed(), Duration::ZERO);
    let live = fate.report().live;
    assert_eq!(live.iter().map(|live| (live.kind, &*live.waits_for)).collect::<Vec<_>>(), [(Kind::Signal, "SIGHUP")]);
    fate.shutdown();
    sim.run().unwrap();
    assert!(!listener.is_listening() && fate.report().live.is_empty());
}

/// S1.
#[test]
fn what_cannot_be_heard_is_refused() {
    let fate = Sim::new(1).host("here");
    for number in [libc::SIGKILL, libc::SIGSTOP, libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL] {
        let error = fate.on_signal(Signal::new(number).unwrap(), |_, _| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{number}");
    }
}
