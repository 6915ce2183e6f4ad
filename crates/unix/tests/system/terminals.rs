//! Children that have a terminal of their own.

use crate::rig::{Rig, borrow, is_waiting, shell};
use fate_core::{Recipient, Signal, Spawned, Streams, System, WindowSize};
use rustix::io::{FdFlags, fcntl_getfd};
use std::io::ErrorKind;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Command;

const SIZE: WindowSize = WindowSize { rows: 24, columns: 80 };

fn start(rig: &Rig, command: Command) -> Spawned {
    rig.start(command, Streams::Terminal(SIZE)).unwrap()
}

/// P1.
#[test]
fn all_three_streams_are_one_terminal_of_the_size_that_was_asked_for() {
    let rig = Rig::default();
    let child = start(&rig, shell("test -t 0 && test -t 1 && test -t 2 && tty && stty size"));
    let told = rig.read_to_end(child.terminal);
    assert!(told.starts_with("/dev/") && told.ends_with("\r\n24 80\r\n"), "{told:?}");
    assert!(rig.outcome(&child).success());
    assert!(child.stdin.is_none() && child.stdout.is_none() && child.stderr.is_none());
}

/// P1, L7.
#[test]
fn our_end_neither_waits_nor_leaks() {
    let rig = Rig::default();
    let child = start(&rig, shell("echo ready; cat"));
    let terminal = child.terminal.unwrap();
    rig.read_until(child.terminal, "ready\r\n");
    assert_eq!(rig.read(terminal, &mut [0; 9]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(!is_waiting(terminal) && rig.is_terminal(terminal));
    assert!(fcntl_getfd(borrow(terminal)).unwrap().contains(FdFlags::CLOEXEC));
    // Who closes the terminal hangs up.
    fate_unix::close(terminal, false);
    assert_eq!(rig.outcome(&child).signal(), Some(libc::SIGHUP));
}

/// P1: the kernel calls it an error of the device.
#[test]
fn when_nobody_has_the_terminal_any_more_that_is_the_end() {
    let rig = Rig::default();
    let child = start(&rig, shell("echo bye"));
    assert!(rig.outcome(&child).success());
    assert_eq!(rig.read_until(child.terminal, "\n"), "bye\r\n");
    let terminal = child.terminal.unwrap();
    for _ in 0..2 {
        assert_eq!(rig.read(terminal, &mut [0; 9]).unwrap(), 0);
    }
    fate_unix::close(terminal, false);
}

/// P1: what is typed reaches whoever the terminal controls.
#[test]
fn control_c_interrupts() {
    let rig = Rig::default();
    let child = start(&rig, shell("echo ready; exec cat"));
    rig.read_until(child.terminal, "ready");
    rig.write_text(child.terminal, "\x03");
    assert_eq!(rig.outcome(&child).signal(), Some(libc::SIGINT));
    fate_unix::close(child.terminal.unwrap(), false);
}

/// P1: the end of the input, as it is typed.
#[test]
fn control_d_ends_the_input() {
    let rig = Rig::default();
    let child = start(&rig, shell("stty -echo; echo ready; cat; echo over"));
    rig.read_until(child.terminal, "ready\r\n");
    rig.write_text(child.terminal, "typed\n\x04");
    assert_eq!(rig.read_to_end(child.terminal), "typed\r\nover\r\n");
    assert!(rig.outcome(&child).success());
}

/// P1.
#[test]
fn a_child_is_told_when_its_terminal_is_resized() {
    let rig = Rig::default();
    let script = "trap 'stty size; exit 0' WINCH; echo ready; while :; do sleep 1000 & wait; done";
    let child = start(&rig, shell(script));
    rig.read_until(child.terminal, "ready\r\n");
    rig.resize(child.terminal.unwrap(), WindowSize { rows: 50, columns: 132 }).unwrap();
    rig.read_until(child.terminal, "50 132\r\n");
    assert!(rig.outcome(&child).success());
    fate_unix::close(child.terminal.unwrap(), false);
}

/// P1: it leads a session, and so a group.
#[test]
fn a_signal_reaches_all_at_the_terminal() {
    let rig = Rig::default();
    let child = start(&rig, shell("trap '' HUP; sleep 1000 & echo ready; wait"));
    rig.read_until(child.terminal, "ready\r\n");
    rig.signal(child.process, Signal::TERM, Recipient::Group).unwrap();
    assert_eq!(rig.read_to_end(child.terminal), "", "nobody has it any more");
    assert_eq!(rig.outcome(&child).signal(), Some(libc::SIGTERM));
}

/// P1: who leads a group cannot begin a session, says the kernel.
#[test]
fn a_command_that_asks_for_a_group_can_have_a_terminal() {
    let rig = Rig::default();
    let mut command = shell("echo here > /dev/tty");
    command.process_group(0);
    let child = start(&rig, command);
    assert_eq!(rig.read_to_end(child.terminal), "here\r\n");
    assert!(rig.outcome(&child).success());
}

/// P1.
#[test]
fn a_program_that_is_missing_has_no_terminal() {
    let rig = Rig::default();
    let error = rig.start(Command::new("/nowhere/no-program"), Streams::Terminal(SIZE)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}
