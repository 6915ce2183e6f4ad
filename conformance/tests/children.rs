//! Other programs: started, heard, ended, reaped; on the drivers for a real kernel. Simulated ones have tests of their own.

use fate::{Child, ChildOptions, Fate, OutputOptions, OutputTooLong, Plug, Signal, SpawnFailed, WindowSize};
use fate_conformance::ground::Ground;
use fate_conformance::on_each_real_driver;
use fate_conformance::recorder::{Record, Recorder};
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use std::cell::{Cell, RefCell};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::mpsc::channel;
use std::time::Duration;

on_each_real_driver! {
    how_a_child_ended_is_told,
    a_child_that_a_signal_ended_says_which,
    why_a_program_cannot_be_started_is_told_in_types,
    what_a_child_reads_and_prints_are_streams,
    what_a_child_reads_and_prints_can_be_driven_by_protocols,
    the_end_of_a_child_and_of_its_output_are_two_events,
    a_child_may_end_before_the_loop_runs,
    a_child_whose_output_nobody_reads_waits_and_loses_nothing,
    whoever_reads_no_more_is_noticed_by_whoever_writes,
    a_child_outlives_its_handle_and_keeps_the_run_going,
    a_child_is_killed_with_its_handle_if_that_was_said,
    a_child_that_ignores_being_asked_is_killed_after_that,
    a_whole_group_is_signalled,
    the_children_of_others_are_left_to_them,
    a_child_can_run_in_a_terminal,
    a_child_is_given_descriptors,
    a_child_that_is_released_is_nobodys_business,
    what_a_command_prints_is_kept_with_its_status,
    a_command_is_given_what_it_is_to_read,
    a_command_that_floods_is_killed_and_its_beginning_kept,
    a_command_that_is_cancelled_is_killed_and_reaped,
    a_command_can_be_given_a_time,
    many_commands_at_once_are_each_given_their_own,
    a_shutdown_asks_waits_and_kills,
    what_a_child_says_when_it_is_asked_to_end_is_heard,
    output_is_everything_or_a_failure,
    what_fed_a_command_that_is_over_is_over_too,
    what_was_written_last_is_there_although_nothing_runs_any_more,
    a_stuck_thread_an_unread_child_and_a_deaf_one_are_named,
    a_fate_that_goes_takes_its_children_with_it,
    a_supervised_command_is_started_again_and_stopped_by_a_shutdown,
    a_supervisor_that_was_stopped_starts_nothing,
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// Whether there is a process of this number, be it a zombie.
fn exists(process: u32) -> bool {
    Path::new(&format!("/proc/{process}")).exists()
}

async fn started(fate: &Fate, script: &str) -> Child {
    fate.spawn_child(shell(script)).await.unwrap()
}

/// P1.
fn how_a_child_ended_is_told(ground: &Ground) {
    ground.run(async |fate| {
        let child = started(fate, "exit 3").await;
        assert_eq!(child.exited().await.unwrap().code(), Some(3));
        assert!(!child.is_running());
        assert_eq!(child.exited().await.unwrap().code(), Some(3), "it may be asked again");
        assert_eq!(child.signal(Signal::TERM).unwrap_err().kind(), ErrorKind::NotFound);
    });
}

/// P1.
fn a_child_that_a_signal_ended_says_which(ground: &Ground) {
    ground.run(async |fate| {
        for signal in [Signal::TERM, Signal::KILL, Signal::USR1] {
            let child = fate.spawn_child(Command::new("cat")).await.unwrap();
            child.signal(signal).unwrap();
            assert_eq!(child.exited().await.unwrap().signal(), Some(signal.number()));
        }
    });
}

/// P1, E4.
fn why_a_program_cannot_be_started_is_told_in_types(ground: &Ground) {
    let folder = std::env::temp_dir().join(format!("fate-{}-{}", std::process::id(), ground.driver_name()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = |name: &str, content: &[u8], mode| {
        let path = folder.join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        path
    };
    let plain = file("plain", b"tea", 0o644);
    let nonsense = file("nonsense", b"\x7fELF is what it is not", 0o755);
    ground.run(async |fate| {
        let failed = async |command| {
            let failure = fate.spawn_child(command).await.unwrap_err();
            failure.trap::<SpawnFailed>().unwrap()
        };
        let missing = failed(Command::new("no-such-program")).await;
        assert!(missing.is_missing() && !missing.is_bad_directory(), "{missing:?}");
        assert!(failed(Command::new(&plain)).await.is_not_permitted());
        assert!(failed(Command::new(&nonsense)).await.is_no_program());
        let mut lost = Command::new("true");
        lost.current_dir(folder.join("nowhere"));
        let lost = failed(lost).await;
        assert!(lost.is_bad_directory() && !lost.is_missing());
        assert_eq!(lost.error().kind(), ErrorKind::NotFound);
        let mut no_folder = Command::new("true");
        no_folder.current_dir(&plain);
        assert!(failed(no_folder).await.is_bad_directory());
        assert_eq!(failed(Command::new("a\0b")).await.error().kind(), ErrorKind::InvalidInput);
    });
    std::fs::remove_dir_all(&folder).unwrap();
}

/// P1.
fn what_a_child_reads_and_prints_are_streams(ground: &Ground) {
    ground.run(async |fate| {
        let mut child = started(fate, "read line; echo \"out $line\"; echo \"err $line\" >&2; cat").await;
        let mut stdin = child.take_stdin().unwrap();
        let (stdout, stderr) = (child.take_stdout().unwrap(), child.take_stderr().unwrap());
        stdin.write_all(b"tea\n").await.unwrap();
        assert_eq!(stdout.read_line(80).await.unwrap().as_deref(), Some("out tea"));
        assert_eq!(stderr.read_line(80).await.unwrap().as_deref(), Some("err tea"));
        let much = vec![b'x'; 1_000_000];
        let writing = async {
            stdin.write_all(&much).await.unwrap();
            stdin.close().await.unwrap();
        };
        let mut read = Vec::new();
        futures_lite::future::zip(writing, async { (&stdout).read_to_end(&mut read).await.unwrap() }).await;
        assert!(read == much);
        assert_eq!(stderr.read_line(80).await.unwrap(), None);
        assert!(child.exited().await.unwrap().success());
    });
}

/// P1, N1, N4: the end of the output is the end, and closing the input has the child find its own.
fn what_a_child_reads_and_prints_can_be_driven_by_protocols(ground: &Ground) {
    ground.run(async |fate| {
        let mut child = fate.spawn_child(Command::new("cat")).await.unwrap();
        let (printed, read) = (Record::default(), Record::default());
        child.take_stdout().unwrap().drive(Recorder::new(&printed));
        let stdin = child.take_stdin().unwrap().drive(Recorder::new(&read));
        read.wait_for(fate, "made").await;
        stdin.write(b"a spoon");
        stdin.lose_connection();
        assert!(child.exited().await.unwrap().success());
        printed.wait_for(fate, "lost").await;
        read.wait_for(fate, "lost").await;
        assert_eq!(printed.words(), ["made", "data", "eof", "lost: closed"]);
        assert_eq!(printed.bytes(), b"a spoon");
        assert_eq!(read.words(), ["made", "lost: closed"]);
    });
}

/// P1.
fn the_end_of_a_child_and_of_its_output_are_two_events(ground: &Ground) {
    ground.run(async |fate| {
        // A grandchild that lives until the test lets it go.
        let (far, near) = std::io::pipe().unwrap();
        let options = ChildOptions::default().descriptor(3, far.into());
        let script = shell("cat <&3 & exit 7");
        let mut child = fate.spawn_child_with(script, options).await.unwrap();
        assert_eq!(child.exited().await.unwrap().code(), Some(7));
        let is_closed = Rc::new(Cell::new(false));
        let told = is_closed.clone();
        let closed = child.output_closed().add_callback(move |()| told.set(true));
        fate.sleep(Duration::from_millis(3)).await;
        assert!(!is_closed.get(), "somebody holds it still");
        (&near).write_all(b"the last word").unwrap();
        drop(near);
        closed.await.unwrap();
        let mut said = String::new();
        child.take_stdout().unwrap().read_to_string(&mut said).await.unwrap();
        assert_eq!(said, "the last word", "and nothing of it is lost");
    });
}

/// P1, L3.
fn a_child_may_end_before_the_loop_runs(ground: &Ground) {
    let fate = ground.fate();
    let ended = Rc::new(Cell::new(None));
    let told = ended.clone();
    let mut command = Command::new("true");
    command.stdin(Stdio::null());
    let child = fate.spawn_child(command).and_then(|child| child.exited());
    child.add_callback(move |status| told.set(Some(status)));
    // It has ended by now, as far as this can be known: a second one has, and was waited for.
    assert!(Command::new("true").status().unwrap().success());
    fate.run().unwrap();
    assert!(ended.get().unwrap().success());
}

/// P1, N5.
fn a_child_whose_output_nobody_reads_waits_and_loses_nothing(ground: &Ground) {
    ground.run(async |fate| {
        let mut child = started(fate, "head -c 300000 /dev/zero; echo done >&2").await;
        let stderr = child.take_stderr().unwrap();
        let mut stdout = child.take_stdout().unwrap();
        fate.sleep(Duration::from_millis(2)).await;
        assert!(child.is_running());
        let mut read = Vec::new();
        stdout.read_to_end(&mut read).await.unwrap();
        assert_eq!(read.len(), 300_000);
        assert_eq!(stderr.read_line(80).await.unwrap().as_deref(), Some("done"));
        assert!(child.exited().await.unwrap().success());
    });
}

/// N1, P1.
fn whoever_reads_no_more_is_noticed_by_whoever_writes(ground: &Ground) {
    ground.run(async |fate| {
        let mut child = started(fate, "exec <&-; echo closed; exec cat /dev/zero").await;
        let stdout = child.take_stdout().unwrap();
        assert_eq!(stdout.read_line(80).await.unwrap().as_deref(), Some("closed"));
        let mut stdin = child.take_stdin().unwrap();
        stdin.peer_closed().await;
        stdin.write_all(b"too late").await.unwrap();
        assert_eq!(stdin.flush().await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        // And the other way round: the child is told by the system.
        drop(stdout);
        assert_eq!(child.exited().await.unwrap().signal(), Some(Signal::PIPE.number()));
    });
}

/// L3, P1.
fn a_child_outlives_its_handle_and_keeps_the_run_going(ground: &Ground) {
    let fate = ground.fate();
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = shell("sleep 0.02; echo late >&3");
    command.stdin(Stdio::null());
    let options = ChildOptions::default().as_set().descriptor(3, writer.into());
    drop(fate.spawn_child_with(command, options));
    fate.run().unwrap();
    let said = std::io::read_to_string(reader).unwrap();
    assert_eq!(said, "late\n", "it had ended before the run did");
}

/// P1.
fn a_child_is_killed_with_its_handle_if_that_was_said(ground: &Ground) {
    let fate = ground.fate();
    let options = || ChildOptions::default().kill_on_drop(true);
    let process = fate.run_until(async {
        let child = fate.spawn_child_with(Command::new("cat"), options()).await.unwrap();
        child.id()
    });
    assert!(exists(process));
    fate.run().unwrap();
    assert!(!exists(process), "it was killed, and reaped");
}

/// P1.
fn a_child_that_ignores_being_asked_is_killed_after_that(ground: &Ground) {
    ground.run(async |fate| {
        let mut child = started(fate, "trap '' TERM; echo ready; exec sleep 1000").await;
        let stdout = child.take_stdout().unwrap();
        assert_eq!(stdout.read_line(80).await.unwrap().as_deref(), Some("ready"));
        let status = child.terminate(Duration::from_millis(5)).await.unwrap();
        assert_eq!(status.signal(), Some(Signal::KILL.number()));
        let polite = started(fate, "exec sleep 1000").await;
        let status = polite.terminate(Duration::from_secs(1000)).await.unwrap();
        assert_eq!(status.signal(), Some(Signal::TERM.number()));
    });
}

/// P1.
fn a_whole_group_is_signalled(ground: &Ground) {
    ground.run(async |fate| {
        let mut command = shell("sleep 1000 & echo ready; wait");
        command.process_group(0);
        let mut child = fate.spawn_child(command).await.unwrap();
        let stdout = child.take_stdout().unwrap();
        assert_eq!(stdout.read_line(80).await.unwrap().as_deref(), Some("ready"));
        child.signal_group(Signal::TERM).unwrap();
        assert_eq!(child.exited().await.unwrap().signal(), Some(Signal::TERM.number()));
        child.output_closed().await.unwrap();
    });
}

/// P1.
fn the_children_of_others_are_left_to_them(ground: &Ground) {
    let mut foreign = shell("exit 9").spawn().unwrap();
    ground.run(async |fate| {
        for _ in 0..3 {
            assert!(fate.output(Command::new("true")).await.unwrap().status.success());
        }
    });
    assert_eq!(foreign.wait().unwrap().code(), Some(9));
}

/// P1.
fn a_child_can_run_in_a_terminal(ground: &Ground) {
    ground.run(async |fate| {
        let size = WindowSize { rows: 7, columns: 42 };
        let options = ChildOptions::default().terminal(size);
        let script = "tty >/dev/null || exit 9; stty size; trap 'echo interrupted; exit 4' INT; echo ready; while :; do sleep 0.01; done";
        let mut child = fate.spawn_child_with(shell(script), options).await.unwrap();
        assert!(child.take_stdin().is_none() && child.take_stdout().is_none());
        let mut terminal = child.take_terminal().unwrap();
        assert_eq!(terminal.read_line(80).await.unwrap().as_deref(), Some("7 42"));
        assert_eq!(terminal.read_line(80).await.unwrap().as_deref(), Some("ready"));
        terminal.resize(WindowSize { rows: 8, columns: 43 }).unwrap();
        terminal.write_all(&[3]).await.unwrap();
        let mut shown = String::new();
        terminal.read_to_string(&mut shown).await.unwrap();
        assert!(shown.contains("interrupted"), "{shown:?}");
        assert_eq!(child.exited().await.unwrap().code(), Some(4));
        child.output_closed().await.unwrap();
    });
}

/// P1.
fn a_child_is_given_descriptors(ground: &Ground) {
    ground.run(async |fate| {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let (back, answer) = std::io::pipe().unwrap();
        writer.write_all(b"a raven").unwrap();
        drop(writer);
        let options = ChildOptions::default().stdin(Plug::Null);
        let options = options.descriptor(5, reader.into()).descriptor(3, answer.into());
        let child = fate.spawn_child_with(shell("cat <&5 >&3"), options).await.unwrap();
        assert!(child.exited().await.unwrap().success());
        assert_eq!(std::io::read_to_string(back).unwrap(), "a raven");
        let (reader, _writer) = std::io::pipe().unwrap();
        let options = ChildOptions::default().descriptor(1, reader.into());
        let refused = fate.spawn_child_with(Command::new("true"), options).await.unwrap_err();
        assert_eq!(refused.check::<SpawnFailed>().unwrap().error().kind(), ErrorKind::InvalidInput);
    });
}

/// P1.
fn a_child_that_is_released_is_nobodys_business(ground: &Ground) {
    let fate = ground.fate();
    let (reader, writer) = std::io::pipe().unwrap();
    let options = ChildOptions::default().as_set().stdin(Plug::Null).descriptor(3, writer.into());
    let script = shell("exec >/dev/null 2>&1; read line <&4; echo alive >&3");
    let (far, mut near) = std::io::pipe().unwrap();
    let options = options.descriptor(4, far.into());
    fate.run_until(async {
        let child = fate.spawn_child_with(script, options).await.unwrap();
        child.release();
    });
    fate.run().unwrap();
    assert!(fate.report().live.is_empty(), "{}", fate.report());
    drop(fate);
    near.write_all(b"go on\n").unwrap();
    assert_eq!(std::io::read_to_string(reader).unwrap(), "alive\n");
}

/// P2.
fn what_a_command_prints_is_kept_with_its_status(ground: &Ground) {
    ground.run(async |fate| {
        let output = fate.output(shell("echo tea; echo spoon >&2; exit 3")).await.unwrap();
        assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"tea\n"[..], &b"spoon\n"[..]));
        assert_eq!(output.status.code(), Some(3));
        let output = fate.output(Command::new("cat")).await.unwrap();
        assert!(output.status.success() && output.stdout.is_empty(), "there is nothing to read");
    });
}

/// P2.
fn a_command_is_given_what_it_is_to_read(ground: &Ground) {
    ground.run(async |fate| {
        let much = vec![b'x'; 1_000_000];
        let options = OutputOptions::default().input(much.clone());
        assert!(fate.output_with(Command::new("cat"), options).await.unwrap().stdout == much);
        let options = OutputOptions::default().input(much);
        let output = fate.output_with(shell("exit 0"), options).await.unwrap();
        assert!(output.status.success(), "it need not read it");
    });
}

/// P2, E4.
fn a_command_that_floods_is_killed_and_its_beginning_kept(ground: &Ground) {
    ground.run(async |fate| {
        let options = OutputOptions::default().limit(100_000);
        let failure = fate.output_with(Command::new("yes"), options).await.unwrap_err();
        let too_long = failure.trap::<OutputTooLong>().unwrap();
        assert_eq!(too_long.to_string(), "printed more than 100000 bytes");
        assert!(too_long.into_beginning() == b"y\n".repeat(50_000));
    });
}

/// P2, D4.
fn a_command_that_is_cancelled_is_killed_and_reaped(ground: &Ground) {
    let fate = ground.fate();
    let stuck = fate.output(shell("trap '' TERM; exec sleep 1000"));
    stuck.cancel();
    stuck.add_callback(drop).add_errback(|failure| assert!(failure.check::<fate::Cancelled>().is_some()));
    fate.run().unwrap();
    assert!(fate.report().live.is_empty(), "{}", fate.report());
}

/// P2, D5.
fn a_command_can_be_given_a_time(ground: &Ground) {
    ground.run(async |fate| {
        let slow = fate.output(shell("exec sleep 1000")).add_timeout(Duration::from_millis(3));
        let failure = slow.await.unwrap_err();
        assert!(failure.check::<fate::Elapsed>().is_some());
    });
}

/// P1, P2.
fn many_commands_at_once_are_each_given_their_own(ground: &Ground) {
    let fate = ground.fate();
    let commands = (0..40).map(|number| fate.output(shell(&format!("exit {number}"))));
    let outputs = fate.run_until(async { fate.gather_results(commands).await.unwrap() });
    let codes: Vec<_> = outputs.iter().map(|output| output.status.code().unwrap()).collect();
    assert_eq!(codes, (0..40).collect::<Vec<_>>());
    fate.run().unwrap();
    assert!(fate.report().live.is_empty(), "{}", fate.report());
}

/// L2, L7, O2.
fn a_shutdown_asks_waits_and_kills(ground: &Ground) {
    let fate = ground.fate_with(Fate::builder().grace(Duration::from_millis(400)));
    let polite = fate.spawn_child(shell("trap 'exit 5' TERM; echo ready; while :; do sleep 0.01; done"));
    let deaf = fate.spawn_child(shell("trap '' TERM; echo ready; exec sleep 1000"));
    let codes = Rc::new(Cell::new(None));
    let (told, here) = (codes.clone(), fate.clone());
    fate.spawn(async move {
        let (mut polite, mut deaf) = (polite.await?, deaf.await?);
        for child in [&mut polite, &mut deaf] {
            let stdout = child.take_stdout().unwrap();
            assert_eq!(stdout.read_line(80).await?.as_deref(), Some("ready"));
        }
        here.shutdown();
        told.set(polite.exited().await?.code());
        deaf.exited().await?;
        fate::Ok(())
    });
    fate.run().unwrap();
    assert_eq!(codes.get(), Some(5), "it was asked, and waited for");
    let left: Vec<_> = fate.report().left.iter().filter(|live| live.kind == fate::Kind::Child).cloned().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    let process: u32 = left[0].waits_for.split(['(', ')', ' ']).filter_map(|word| word.parse().ok()).next().unwrap();
    assert!(!exists(process), "it is killed and reaped");
}

/// L7.
fn a_fate_that_goes_takes_its_children_with_it(ground: &Ground) {
    let fate = ground.fate();
    let process = fate.run_until(async { fate.spawn_child(Command::new("cat")).await.unwrap().id() });
    let deaf = fate.run_until(async { started(&fate, "trap '' TERM; exec sleep 1000").await.id() });
    drop(fate);
    assert!(!exists(process) && !exists(deaf));
}

/// P1, L2.
fn a_supervised_command_is_started_again_and_stopped_by_a_shutdown(ground: &Ground) {
    use fate::{Supervision, Supervisor};
    let fate = ground.fate();
    let words = Rc::new(RefCell::new(Vec::new()));
    let told = words.clone();
    let (runs, held) = (Cell::new(0), RefCell::new(Vec::new()));
    let settings = Supervisor::new(move || {
        runs.set(runs.get() + 1);
        if runs.get() < 3 { shell("exit 1") } else { Command::new("cat") }
    })
    .options(|| ChildOptions::default().stdout(Plug::Null))
    .on_start(move |_, child| held.borrow_mut().extend(child.take_stdin()))
    .backoff(Duration::from_millis(1)..=Duration::from_millis(2))
    .on_event(move |fate, event| {
        let word = event.to_string();
        told.borrow_mut().push(word.split([' ', '(']).next().unwrap_or_default().to_owned());
        let is_third = told.borrow().iter().filter(|word| *word == "started").count() == 3;
        if is_third && matches!(event, Supervision::Started { .. }) {
            fate.shutdown();
        }
    });
    let supervised = fate.supervise(settings);
    fate.run().unwrap();
    assert!(!supervised.is_supervised());
    let expected = ["started", "ended", "starts", "started", "ended", "starts", "started", "ended", "over"];
    assert_eq!(*words.borrow(), expected);
    assert!(fate.report().left.is_empty(), "{}", fate.report());
}

/// L2, P1.
fn what_a_child_says_when_it_is_asked_to_end_is_heard(ground: &Ground) {
    let fate = ground.fate();
    let record = Record::default();
    let code = Rc::new(Cell::new(None));
    let (told, kept, here) = (code.clone(), record.clone(), fate.clone());
    fate.spawn(async move {
        let mut child = started(&here, "trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.01; done").await;
        child.take_stdout().unwrap().drive(Recorder::new(&kept));
        kept.wait_for(&here, "data").await;
        here.shutdown();
        told.set(child.exited().await?.code());
        fate::Ok(())
    });
    fate.run().unwrap();
    assert_eq!((code.get(), &record.bytes()[..]), (Some(5), &b"ready\nbye\n"[..]));
}

/// L2, P2.
fn output_is_everything_or_a_failure(ground: &Ground) {
    let fate = ground.fate();
    let said = Rc::new(RefCell::new(Vec::new()));
    let told = said.clone();
    fate.output(shell("trap 'echo two; exit 0' TERM; echo one; while :; do sleep 0.01; done"))
        .add_callback(move |output| *told.borrow_mut() = output.stdout);
    // By then it has said its first word, or says nothing at all: neither is half of it.
    fate.get_fuse(Duration::from_millis(50)).set_handler(|fate| fate.shutdown());
    fate.run().unwrap();
    let said = String::from_utf8(said.take()).unwrap();
    assert!(["one\ntwo\n", ""].contains(&&*said), "{said:?}");
}

/// L3, P2.
fn what_fed_a_command_that_is_over_is_over_too(ground: &Ground) {
    let fate = ground.fate();
    let options = OutputOptions::default().input(vec![b'x'; 1_000_000]);
    // Somebody who stays holds what it would have read.
    let script = "exec 3<&0; sleep 1000 <&3 >/dev/null 2>&1 3<&- & echo $!";
    let output = fate.run_until(async { fate.output_with(shell(script), options).await.unwrap() });
    fate.run().unwrap();
    let left_behind = String::from_utf8(output.stdout).unwrap();
    assert!(Command::new("kill").arg(left_behind.trim()).status().unwrap().success(), "it had outlived the run");
}

/// L7: nobody has to wait for the words before a program ends.
fn what_was_written_last_is_there_although_nothing_runs_any_more(ground: &Ground) {
    let fate = ground.fate();
    let (reader, writer) = std::io::pipe().unwrap();
    let options = ChildOptions::default().stdin(Plug::Pipe).stdout(Plug::AsSet);
    let mut command = Command::new("cat");
    command.stdout(writer);
    fate.run_until(async {
        let mut child = fate.spawn_child_with(command, options).await.unwrap();
        child.take_stdin().unwrap().write_all(b"the last words").await.unwrap();
        child.release();
    });
    drop(fate);
    assert_eq!(std::io::read_to_string(reader).unwrap(), "the last words");
}

/// L2, O2, H1, P1.
fn a_stuck_thread_an_unread_child_and_a_deaf_one_are_named(ground: &Ground) {
    let fate = ground.fate_with(Fate::builder().grace(Duration::from_millis(30)));
    let ((begins, has_begun), (let_go, may_go)) = (channel(), channel::<()>());
    drop(fate.defer_to_thread(move || {
        begins.send(()).unwrap();
        may_go.recv().unwrap_or(());
    }));
    has_begun.recv().unwrap();
    let (unread, deaf) = fate.run_until(async {
        let unread = fate.spawn_child(shell("trap '' TERM; exec yes")).await.unwrap();
        let mut deaf = started(&fate, "trap '' TERM; echo ready; exec sleep 1000").await;
        deaf.take_stdout().unwrap().read_line(80).await.unwrap();
        (unread, deaf)
    });
    fate.shutdown();
    fate.run().unwrap();
    let left = fate.report().to_string();
    for (kind, words) in [("thread", "closure"), ("child", "sh (process"), ("child", &*format!("{})", deaf.id()))] {
        assert!(left.lines().any(|line| line.contains(kind) && line.contains(words)), "{words} in {left}");
    }
    assert!(!exists(unread.id()) && !exists(deaf.id()));
    drop(let_go);
}

/// P1.
fn a_supervisor_that_was_stopped_starts_nothing(ground: &Ground) {
    use fate::Supervisor;
    let fate = ground.fate();
    let starts = Rc::new(Cell::new(0));
    let count = starts.clone();
    let supervised = fate.supervise(Supervisor::new(move || {
        count.set(count.get() + 1);
        Command::new("true")
    }));
    drop(supervised.stop(&fate));
    fate.run().unwrap();
    assert_eq!(starts.get(), 0);
    assert!(!supervised.is_supervised());
}
