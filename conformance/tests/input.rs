//! I1: what a program is told on its standard input, and says on its standard output, whatever these are. Each program is this
//! one, run again by a Fate of the driver that is tried.

use fate::{Child, ChildOptions, Fate, PipeReader, Plug, WindowSize};
use fate_conformance::ground::Ground;
use fate_conformance::on_each_real_driver;
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use std::env;
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::rc::Rc;

on_each_real_driver! {
    lines_come_from_a_pipe_one_by_one_and_the_last_needs_no_end,
    a_file_is_read_to_its_end,
    lines_come_from_a_terminal_which_is_left_as_it_was,
    nothing_is_the_end_at_once,
    lines_come_from_a_socket,
    what_is_no_text_or_too_long_is_told,
    reading_can_be_stopped,
    a_program_goes_on_while_nobody_reads_what_it_writes,
    what_is_written_to_a_file_is_added_to_what_is_there,
}

/// Says which program this process is to be.
const ROLE: &str = "FATE_CONFORMANCE_ROLE";

/// What a program says is told apart by this from what the test harness says.
const MARK: &str = "> ";

/// Not a promise, but the programs that the others start.
#[test]
fn program() {
    let Ok(role) = env::var(ROLE) else { return };
    let fate = Fate::new().unwrap();
    match role.as_str() {
        "listen" => listen(&fate),
        "write" => write(&fate),
        other => panic!("there is no program {other}"),
    }
    fate.run().unwrap();
}

fn say(words: impl std::fmt::Display) {
    println!("\n{MARK}{words}");
}

fn blocks() -> bool {
    let flags = rustix::fs::fcntl_getfl(std::io::stdin()).unwrap();
    !flags.contains(rustix::fs::OFlags::NONBLOCK)
}

/// Repeats what it hears, and says how that ended.
fn listen(fate: &Fate) {
    let lines = fate.stdin_lines(|fate, line| match line.as_str() {
        "quit" => fate.shutdown(),
        long if long.len() > 80 => say(format!("{} bytes", long.len())),
        line => say(format!("heard {line:?}, blocks: {}", blocks())),
    });
    lines.ended().add_callbacks(|()| say("the end"), |failure| say(format!("failed: {failure}")));
    say("ready");
}

/// Writes a great deal through the loop, and ticks meanwhile.
fn write(fate: &Fate) {
    let here = fate.clone();
    let ticks = Rc::new(std::cell::Cell::new(0));
    let count = ticks.clone();
    let looping = fate.every(std::time::Duration::from_millis(1), move |_, _| count.set(count.get() + 1));
    fate.spawn(async move {
        let mut output = here.stdout()?;
        let began = ticks.get();
        output.write_all(&vec![b'x'; 400_000]).await?;
        output.flush().await?;
        let went_on = ticks.get() > began;
        output.write_all(format!("\n{MARK}ticked: {went_on}\n").as_bytes()).await?;
        output.close().await?;
        looping.stop();
        fate::Ok(())
    });
}

fn role(ground: &Ground, role: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "program", "--nocapture", "--test-threads=1"]);
    command.env(ROLE, role).env("FATE_DRIVER", ground.driver_name());
    command
}

/// The next thing that a program says, and not the harness around it.
async fn said(output: &PipeReader) -> String {
    loop {
        let line = output.read_line(1_000_000).await.unwrap().expect("it has more to say");
        if let Some(words) = line.strip_prefix(MARK) {
            return words.into();
        }
    }
}

/// A program that listens to `input`.
async fn listener(fate: &Fate, ground: &Ground, input: impl Into<Stdio>) -> (Child, PipeReader) {
    let mut command = role(ground, "listen");
    command.stdin(input);
    let mut child = fate.spawn_child_with(command, ChildOptions::default().stdin(Plug::AsSet)).await.unwrap();
    let output = child.take_stdout().unwrap();
    assert_eq!(said(&output).await, "ready");
    (child, output)
}

/// I1.
fn lines_come_from_a_pipe_one_by_one_and_the_last_needs_no_end(ground: &Ground) {
    ground.run(async |fate| {
        let (far, mut near) = std::io::pipe().unwrap();
        let (child, output) = listener(fate, ground, far).await;
        near.write_all(b"tea\nsp").unwrap();
        assert_eq!(said(&output).await, "heard \"tea\", blocks: true");
        near.write_all(b"oon\r\nthe last").unwrap();
        assert_eq!(said(&output).await, "heard \"spoon\", blocks: true");
        drop(near);
        assert_eq!(said(&output).await, "heard \"the last\", blocks: true");
        assert_eq!(said(&output).await, "the end");
        assert!(child.exited().await.unwrap().success());
    });
}

fn file(ground: &Ground, name: &str) -> PathBuf {
    env::temp_dir().join(format!("fate-input-{}-{}-{name}", std::process::id(), ground.driver_name()))
}

/// I1.
fn a_file_is_read_to_its_end(ground: &Ground) {
    let path = file(ground, "lines");
    let lines: String = (0..20_000).map(|number| format!("{number}\n")).collect();
    std::fs::write(&path, &lines).unwrap();
    ground.run(async |fate| {
        let (child, output) = listener(fate, ground, File::open(&path).unwrap()).await;
        for number in 0..20_000 {
            assert_eq!(said(&output).await, format!("heard \"{number}\", blocks: true"));
        }
        assert_eq!(said(&output).await, "the end");
        assert!(child.exited().await.unwrap().success());
    });
    std::fs::remove_file(&path).unwrap();
}

/// I1.
fn lines_come_from_a_terminal_which_is_left_as_it_was(ground: &Ground) {
    ground.run(async |fate| {
        let options = ChildOptions::default().terminal(WindowSize { rows: 24, columns: 80 });
        let mut child = fate.spawn_child_with(role(ground, "listen"), options).await.unwrap();
        let mut terminal = child.take_terminal().unwrap();
        let mut shown = String::new();
        let mut wait_for = async |words: &str, type_in: &[u8]| {
            while !shown.contains(words) {
                let mut piece = [0; 1000];
                let count = terminal.read(&mut piece).await.unwrap();
                assert_ne!(count, 0, "{words} in {shown:?}");
                shown.push_str(&String::from_utf8_lossy(&piece[..count]));
            }
            terminal.write_all(type_in).await.unwrap();
        };
        wait_for("> ready", b"tea\n").await;
        wait_for("heard \"tea\", blocks: true", b"half a li\x7fne\n").await;
        // What is edited is the terminal's business.
        wait_for("heard \"half a lne\", blocks: true", &[4]).await;
        wait_for("the end", b"").await;
        assert!(child.exited().await.unwrap().success());
    });
}

/// I1.
fn nothing_is_the_end_at_once(ground: &Ground) {
    ground.run(async |fate| {
        let (child, output) = listener(fate, ground, Stdio::null()).await;
        assert_eq!(said(&output).await, "the end");
        assert!(child.exited().await.unwrap().success());
    });
}

/// I1.
fn lines_come_from_a_socket(ground: &Ground) {
    ground.run(async |fate| {
        let (far, mut near) = UnixStream::pair().unwrap();
        let (child, output) = listener(fate, ground, OwnedFd::from(far)).await;
        near.write_all(b"tea\n").unwrap();
        assert_eq!(said(&output).await, "heard \"tea\", blocks: true");
        drop(near);
        assert_eq!(said(&output).await, "the end");
        assert!(child.exited().await.unwrap().success());
    });
}

/// I1, E4.
fn what_is_no_text_or_too_long_is_told(ground: &Ground) {
    ground.run(async |fate| {
        for (typed, words) in [
            (vec![b'x'; 900_000], "900000 bytes"),
            (b"\xff\xfe\n".to_vec(), "failed: invalid utf-8"),
            (vec![b'x'; 1_100_000], "failed: "),
        ] {
            let (far, near) = std::io::pipe().unwrap();
            let (_child, output) = listener(fate, ground, far).await;
            let writer =
                std::thread::spawn(move || drop((&near).write_all(&typed).and_then(|()| (&near).write_all(b"\n"))));
            let heard = said(&output).await;
            assert!(heard.starts_with(words), "{heard}");
            drop(output);
            writer.join().unwrap();
        }
    });
}

/// I1, L3.
fn reading_can_be_stopped(ground: &Ground) {
    ground.run(async |fate| {
        let (far, mut near) = std::io::pipe().unwrap();
        let (child, _output) = listener(fate, ground, far).await;
        near.write_all(b"quit\nmore\n").unwrap();
        assert!(child.exited().await.unwrap().success());
    });
}

/// I1, N5.
fn a_program_goes_on_while_nobody_reads_what_it_writes(ground: &Ground) {
    ground.run(async |fate| {
        let mut command = role(ground, "write");
        command.stdin(Stdio::null());
        let mut child = fate.spawn_child_with(command, ChildOptions::default().stdin(Plug::AsSet)).await.unwrap();
        let mut output = child.take_stdout().unwrap();
        fate.sleep(std::time::Duration::from_millis(20)).await;
        assert!(child.is_running(), "it waits for a reader");
        let mut all = String::new();
        output.read_to_string(&mut all).await.unwrap();
        assert!(all.contains(&"x".repeat(400_000)));
        assert!(all.contains("> ticked: true"), "{}", &all[all.len() - 200..]);
        assert!(child.exited().await.unwrap().success());
    });
}

/// I1.
fn what_is_written_to_a_file_is_added_to_what_is_there(ground: &Ground) {
    let path = file(ground, "output");
    std::fs::write(&path, "what was there\n").unwrap();
    ground.run(async |fate| {
        let mut command = role(ground, "write");
        command.stdin(Stdio::null()).stdout(File::options().append(true).open(&path).unwrap());
        let child = fate.spawn_child_with(command, ChildOptions::default().as_set()).await.unwrap();
        assert!(child.exited().await.unwrap().success());
    });
    let all = std::fs::read_to_string(&path).unwrap();
    assert!(all.starts_with("what was there\n") && all.contains(&"x".repeat(400_000)));
    std::fs::remove_file(&path).unwrap();
}
