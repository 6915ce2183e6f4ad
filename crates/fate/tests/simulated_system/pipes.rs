//! P1, P2: what goes through the pipes, and who holds them open.

use crate::log::{Log, SECOND};
use crate::rig::{command, events, leaks, note, said, world};
use fate::{ChildOptions, OutputOptions, Signal, WindowSize};
use futures_lite::io::AsyncWriteExt;
use std::io::ErrorKind;

/// P1: both directions, line by line.
#[test]
fn a_child_answers_what_it_is_asked() {
    let (mut sim, fate) = world(1);
    sim.program("here", "rev", |child| async move {
        while let Some(line) = child.stdin().read_line(80).await? {
            let line: String = line.chars().rev().collect();
            child.print(line + "\n").await?;
        }
        fate::Ok(())
    });
    let log = Log::default();
    let seen = log.clone();
    fate.clone().spawn(async move {
        let mut child = fate.spawn_child(command("rev")).await?;
        let (mut to, from) = (child.take_stdin().unwrap(), child.take_stdout().unwrap());
        for word in ["tea\n", "party\n"] {
            to.write_all(word.as_bytes()).await?;
            seen.note(from.read_line(80).await?.unwrap());
        }
        to.close().await?;
        assert_eq!(from.read_line(80).await?, None);
        seen.note(said(child.exited().await?));
        fate::Ok(())
    });
    sim.run().unwrap();
    assert_eq!(log.take(), ["aet", "ytrap", "0"]);
    assert!(sim.leaks().is_empty(), "{:?}", sim.leaks());
}

/// P2: a command need not read what it is given.
#[test]
fn a_child_that_ends_before_it_has_read_everything_is_no_failure() {
    let (mut sim, fate) = world(1);
    sim.program("here", "true", |_| async {});
    let log = Log::default();
    let seen = log.clone();
    fate.output_with(command("true"), OutputOptions::default().input(vec![0; 1_000_000]))
        .add_callback(move |output| seen.note(said(output.status)));
    sim.run().unwrap();
    assert_eq!(log.take(), ["0"]);
    assert!(sim.leaks().is_empty(), "{:?}", sim.leaks());
}

/// P1: EPIPE, on either side.
#[test]
fn who_writes_learns_that_nobody_reads() {
    let (mut sim, fate) = world(1);
    let log = Log::default();
    let seen = log.clone();
    sim.program("here", "yes", move |child| {
        let log = seen.clone();
        async move {
            let error = loop {
                if let Err(error) = child.print("y\n").await {
                    break error;
                }
                child.fate().sleep(SECOND).await;
            };
            log.note(error.kind());
            Signal::PIPE
        }
    });
    let seen = log.clone();
    fate.clone().spawn(async move {
        let mut child = fate.spawn_child(command("yes")).await?;
        fate.sleep(SECOND * 3 / 2).await;
        drop(child.take_stdout());
        assert_eq!(said(child.exited().await?), "signal 13");
        let mut stdin = child.take_stdin().unwrap();
        let written = async { stdin.write_all(b"too late").await.and(stdin.flush().await) };
        seen.note(written.await.unwrap_err().kind());
        fate::Ok(())
    });
    sim.run().unwrap();
    assert_eq!(log.take(), [ErrorKind::BrokenPipe, ErrorKind::BrokenPipe]);
    assert_eq!(sim.elapsed().as_secs(), 2);
}

/// P1: `exited` and `output_closed` are two events.
#[test]
fn the_output_stays_open_as_long_as_somebody_holds_it() {
    let (mut sim, fate) = world(1);
    sim.program("here", "sh", |mut child| async move {
        let (fate, mut output) = (child.fate(), child.take_stdout().unwrap());
        fate.clone().spawn(async move {
            fate.sleep(SECOND * 10).await;
            output.write_all(b"still here\n").await
        });
        0
    });
    let log = Log::default();
    let seen = log.clone();
    fate.clone().spawn(async move {
        let mut child = fate.spawn_child(command("sh")).await?;
        let output = child.take_stdout().unwrap();
        drop(child.take_stderr());
        note(&seen, &fate, said(child.exited().await?));
        note(&seen, &fate, output.read_line(80).await?.unwrap());
        child.output_closed().await?;
        note(&seen, &fate, "closed");
        fate::Ok(())
    });
    sim.run().unwrap();
    assert_eq!(log.take(), [(0, "0".to_string()), (10, "still here".into()), (10, "closed".into())]);
    assert!(sim.leaks().is_empty(), "{:?}", sim.leaks());
}

/// P1: a reader that never reads stops the writer, and no more than the pipe and the buffers is ever on the way.
#[test]
fn a_child_waits_for_whoever_reads_its_output() {
    let (mut sim, fate) = world(1);
    let log = Log::default();
    let seen = log.clone();
    sim.program("here", "print", move |child| {
        let log = seen.clone();
        async move {
            child.print(vec![0; 1_000_000]).await?;
            note(&log, &child.fate(), "printed");
            fate::Ok(())
        }
    });
    let seen = log.clone();
    fate.clone().spawn(async move {
        let mut child = fate.spawn_child(command("print")).await?;
        let output = child.take_stdout().unwrap();
        fate.sleep(SECOND * 100).await;
        note(&seen, &fate, "reads");
        output.read_exact(&mut vec![0; 1_000_000]).await?;
        child.exited().await?;
        fate::Ok(())
    });
    sim.run().unwrap();
    assert_eq!(log.take(), [(100, "reads".to_string()), (100, "printed".into())]);
}

/// P1: pty.
#[test]
fn a_terminal_is_one_stream_and_hangs_up() {
    const SMALL: WindowSize = WindowSize { rows: 24, columns: 80 };
    const LARGE: WindowSize = WindowSize { rows: 50, columns: 200 };
    let (mut sim, fate) = world(1);
    sim.program("here", "vi", |child| async move {
        let mut signals = child.signals(&[Signal::WINCH]);
        child.print(format!("{}\n", child.window_size().unwrap().columns)).await?;
        assert_eq!(signals.next().await, Signal::WINCH);
        child.complain(format!("{}\n", child.window_size().unwrap().columns)).await?;
        child.stdin().read_line(80).await?;
        child.stdin().read_line(80).await?;
        fate::Ok(())
    });
    let log = Log::default();
    let seen = log.clone();
    fate.clone().spawn(async move {
        let mut child = fate.spawn_child_with(command("vi"), ChildOptions::default().terminal(SMALL)).await?;
        assert!(child.take_stdin().is_none() && child.take_stdout().is_none());
        let mut terminal = child.take_terminal().unwrap();
        seen.note(terminal.read_line(80).await?.unwrap());
        terminal.resize(LARGE)?;
        seen.note(terminal.read_line(80).await?.unwrap());
        terminal.write_all(b":q!\n").await?;
        fate.sleep(SECOND).await;
        drop(terminal);
        seen.note(said(child.exited().await?));
        fate::Ok(())
    });
    sim.run().unwrap();
    assert_eq!(log.take(), ["80", "200", "signal 1"]);
    assert_eq!(events(&sim, &["signal"]), ["signal vi[2] SIGWINCH", "signal vi[2] SIGHUP"]);
    assert_eq!(leaks(&sim), Vec::<String>::new());
}
