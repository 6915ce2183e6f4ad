//! P1, P2, V1: what a program is given, and how it ends.

use crate::log::{Log, OnDrop, SECOND};
use crate::rig::{command, events, leaks, note, said, world};
use fate::sim::Sim;
use fate::{ChildOptions, OutputOptions, OutputTooLong, Plug, SpawnFailed, Verdict};
use std::cell::Cell;
use std::process::ExitCode;
use std::rc::Rc;

/// P2.
#[test]
fn the_output_of_a_command_is_its_status_and_both_its_streams() {
    let (mut sim, fate) = world(1);
    sim.program("here", "tea", |child| async move {
        assert_eq!((child.name(), child.id()), ("tea", 2));
        assert_eq!(child.args(), ["--milk", "two sugars"]);
        assert_eq!(child.env("CUP"), Some("china".as_ref()));
        assert_eq!((child.env("HOME"), child.env("PATH")), (None, None));
        child.print("one cup\n").await?;
        child.complain("no spoon\n").await?;
        fate::Ok(ExitCode::from(3))
    });
    let mut tea = command("/usr/local/bin/tea");
    tea.args(["--milk", "two sugars"]).env("CUP", "china").env_remove("HOME");
    let seen = Rc::new(Cell::new(false));
    let flag = seen.clone();
    fate.output(tea).add_callback(move |output| {
        assert_eq!((said(output.status), &output.stdout[..]), ("3".into(), &b"one cup\n"[..]));
        assert_eq!(output.stderr, b"no spoon\n");
        flag.set(true);
    });
    sim.run().unwrap();
    assert!(seen.get() && sim.leaks().is_empty());
    assert_eq!(events(&sim, &["started", "exited"]), ["started tea[2] --milk two sugars", "exited tea[2] 3"]);
}

fn many_children(seed: u64) -> String {
    let (mut sim, fate) = world(seed);
    sim.program("here", "worker", |child| async move {
        let fate = child.fate();
        let delay = fate.random() % 1_000;
        fate.sleep(SECOND * delay as u32 / 1_000).await;
        child.print(format!("{} {delay}\n", child.id())).await?;
        fate::Ok((delay % 3) as i32)
    });
    let outputs = (0..20).map(|_| fate.output(command("worker")));
    fate.gather_results(outputs.collect::<Vec<_>>()).add_callback(|outputs| assert_eq!(outputs.len(), 20));
    sim.run().unwrap();
    assert!(sim.leaks().is_empty());
    sim.history()
}

/// V1: also with children.
#[test]
fn one_seed_is_one_history() {
    assert_eq!(many_children(7), many_children(7));
    assert_ne!(many_children(7), many_children(8));
}

/// P1: typed, through the Deferred, with what the system said.
#[test]
fn a_program_that_nobody_wrote_is_missing_and_one_may_be_refused() {
    let (mut sim, fate) = world(1);
    sim.refuse_program("here", "secret", 13);
    sim.refuse_program("here", "poem", 8);
    let log = Log::default();
    for name in ["dragon", "secret", "poem"] {
        let log = log.clone();
        fate.spawn_child(command(name)).add_callback(|_| unreachable!()).add_errback(move |failure| {
            let failed = failure.check::<SpawnFailed>().unwrap();
            log.note((failed.is_missing(), failed.is_not_permitted(), failed.is_no_program()));
        });
    }
    sim.run().unwrap();
    assert_eq!(log.take(), [(true, false, false), (false, true, false), (false, false, true)]);
}

/// P1, V2.
#[test]
fn without_descriptors_there_is_no_child() {
    let (mut sim, fate) = world(1);
    sim.program("here", "cat", |_| async {});
    sim.set_descriptors("here", 8);
    let log = Log::default();
    let seen = log.clone();
    fate.spawn_child(command("cat")).add_callback(|_| unreachable!()).add_errback(move |failure| {
        seen.note(failure.check::<SpawnFailed>().unwrap().error().raw_os_error());
    });
    sim.run().unwrap();
    assert_eq!(log.take(), [Some(24)]);
}

/// P1: at its await point, in the same moment; and its ends are closed.
#[test]
fn a_child_that_is_killed_is_dropped_where_it_waits() {
    let (mut sim, fate) = world(1);
    let log = Log::default();
    let seen = log.clone();
    sim.program("here", "sleep", move |child| {
        let (log, fate) = (seen.clone(), child.fate());
        async move {
            let _dropped = OnDrop(move || note(&log, &fate, "dropped"));
            child.fate().sleep(SECOND * 1_000).await;
            0
        }
    });
    let (here, seen) = (fate.clone(), log.clone());
    fate.spawn(async move {
        let mut child = here.spawn_child(command("sleep")).await?;
        let output = child.take_stdout().unwrap();
        here.sleep(SECOND * 5).await;
        child.kill();
        note(&seen, &here, said(child.exited().await?));
        assert_eq!(output.read_line(80).await?, None);
        note(&seen, &here, "closed");
        fate::Ok(())
    });
    sim.run().unwrap();
    let mut seen = log.take();
    seen.sort();
    assert_eq!(seen, [(5, "closed".into()), (5, "dropped".into()), (5, "signal 9".into())]);
    assert_eq!((sim.elapsed().as_secs(), leaks(&sim)), (5, Vec::<String>::new()));
}

/// P1: by SIGABRT, and it is a fault like any other.
#[test]
fn a_child_that_panics_aborts_and_that_is_reported() {
    let mut sim = Sim::new(1);
    let faults = Rc::new(Cell::new(0));
    let count = faults.clone();
    let settings = fate::Builder::default().on_fault(move |_, fault| {
        assert!(fault.failure().is_none_or(|failure| failure.to_string().contains("tea")), "{fault}");
        count.set(count.get() + 1);
        Verdict::GoOn
    });
    let fate = sim.host_with("here", settings);
    sim.program("here", "party", |child| async move {
        child.fate().sleep(SECOND).await;
        assert!(child.args().is_empty(), "no more tea");
    });
    let mut party = command("party");
    party.arg("now");
    let log = Log::default();
    let seen = log.clone();
    fate.output(party).add_callback(move |output| seen.note(said(output.status)));
    sim.run().unwrap();
    assert_eq!((log.take(), faults.get()), (vec!["signal 6".to_string()], 1));
}

/// P2: cancelling kills and reaps.
#[test]
fn an_output_that_is_cancelled_kills_the_command() {
    let (mut sim, fate) = world(1);
    sim.program("here", "sleep", |child| async move { child.fate().sleep(SECOND * 1_000).await });
    fate.output(command("sleep")).add_timeout(SECOND * 3).add_callback(drop).add_errback(drop);
    sim.run().unwrap();
    assert_eq!(events(&sim, &["signal", "exited"]), ["signal sleep[2] SIGKILL", "exited sleep[2] SIGKILL"]);
    assert_eq!((sim.elapsed().as_secs(), leaks(&sim)), (3, Vec::<String>::new()));
}

/// P2: the limit on what is kept, against a command that never stops.
#[test]
fn a_command_that_floods_is_killed_at_the_limit() {
    let (mut sim, fate) = world(1);
    sim.program("here", "yes", |child| async move {
        loop {
            child.print("y\n".repeat(5_000)).await.unwrap_or_default();
        }
    });
    let log = Log::default();
    let seen = log.clone();
    fate.output_with(command("yes"), OutputOptions::default().limit(1_000_000))
        .add_callback(drop)
        .add_errback(move |failure| seen.note(failure.trap::<OutputTooLong>().unwrap().into_beginning().len()));
    sim.run().unwrap();
    assert_eq!(log.take(), [1_000_000]);
    assert_eq!(events(&sim, &["exited"]), ["exited yes[2] SIGKILL"]);
    assert!(sim.elapsed() < SECOND && sim.leaks().is_empty(), "{:?}", sim.leaks());
}

/// P1: time passes while it floods, so a timeout comes.
#[test]
fn a_command_that_floods_lets_time_pass() {
    let (mut sim, fate) = world(1);
    sim.forget_history();
    sim.program("here", "yes", |child| async move { while child.print([b'y'; 30_000]).await.is_ok() {} });
    let options = ChildOptions::default().stdin(Plug::Null).kill_on_drop(true);
    let here = fate.clone();
    fate.spawn(async move {
        let mut child = here.spawn_child_with(command("yes"), options).await?;
        let output = child.take_stdout().unwrap();
        let reading = here.spawn(async move { while output.read_exact(&mut [0; 30_000]).await.is_ok() {} });
        here.sleep(SECOND / 20).await;
        drop(child);
        reading.await
    });
    sim.run().unwrap();
    assert_eq!(sim.elapsed().as_millis(), 50);
    assert!(sim.leaks().is_empty(), "{:?}", sim.leaks());
}

/// P1: programs start programs, as they do.
#[test]
fn a_child_has_children() {
    let (mut sim, fate) = world(1);
    sim.program("here", "make", |child| async move {
        let output = child.fate().output(command("cc")).await?;
        child.print(&output.stdout).await?;
        fate::Ok(output.status)
    });
    sim.program("here", "cc", |child| async move {
        child.print("no such file").await?;
        fate::Ok(2)
    });
    let log = Log::default();
    let seen = log.clone();
    fate.output(command("make")).add_callback(move |output| {
        seen.note((said(output.status), String::from_utf8(output.stdout).unwrap()));
    });
    sim.run().unwrap();
    assert_eq!(log.take(), [("2".to_string(), "no such file".to_string())]);
}

/// V3: the child, and not the task that runs it.
#[test]
fn a_child_that_waits_for_ever_is_the_leak() {
    let (mut sim, fate) = world(1);
    sim.program("here", "cat", |child| async move {
        while let Some(line) = child.stdin().read_line(80).await? {
            child.print(line).await?;
        }
        fate::Ok(())
    });
    let here = fate.clone();
    let (promise, kept) = fate.deferred();
    fate.spawn(async move {
        promise.callback(here.spawn_child(command("cat")).await?);
        fate::Ok(())
    });
    sim.run().unwrap();
    let left = leaks(&sim);
    assert_eq!(
        left.iter().filter(|leak| leak.starts_with("child")).collect::<Vec<_>>(),
        ["child cat (process 2) to end"]
    );
    assert!(!left.iter().any(|leak| leak.starts_with("task") || leak.contains("itself")), "{left:?}");
    kept.add_callback(|child| child.kill());
    sim.run().unwrap();
    assert!(sim.leaks().is_empty(), "{:?}", sim.leaks());
    assert_eq!(events(&sim, &["exited"]), ["exited cat[2] SIGKILL"]);
}

/// P1: and it is the script's business from then on.
#[test]
fn a_child_that_was_released_goes_on() {
    let (mut sim, fate) = world(1);
    sim.program("here", "daemon", |child| async move { child.fate().sleep(SECOND * 60).await });
    fate.spawn_child(command("daemon")).add_callback(|child| assert_eq!(child.release(), 2));
    sim.run().unwrap();
    assert_eq!((sim.elapsed().as_secs(), events(&sim, &["exited"])), (60, vec!["exited daemon[2] 0".to_string()]));
    assert!(sim.leaks().is_empty(), "{:?}", sim.leaks());
}

/// V1: a program that is written anew is another from then on.
#[test]
fn the_last_program_of_a_name_counts() {
    let (mut sim, fate) = world(1);
    for status in [1, 2] {
        sim.program("here", "die", move |_| async move { status });
    }
    let log = Log::default();
    let seen = log.clone();
    fate.output(command("die")).add_callback(move |output| seen.note(said(output.status)));
    sim.run().unwrap();
    assert_eq!(log.take(), ["2"]);
}
