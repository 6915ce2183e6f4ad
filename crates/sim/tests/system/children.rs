//! P1, V2: a child from its spawn until nobody knows it any more.

use crate::rig::{MILLISECOND, PIPES, code, host};
use fate_core::{Interest, Order, Plug, Process, Recipient, Signal, Streams, WindowSize};
use fate_sim::Disposition;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

const WINDOW: WindowSize = WindowSize { rows: 24, columns: 80 };

fn order(program: &str) -> Order {
    Order { command: Command::new(program), streams: PIPES, descriptors: Vec::new() }
}

/// P1.
#[test]
fn a_child_is_given_what_its_command_says() {
    let host = host();
    let mut command = Command::new("/usr/bin/cat");
    command.args(["-n", "tea.txt"]).env("LANG", "C").env_remove("HOME").current_dir("/tmp");
    let spawned = host.system.spawn(Order { command, ..order("cat") }).unwrap();
    let newborn = host.newborn(spawned.process);
    assert_eq!((newborn.name.as_str(), newborn.process), ("cat", Process(2)));
    assert_eq!(newborn.arguments, ["-n", "tea.txt"]);
    assert_eq!(newborn.environment, [("HOME".into(), None), ("LANG".into(), Some(OsString::from("C")))]);
    assert_eq!(newborn.directory, Some("/tmp".into()));
    assert!(host.world.take_newborn(host.number(), spawned.process).is_none());
    assert_eq!(host.history(), ["started cat[2] -n tea.txt"]);
}

/// P1: and so is one that a script says cannot be started.
#[test]
fn what_the_host_does_not_know_is_not_found() {
    let host = host();
    let error = host.system.spawn(order("dog")).unwrap_err();
    assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::NotFound, Some(2)));
    host.world.refuse_program(host.number(), "cat", 13);
    assert_eq!(host.system.spawn(order("cat")).unwrap_err().kind(), ErrorKind::PermissionDenied);
}

/// V2: and nothing is left of the attempt.
#[test]
fn a_child_needs_descriptors() {
    let mut host = host();
    host.world.set_descriptors(host.number(), 8);
    let number = host.system.spawn(order("cat")).unwrap_err().raw_os_error();
    assert_eq!(number, Some(24));
    host.world.set_descriptors(host.number(), 9);
    let (spawned, newborn) = host.spawn();
    assert_eq!(spawned.process, Process(2));
    assert_eq!(host.system.spawn(order("cat")).unwrap_err().raw_os_error(), Some(24));
    host.exit(&newborn, code(0));
    for socket in [spawned.stdin, spawned.stdout, spawned.stderr] {
        host.close(socket.unwrap());
    }
    host.system.spawn(order("cat")).unwrap();
}

/// P1: exactly one reaping, and only of what is one's own.
#[test]
fn a_child_that_has_ended_is_reaped_once() {
    let mut host = host();
    let (spawned, newborn) = host.spawn();
    assert_eq!(host.system.reap(spawned.process).unwrap(), None);
    assert!(!host.is_ready(spawned.exit, Interest::Read));
    host.exit(&newborn, code(3));
    assert!(host.is_ready(spawned.exit, Interest::Read));
    assert_eq!(host.system.reap(spawned.process).unwrap(), Some(code(3)));
    assert_eq!(host.system.reap(spawned.process).unwrap_err().raw_os_error(), Some(10));
    assert!(!host.is_ready(spawned.exit, Interest::Read));
    assert_eq!(host.history().last().unwrap(), "exited cat[2] 3");
}

/// P1: if nobody runs its program yet, its ends of the pipes are closed by the kernel.
#[test]
fn a_child_that_is_killed_ends_at_once_and_by_that_signal() {
    let mut host = host();
    let spawned = host.spawn_with(PIPES);
    host.system.signal(spawned.process, Signal::KILL, Recipient::Group).unwrap();
    let status = host.system.reap(spawned.process).unwrap().unwrap();
    assert_eq!((status.signal(), status.code()), (Some(9), None));
    assert_eq!(host.write(spawned.stdin.unwrap(), b"tea"), Err(ErrorKind::BrokenPipe));
    assert_eq!(host.history(), ["started cat[2]", "signal cat[2] SIGKILL", "exited cat[2] SIGKILL"]);
    let error = host.system.signal(spawned.process, Signal::TERM, Recipient::Process).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    host.exchange([]);
}

/// V2: what a program says of a signal is what happens; of the one that kills it can say nothing.
#[test]
fn a_signal_does_what_the_program_says() {
    let mut host = host();
    let (spawned, newborn) = host.spawn();
    let process = spawned.process;
    for (signal, disposition) in
        [(Signal::INT, Disposition::Ignored), (Signal::TERM, Disposition::Heard), (Signal::KILL, Disposition::Ignored)]
    {
        host.world.set_disposition(host.number(), process, signal, disposition);
    }
    for signal in [Signal::INT, Signal::TERM, Signal::WINCH, Signal::STOP, Signal::TERM] {
        host.system.signal(process, signal, Recipient::Process).unwrap();
    }
    assert!(host.is_ready(newborn.news.number(), Interest::Read));
    assert_eq!(host.world.take_signals(host.number(), process), [(Signal::TERM, 2)]);
    assert!(!host.is_ready(newborn.news.number(), Interest::Read));
    assert_eq!(host.world.child_status(host.number(), process), None);
    host.system.signal(process, Signal::KILL, Recipient::Process).unwrap();
    assert_eq!(host.world.child_status(host.number(), process).and_then(|status| status.signal()), Some(9));
    assert!(host.is_ready(newborn.news.number(), Interest::Read));
    host.exit(&newborn, code(0));
    assert_eq!(host.system.reap(process).unwrap().unwrap().signal(), Some(9));
}

/// V2: it need not be the parent who kills.
#[test]
fn a_script_sends_signals_too() {
    let host = host();
    let (spawned, _newborn) = host.spawn();
    assert!(host.world.signal_child(host.number(), spawned.process, Signal::TERM));
    assert!(!host.world.signal_child(host.number(), spawned.process, Signal::TERM));
    assert!(!host.world.signal_child(host.number(), Process(99), Signal::TERM));
    assert_eq!(host.system.reap(spawned.process).unwrap().unwrap().signal(), Some(15));
}

/// P1.
#[test]
fn a_child_that_was_destroyed_is_known_no_more_and_its_program_sees_it() {
    let mut host = host();
    let (spawned, newborn) = host.spawn();
    host.system.destroy(spawned.process);
    assert_eq!(host.system.reap(spawned.process).unwrap_err().raw_os_error(), Some(10));
    assert!(host.is_ready(newborn.news.number(), Interest::Read));
    assert_eq!(host.world.child_status(host.number(), spawned.process).and_then(|status| status.signal()), Some(9));
    host.exit(&newborn, code(0));
    host.system.destroy(spawned.process);
    assert_eq!(host.history().iter().filter(|line| line.starts_with("exited")).count(), 1);
}

/// P1.
#[test]
fn a_child_that_was_let_go_goes_on_by_itself() {
    let mut host = host();
    let (spawned, newborn) = host.spawn();
    host.system.let_go(spawned.process);
    let error = host.system.signal(spawned.process, Signal::KILL, Recipient::Process).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(host.world.child_status(host.number(), spawned.process), None);
    assert_eq!(host.write(newborn.stdout, b"tea"), Ok(3));
    host.exit(&newborn, code(0));
    host.pass(MILLISECOND);
    assert_eq!(host.read(spawned.stdout.unwrap()).unwrap(), b"tea");
    assert!(host.history().contains(&"exited cat[2] 0".to_string()));
}

/// P1: a terminal is one stream both ways, and when it is gone the child hears of that.
#[test]
fn a_terminal_has_a_size_and_its_end_hangs_the_child_up() {
    let mut host = host();
    let spawned = host.spawn_with(Streams::Terminal(WINDOW));
    let newborn = host.newborn(spawned.process);
    let terminal = spawned.terminal.unwrap();
    assert!(spawned.stdin.is_none() && host.system.is_terminal(terminal) && host.system.is_terminal(newborn.stdin));
    host.write(terminal, b"hello\n").unwrap();
    host.write(newborn.stdout, b"who is it? ").unwrap();
    host.write(newborn.stderr, b"(nobody)").unwrap();
    host.pass(MILLISECOND);
    assert_eq!(host.read(newborn.stdin).unwrap(), b"hello\n");
    assert_eq!(host.read(terminal).unwrap(), b"who is it? (nobody)");

    host.world.set_disposition(host.number(), spawned.process, Signal::WINCH, Disposition::Heard);
    let wide = WindowSize { rows: 50, columns: 200 };
    host.system.resize(terminal, wide).unwrap();
    host.system.resize(terminal, wide).unwrap();
    assert_eq!(host.world.window(host.number(), spawned.process), Some(wide));
    assert_eq!(host.world.take_signals(host.number(), spawned.process), [(Signal::WINCH, 1)]);
    assert!(host.system.resize(newborn.stdin, wide).is_err());

    host.close(terminal);
    assert_eq!(host.system.reap(spawned.process).unwrap().unwrap().signal(), Some(1));
}

/// P1.
#[test]
fn what_is_plugged_into_nothing_ends_at_once_and_swallows_everything() {
    let host = host();
    let spawned = host.spawn_with(Streams::Each { stdin: Plug::Null, stdout: Plug::Null, stderr: Plug::AsSet });
    let newborn = host.newborn(spawned.process);
    assert!(spawned.stdin.is_none() && spawned.stdout.is_none() && spawned.stderr.is_none());
    assert_eq!(host.read(newborn.stdin), Ok(Vec::new()));
    assert_eq!(host.write(newborn.stdout, &[0; 1_000_000]), Ok(1_000_000));
    assert_eq!(host.write(newborn.stderr, b"no tea\n"), Ok(7));
    assert_eq!(host.world.printed(host.number(), fate_core::Standard::Error), b"no tea\n");
}

/// V2: and its numbers are not given again.
#[test]
fn a_crash_forgets_all_children() {
    let host = host();
    let (spawned, newborn) = host.spawn();
    host.world.crash(host.number());
    assert!(host.system.reap(spawned.process).is_err());
    host.system.destroy(spawned.process);
    host.world.child_exited(host.number(), newborn.process, code(0));
    let again = host.world.host("here");
    let system = fate_core::Driver::system(&again);
    assert_eq!(system.reap(spawned.process).unwrap_err().raw_os_error(), Some(10));
    assert_eq!(system.spawn(order("cat")).unwrap().process, Process(3));
}
