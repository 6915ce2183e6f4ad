//! I1, V1: standard streams at virtual times.

use crate::log::{Log, SECOND};
use crate::rig::{command, events, leaks, note, world};
use fate::ChildOptions;
use futures_lite::io::AsyncWriteExt;

/// I1: tea is prepared while the prompt waits.
#[test]
fn lines_come_when_they_are_typed() {
    let (mut sim, fate) = world(1);
    let log = Log::default();
    let seen = log.clone();
    fate.stdin_lines(move |fate, line| note(&seen, fate, line));
    sim.type_line("here", "before");
    for seconds in [3, 7] {
        sim.run_until(SECOND * seconds).unwrap();
        sim.type_line("here", &format!("at {seconds}"));
    }
    sim.type_bytes("here", b"no end of line");
    sim.end_input("here");
    sim.run().unwrap();
    let lines = [(0, "before"), (3, "at 3"), (7, "at 7"), (7, "no end of line")];
    assert_eq!(log.take(), lines.map(|(second, line)| (second, line.to_string())));
    assert_eq!(events(&sim, &["typed"]), ["typed stdin 7", "typed stdin 5", "typed stdin 5", "typed stdin 14"]);
    assert_eq!(sim.elapsed(), SECOND * 7);
}

/// I1, V3: it never ends by itself, and there is nothing to wait for then.
#[test]
fn input_that_never_comes_ends_the_run() {
    let (mut sim, fate) = world(1);
    fate.stdin_lines(|_, line| assert!(line.is_empty()));
    sim.run().unwrap();
    assert!(leaks(&sim).contains(&"connection bytes from standard input".to_string()), "{:?}", leaks(&sim));
}

/// V1: what a program prints, and what a child prints that shares the stream.
#[test]
fn what_is_printed_is_what_the_script_reads() {
    let (mut sim, fate) = world(1);
    sim.program("here", "cat", |child| async move {
        let line = child.stdin().read_line(80).await?.unwrap_or_default();
        child.print(line).await?;
        child.complain("meow").await?;
        fate::Ok(())
    });
    sim.type_line("here", " and cat");
    fate.clone().spawn(async move {
        fate.stdout()?.write_all(b"mouse").await?;
        let cat = fate.spawn_child_with(command("cat"), ChildOptions::default().as_set()).await?;
        cat.exited().await?;
        fate::Ok(())
    });
    sim.run().unwrap();
    assert_eq!((sim.printed("here"), sim.complained("here")), ("mouse and cat".into(), "meow".into()));
    assert_eq!(events(&sim, &["printed"]), ["printed stdout 5", "printed stdout 8", "printed stderr 4"]);
}
