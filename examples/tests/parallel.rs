//! `parallel` under virtual time.

#[expect(dead_code, reason = "it is directed, and its main is not run")]
#[path = "../parallel.rs"]
mod parallel;

use fate::{Signal, sim::Sim};
use parallel::{Plan, run};
use std::cell::{Cell, RefCell};
use std::ffi::OsString;
use std::rc::Rc;
use std::time::Duration;

const HERE: &str = "here";
const ERASE: &str = "\r\x1b[K";

/// What became of a run.
#[derive(Default)]
struct Seen {
    /// How many have failed, or why it could not go on.
    outcome: RefCell<Option<Result<usize, String>>>,
    /// How many have run at a time, at most.
    most: Cell<usize>,
    running: Cell<usize>,
}

fn words(line: &str) -> Vec<OsString> {
    line.split(' ').map(OsString::from).collect()
}

/// A world with a program, `work`: it takes as many seconds as its argument says, and fails if they are odd.
fn world(line: &str, is_watched: bool) -> (Sim, Rc<Seen>) {
    let (mut sim, seen) = (Sim::new(1), Rc::<Seen>::default());
    let fate = sim.host(HERE);
    let watcher = seen.clone();
    sim.program(HERE, "work", move |child| {
        let seen = watcher.clone();
        async move {
            seen.running.update(|running| running + 1);
            seen.most.update(|most| most.max(seen.running.get()));
            let seconds: u64 = child.args()[0].to_string_lossy().parse()?;
            child.print(format!("begins {seconds}\n")).await?;
            child.fate().sleep(Duration::from_secs(seconds)).await;
            child.print(format!("ends {seconds}\n")).await?;
            if seconds % 2 == 1 {
                child.complain("odd\n").await?;
            }
            seen.running.update(|running| running - 1);
            fate::Ok((seconds % 2) as i32)
        }
    });
    let plan = Plan { is_watched, ..Plan::read(words(line)).expect("it makes sense") };
    let outcome = seen.clone();
    fate.clone().spawn(async move {
        let result = run(fate.clone(), plan).await;
        outcome.outcome.replace(Some(result.map_err(|failure| failure.to_string())));
    });
    (sim, seen)
}

/// What was shown on standard error, each thing once, from one emptied line to the next.
fn frames(sim: &Sim) -> Vec<String> {
    let mut frames: Vec<String> = sim.complained(HERE).split(ERASE).map(String::from).collect();
    frames.retain(|frame| !frame.is_empty());
    frames.dedup();
    frames
}

fn assert_nothing_is_left(sim: &Sim) {
    let leaks: Vec<String> = sim.leaks().iter().map(ToString::to_string).collect();
    assert!(leaks.is_empty(), "left behind: {leaks:#?}");
}

#[test]
fn so_many_run_at_a_time_and_what_each_prints_stays_together() {
    let (mut sim, seen) = world("-j 2 work {} ::: 6 2 2 4 8", false);
    sim.run().expect("nobody fails");
    let expected = [2, 2, 6, 4, 8].map(|seconds| format!("begins {seconds}\nends {seconds}\n"));
    assert_eq!(sim.printed(HERE), expected.concat());
    assert_eq!(sim.complained(HERE), "");
    assert_eq!(seen.outcome.take(), Some(Ok(0)));
    assert_eq!((seen.most.get(), sim.elapsed().as_secs()), (2, 14));
    assert_nothing_is_left(&sim);
}

#[test]
fn what_fails_is_named_and_counted() {
    let (mut sim, seen) = world("-j8 work ::: 1 2 3 tea", false);
    sim.run().expect("nobody fails");
    let expected = [
        "parallel: work tea: exit status: 1",
        "odd",
        "parallel: work 1: exit status: 1",
        "odd",
        "parallel: work 3: exit status: 1",
    ];
    assert_eq!(sim.complained(HERE).lines().collect::<Vec<_>>(), expected);
    assert_eq!(seen.outcome.take(), Some(Ok(3)));
}

#[test]
fn what_cannot_be_started_has_failed() {
    let (mut sim, seen) = world("walrus ::: a b", false);
    sim.run().expect("nobody fails");
    let complaint = "could not start walrus: No such file or directory (os error 2)";
    assert_eq!(sim.complained(HERE), format!("parallel: walrus a: {complaint}\nparallel: walrus b: {complaint}\n"));
    assert_eq!(seen.outcome.take(), Some(Ok(2)));
}

#[test]
fn arguments_are_read_while_others_run() {
    let (mut sim, seen) = world("-j 1 work", false);
    sim.type_line(HERE, "2\n\n4");
    sim.run_until(Duration::from_secs(3)).expect("nobody fails");
    assert_eq!(sim.printed(HERE), "begins 2\nends 2\n");
    sim.run_until(Duration::from_secs(10)).expect("nobody fails");
    // The last line needs no end.
    sim.type_bytes(HERE, b"6");
    sim.end_input(HERE);
    sim.run().expect("nobody fails");
    assert_eq!(sim.printed(HERE), "begins 2\nends 2\nbegins 4\nends 4\nbegins 6\nends 6\n");
    assert_eq!((seen.outcome.take(), sim.elapsed().as_secs()), (Some(Ok(0)), 16));
    assert_nothing_is_left(&sim);
}

#[test]
fn an_argument_is_one_word_whatever_is_in_it() {
    let (mut sim, seen) = world("-0 say <{}> {}{}", false);
    let said = Rc::<RefCell<Vec<OsString>>>::default();
    let heard = said.clone();
    sim.program(HERE, "say", move |child| {
        heard.borrow_mut().extend_from_slice(child.args());
        async {}
    });
    sim.type_bytes(HERE, b"a b\n\0");
    sim.end_input(HERE);
    sim.run().expect("nobody fails");
    assert_eq!(said.take(), ["<a b\n>", "a b\na b\n"]);
    assert_eq!(seen.outcome.take(), Some(Ok(0)));
}

#[test]
fn without_a_command_each_argument_is_a_line_for_the_shell() {
    let plan = Plan::read(words("::: true false")).expect("it makes sense");
    assert_eq!(plan.command, ["sh", "-c", "{}"]);
    assert_eq!(plan.arguments, Some(words("true false")));
}

#[test]
fn a_command_line_without_sense_is_refused_with_a_reason() {
    let refusal = |line| Plan::read(words(line)).err().expect("it makes no sense");
    assert_eq!(refusal("-j 0 true"), "-j takes a number, not \"0\"");
    assert_eq!(refusal("-jx true"), "-j takes a number, not \"x\"");
    assert_eq!(refusal("-j"), "-j takes a number, not \"\"");
    assert_eq!(refusal("--bar true"), "there is no option --bar");
    assert_eq!(refusal("- true"), "there is no option -");
    assert_eq!(Plan::read(words("-j 3 -- -x")).expect("it makes sense").command, ["-x", "{}"]);
}

#[test]
fn a_bar_shows_how_far_it_is_and_is_gone_in_the_end() {
    let (mut sim, _) = world("-j 1 work ::: 1 2", true);
    sim.run().expect("nobody fails");
    let expected = [
        "[..............................] 0 of 2",
        "odd\nparallel: work 1: exit status: 1\n",
        "[###############...............] 1 of 2, 1 failed",
    ];
    assert_eq!(frames(&sim), expected);
    assert!(sim.complained(HERE).ends_with(ERASE));
    assert_eq!(sim.printed(HERE), "begins 1\nends 1\nbegins 2\nends 2\n");
    assert_nothing_is_left(&sim);
}

#[test]
fn a_signal_ends_what_runs_and_nothing_new_is_begun() {
    let (mut sim, seen) = world("-j 2 work ::: 2 100 200 300", true);
    sim.run_until(Duration::from_secs(50)).expect("nobody fails");
    sim.signal(HERE, Signal::INT);
    sim.run().expect("nobody fails");
    let frames = frames(&sim);
    let mut last: Vec<&str> = frames.last().expect("there is a bar").lines().collect();
    last[1..].sort_unstable();
    let expected = [
        "parallel: stopped, 1 of 4 done",
        "parallel: work 100: signal: 15 (SIGTERM)",
        "parallel: work 200: signal: 15 (SIGTERM)",
    ];
    assert_eq!(last, expected);
    assert_eq!(sim.printed(HERE).lines().filter(|line| line.starts_with("begins")).count(), 3);
    assert_eq!((sim.elapsed().as_secs(), sim.died_of(HERE)), (50, Some(Signal::INT)));
    assert_eq!(seen.most.get(), 2);
}
