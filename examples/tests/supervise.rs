//! `supervise` under virtual time.

#[expect(dead_code, reason = "it is directed, and its main is not run")]
#[path = "../supervise.rs"]
mod supervise;

use fate::{Signal, sim::Sim};
use std::ffi::OsString;
use std::time::Duration;
use supervise::{jobs, set_up};

const HERE: &str = "here";

/// A world with programs: `sleep` and `fail` after so many seconds, `stay` until it is killed.
fn world(line: &str) -> Sim {
    let mut sim = Sim::new(1);
    let fate = sim.host(HERE);
    for (name, status) in [("sleep", 0), ("fail", 3)] {
        sim.program(HERE, name, move |child| async move {
            let seconds = child.args()[0].to_string_lossy().parse()?;
            child.fate().sleep(Duration::from_secs(seconds)).await;
            fate::Ok(status)
        });
    }
    sim.program(HERE, "stay", |child| async move {
        child.ignore(Signal::TERM);
        std::future::pending::<()>().await;
    });
    let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
    set_up(&fate, jobs(&words)).expect("there is an output");
    sim
}

fn lines(sim: &Sim) -> Vec<String> {
    sim.printed(HERE).lines().map(String::from).collect()
}

fn assert_nothing_is_left(sim: &Sim) {
    let leaks: Vec<String> = sim.leaks().iter().map(ToString::to_string).collect();
    assert!(leaks.is_empty(), "left behind: {leaks:#?}");
}

#[test]
fn what_succeeds_has_done_its_work_and_with_the_last_of_them_all_is_over() {
    let mut sim = world("sleep 5 -- /usr/bin/sleep 7");
    sim.run().expect("nobody fails");
    let expected = [
        "sleep: started (process 2)",
        "sleep 2: started (process 3)",
        "sleep: ended after 5.0s: exit status: 0",
        "sleep: over",
        "sleep 2: ended after 7.0s: exit status: 0",
        "sleep 2: over",
    ];
    assert_eq!(lines(&sim), expected);
    assert_eq!((sim.elapsed().as_secs(), sim.died_of(HERE)), (7, None));
    assert_nothing_is_left(&sim);
}

#[test]
fn what_fails_is_started_again_later_each_time() {
    let mut sim = world("fail 1");
    sim.run_until(Duration::from_secs(4)).expect("nobody fails");
    let expected = [
        "fail: started (process 2)",
        "fail: ended after 1.0s: exit status: 3",
        "fail: starts again in 100.0ms",
        "fail: started (process 3)",
        "fail: ended after 1.0s: exit status: 3",
        "fail: starts again in 200.0ms",
        "fail: started (process 4)",
        "fail: ended after 1.0s: exit status: 3",
        "fail: starts again in 400.0ms",
        "fail: started (process 5)",
    ];
    assert_eq!(lines(&sim), expected);
}

#[test]
fn what_cannot_be_started_is_tried_again() {
    let mut sim = world("walrus");
    sim.run_until(Duration::from_millis(150)).expect("nobody fails");
    let complaint = "walrus: could not start walrus: No such file or directory (os error 2)";
    let expected = [complaint, "walrus: starts again in 100.0ms", complaint, "walrus: starts again in 200.0ms"];
    assert_eq!(lines(&sim), expected);
}

#[test]
fn a_signal_ends_them_all_and_who_does_not_end_is_killed() {
    let mut sim = world("sleep 100 -- stay -- fail 100");
    sim.run_until(Duration::from_secs(10)).expect("nobody fails");
    sim.signal(HERE, Signal::INT);
    sim.run().expect("nobody fails");
    let expected = [
        "sleep: started (process 2)",
        "stay: started (process 3)",
        "fail: started (process 4)",
        "sleep: ended after 10.0s: signal: 15 (SIGTERM)",
        "sleep: over",
        "fail: ended after 10.0s: signal: 15 (SIGTERM)",
        "fail: over",
        "stay: does not end, killed (process 3)",
        "stay: ended after 15.0s: signal: 9 (SIGKILL)",
        "stay: over",
    ];
    assert_eq!(lines(&sim), expected);
    assert_eq!((sim.elapsed().as_secs(), sim.died_of(HERE)), (15, Some(Signal::INT)));
    assert_nothing_is_left(&sim);
}

#[test]
fn two_dashes_stand_between_commands() {
    let words = ["--", "sh", "-c", "true -- false", "--", "--", "sh", "--"].map(OsString::from);
    assert_eq!(jobs(&words).len(), 2);
    assert!(jobs(&["--".into()]).is_empty());
}
