//! S1, L4, V2: signals to a host's own program.

use crate::rig::{code, host};
use fate_core::{Driver, Hearing, Interest, Signal};
use std::io::ErrorKind;

/// S1.
#[test]
fn each_signal_that_is_heard_is_counted_and_told_once() {
    let mut host = host();
    let ear = host.system.ear().unwrap();
    assert!(host.system.hear(Signal::USR1, Hearing::Each).unwrap());
    assert!(host.system.hear(Signal::HUP, Hearing::Each).unwrap());
    for signal in [Signal::USR1, Signal::HUP, Signal::USR1] {
        assert!(!host.world.signal(host.number(), signal));
    }
    assert!(host.is_ready(ear, Interest::Read));
    assert_eq!(host.system.heard(), [(Signal::HUP, 1), (Signal::USR1, 2)]);
    assert!(host.system.heard().is_empty() && !host.is_ready(ear, Interest::Read));
    assert_eq!(host.system.ear().unwrap(), ear);
}

/// S1: dropping the last listener restores what was there, which is death.
#[test]
fn what_nobody_hears_any_more_does_what_it_did_before() {
    let host = host();
    let number = host.number();
    for _ in 0..2 {
        host.system.hear(Signal::TERM, Hearing::Each).unwrap();
    }
    host.system.stop_hearing(Signal::TERM, Hearing::Each);
    assert!(!host.world.signal(number, Signal::TERM));
    host.system.stop_hearing(Signal::TERM, Hearing::Each);
    host.system.stop_hearing(Signal::TERM, Hearing::Each);
    assert!(host.system.heard().is_empty());
    for harmless in [Signal::CHLD, Signal::WINCH, Signal::CONT, Signal::TSTP] {
        assert!(!host.world.signal(number, harmless));
    }
    assert_eq!(host.world.died_of(number), None);
    assert!(host.world.signal(number, Signal::TERM));
    assert_eq!(host.world.died_of(number), Some(Signal::TERM));
    assert_eq!(host.history().last().unwrap(), "died SIGTERM");
}

/// L4.
#[test]
fn of_the_first_kind_one_is_told_and_the_second_kills() {
    let host = host();
    assert!(host.system.hear(Signal::INT, Hearing::First).unwrap());
    assert!(!host.system.hear(Signal::INT, Hearing::First).unwrap());
    assert!(!host.world.signal(host.number(), Signal::INT));
    assert_eq!(host.system.heard(), [(Signal::INT, 1)]);
    assert!(host.world.signal(host.number(), Signal::INT));
}

/// L4: what the program hears itself is not taken from it.
#[test]
fn the_first_kind_is_taken_only_if_nobody_listens() {
    let host = host();
    host.system.hear(Signal::INT, Hearing::Each).unwrap();
    assert!(!host.system.hear(Signal::INT, Hearing::First).unwrap());
    host.system.stop_hearing(Signal::INT, Hearing::Each);
    assert!(host.system.hear(Signal::INT, Hearing::First).unwrap());
    host.system.stop_hearing(Signal::INT, Hearing::First);
    assert!(host.world.signal(host.number(), Signal::INT));
}

/// S1, E4.
#[test]
fn nobody_can_hear_the_signals_that_nobody_can_hear() {
    let host = host();
    for signal in [Signal::KILL, Signal::STOP, Signal::SEGV] {
        assert_eq!(host.system.hear(signal, Hearing::Each).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    host.system.stop_hearing(Signal::KILL, Hearing::Each);
    assert!(host.world.signal(host.number(), Signal::KILL));
}

/// S1: and it is a signal like any other.
#[test]
fn the_end_of_a_child_is_a_signal() {
    let mut host = host();
    host.system.hear(Signal::CHLD, Hearing::Each).unwrap();
    let (_, newborn) = host.spawn();
    host.exit(&newborn, code(0));
    assert_eq!(host.system.heard(), [(Signal::CHLD, 1)]);
}

/// V2: the program is gone, but its host is not: it says so to whoever calls.
#[test]
fn a_program_that_has_ended_leaves_its_host_behind() {
    let host = host();
    let number = host.number();
    host.spawn();
    host.world.end_program(number);
    assert!(!host.world.signal(number, Signal::KILL), "nobody is there");
    assert!(host.system.ear().is_err() && host.system.heard().is_empty());
    let again = host.world.host("here");
    assert_eq!((again.host(), host.world.died_of(number)), (number, None));
    assert!(again.system().hear(Signal::INT, Hearing::First).unwrap());
}
