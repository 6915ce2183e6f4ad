//! S1, L4, P1: signals to a host's own program and to its children.

use crate::log::{Log, SECOND};
use crate::rig::{command, events, note, said, world};
use fate::{Reason, Signal, Tick};

/// P1: what a program says of a signal is what happens.
#[test]
fn a_child_that_ignores_term_is_killed_when_patience_is_over() {
    let (mut sim, fate) = world(1);
    sim.program("here", "stubborn", |child| async move {
        child.ignore(Signal::TERM);
        child.fate().sleep(SECOND * 1_000).await;
    });
    let log = Log::default();
    let seen = log.clone();
    fate.clone().spawn(async move {
        let child = fate.spawn_child(command("stubborn")).await?;
        fate.sleep(SECOND).await;
        note(&seen, &fate, said(child.terminate(SECOND * 5).await?));
        fate::Ok(())
    });
    sim.run().unwrap();
    assert_eq!(log.take(), [(6, "signal 9".to_string())]);
    let signals = ["signal stubborn[2] SIGTERM", "signal stubborn[2] SIGKILL", "exited stubborn[2] SIGKILL"];
    assert_eq!(events(&sim, &["signal", "exited"]), signals);
}

/// P1: unless it says something, it ends by the signal.
#[test]
fn a_child_hears_what_it_wants_to_hear() {
    let (mut sim, fate) = world(1);
    let log = Log::default();
    let seen = log.clone();
    sim.program("here", "daemon", move |child| {
        let log = seen.clone();
        async move {
            let heard = log.clone();
            child.on_signal(Signal::HUP, move |signal| heard.note(signal.to_string()));
            let mut signals = child.signals(&[Signal::USR1, Signal::HUP]);
            for _ in 0..2 {
                log.note(format!("next {}", signals.next().await));
            }
            child.fate().sleep(SECOND * 1_000).await;
        }
    });
    let seen = log.clone();
    fate.clone().spawn(async move {
        let child = fate.spawn_child(command("daemon")).await?;
        for signal in [Signal::HUP, Signal::USR1, Signal::WINCH, Signal::INT] {
            fate.sleep(SECOND).await;
            child.signal(signal)?;
        }
        seen.note(said(child.exited().await?));
        fate::Ok(())
    });
    sim.run().unwrap();
    assert_eq!(log.take(), ["SIGHUP", "next SIGHUP", "next SIGUSR1", "signal 2"]);
    assert_eq!(sim.elapsed().as_secs(), 4);
}

/// L4: it shuts down in stages, and dies by the signal.
#[test]
fn the_first_signal_shuts_down() {
    let (mut sim, fate) = world(1);
    let log = Log::default();
    let seen = log.clone();
    fate.before_shutdown(move |fate| {
        let (log, fate) = (seen.clone(), fate.clone());
        fate.clone().spawn(async move {
            fate.sleep(SECOND * 3).await;
            note(&log, &fate, "saved");
        })
    });
    fate.every(SECOND, |_, _: Tick| ());
    sim.run_until(SECOND * 10).unwrap();
    sim.signal("here", Signal::INT);
    assert_eq!(sim.died_of("here"), None);
    sim.run().unwrap();
    assert_eq!(log.take(), [(13, "saved".to_string())]);
    assert_eq!(sim.died_of("here"), Some(Signal::INT));
    sim.run().unwrap();
    assert_eq!(sim.died_of("here"), None, "it has run again");
    assert_eq!(
        events(&sim, &["signal", "closing", "closed", "died"]),
        ["signal SIGINT", "closing ", "closed ", "died SIGINT"]
    );
}

/// L4: and whoever it was connected to is told, for the host is still there.
#[test]
fn the_second_signal_kills_at_once() {
    let (mut sim, server) = world(1);
    let client = sim.host("client");
    let log = Log::default();
    server.listen_tcp("0.0.0.0:7").unwrap().serve(|_| Silent(Log::default()));
    let seen = log.clone();
    client.clone().spawn(async move {
        client.connect_tcp("here:7").await?.drive(Silent(seen));
        fate::Ok(())
    });
    server.before_shutdown(|fate| fate.clone().spawn(fate.sleep(SECOND * 5)));
    sim.run_until(SECOND).unwrap();
    sim.signal("here", Signal::TERM);
    sim.run_until(SECOND * 2).unwrap();
    assert!(log.take().is_empty());
    sim.signal("here", Signal::TERM);
    assert_eq!(sim.died_of("here"), Some(Signal::TERM));
    sim.run().unwrap();
    assert_eq!(log.take(), ["ended"]);
    assert_eq!(sim.elapsed(), SECOND * 2 + std::time::Duration::from_micros(100));
}

/// Notes how its connection ends.
struct Silent(Log<&'static str>);

impl fate::Protocol for Silent {
    fn data_received(&mut self, _: &fate::Transport, _: &[u8]) {}

    fn connection_lost(&mut self, _: &fate::Transport, reason: Reason) {
        self.0.note(if matches!(reason, Reason::Closed) { "ended" } else { "otherwise" });
    }
}

/// L4, V2: and it can be started again.
#[test]
fn before_it_runs_a_program_has_no_defence() {
    let (mut sim, _fate) = world(1);
    sim.signal("here", Signal::CHLD);
    assert_eq!(sim.died_of("here"), None);
    sim.signal("here", Signal::TERM);
    assert_eq!(sim.died_of("here"), Some(Signal::TERM));
    sim.signal("here", Signal::TERM);
    let again = sim.host("here");
    assert_eq!(sim.died_of("here"), None);
    let log = Log::default();
    let seen = log.clone();
    again.get_fuse(SECOND).set_handler(move |_| seen.note("alive"));
    sim.run().unwrap();
    assert_eq!(log.take(), ["alive"]);
}

/// S1: also one that waits for nothing.
#[test]
fn a_program_that_listens_is_told_and_goes_on() {
    let (mut sim, fate) = world(1);
    let log = Log::default();
    let seen = log.clone();
    let listener = fate.on_signal(Signal::TERM, move |fate, signal| note(&seen, fate, signal.to_string())).unwrap();
    for seconds in [1, 2] {
        sim.run_until(SECOND * seconds).unwrap();
        sim.signal("here", Signal::TERM);
    }
    sim.run().unwrap();
    assert_eq!(log.take(), [(1, "SIGTERM".to_string()), (2, "SIGTERM".into())]);
    listener.stop();
    sim.run().unwrap();
    sim.signal("here", Signal::TERM);
    sim.run().unwrap();
    assert_eq!(sim.died_of("here"), Some(Signal::TERM));
}

/// S1: a child that ends is a signal too.
#[test]
fn the_end_of_a_child_can_be_heard() {
    let (mut sim, fate) = world(1);
    sim.program("here", "true", |child| async move { child.fate().sleep(SECOND * 2).await });
    let log = Log::default();
    let seen = log.clone();
    let listener = fate.on_signal(Signal::CHLD, move |fate, signal| note(&seen, fate, signal.to_string())).unwrap();
    fate.output(command("true")).add_callback(drop);
    sim.run().unwrap();
    assert_eq!(log.take(), [(2, "SIGCHLD".to_string())]);
    listener.stop();
}
