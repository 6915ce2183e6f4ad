//! How children end, and who ends them.

use crate::alone::{alone, forked, ignore_children};
use crate::rig::{NULL, OUTPUT, PIPES, Rig, is_there, shell, wait};
use fate_core::{Failure, Forked, Process, Recipient, Signal, Socket, Spawned, System};
use rustix::event::PollFlags;
use rustix::process::{Pid, WaitOptions, waitpid};
use std::io::ErrorKind;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Command;
use std::time::{Duration, Instant};

/// A child that runs until its input ends.
fn idler(rig: &Rig) -> Spawned {
    rig.start(Command::new("cat"), PIPES).unwrap()
}

fn assert_forgotten(rig: &Rig, process: Process) {
    assert_eq!(rig.reap(process).unwrap_err().raw_os_error(), Some(libc::ECHILD));
    for to in [Recipient::Process, Recipient::Group] {
        assert_eq!(rig.signal(process, Signal::TERM, to).unwrap_err().kind(), ErrorKind::NotFound);
    }
    rig.destroy(process);
    rig.let_go(process);
}

/// P1.
#[test]
fn the_exit_code_is_told_once() {
    let rig = Rig::default();
    let child = rig.start(shell("exit 7"), NULL).unwrap();
    assert_eq!(rig.outcome(&child).code(), Some(7));
    assert_forgotten(&rig, child.process);
    assert!(!is_there(&child), "no zombie");
}

/// P1.
#[test]
fn the_signal_that_killed_a_child_is_told() {
    let rig = Rig::default();
    let child = rig.start(shell("kill -SEGV $$"), NULL).unwrap();
    assert_eq!(rig.outcome(&child).signal(), Some(libc::SIGSEGV));
}

/// P1.
#[test]
fn a_child_that_runs_has_not_ended() {
    let rig = Rig::default();
    let child = idler(&rig);
    assert!(rig.reap(child.process).unwrap().is_none());
    rig.signal(child.process, Signal::TERM, Recipient::Process).unwrap();
    assert_eq!(rig.outcome(&child).signal(), Some(libc::SIGTERM));
}

/// P1: also a signal that has no name.
#[test]
fn a_child_can_be_sent_any_signal() {
    let rig = Rig::default();
    for number in [1, 9, 14, 40, 60] {
        let child = idler(&rig);
        rig.signal(child.process, Signal::new(number).unwrap(), Recipient::Process).unwrap();
        assert_eq!(rig.outcome(&child).signal(), Some(number));
    }
}

/// P1: the other has children of its own, which hold the pipe; its end is the sign that all are gone.
#[test]
fn a_signal_reaches_the_group_that_a_child_leads() {
    let rig = Rig::default();
    let mut command = shell("sleep 1000 & sleep 1000 & echo started; wait");
    command.process_group(0);
    let child = rig.start(command, OUTPUT).unwrap();
    rig.read_until(child.stdout, "started\n");
    rig.signal(child.process, Signal::TERM, Recipient::Group).unwrap();
    assert_eq!(rig.read_to_end(child.stdout), "");
    assert_eq!(rig.outcome(&child).signal(), Some(libc::SIGTERM));
}

/// P1: it is in our group then, which must not be hit.
#[test]
fn a_child_that_leads_no_group_has_none_to_be_signalled() {
    let rig = Rig::default();
    let child = idler(&rig);
    let error = rig.signal(child.process, Signal::TERM, Recipient::Group).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ESRCH));
    assert!(rig.reap(child.process).unwrap().is_none());
}

/// P1.
#[test]
fn a_signal_to_a_child_that_has_ended_makes_no_difference() {
    let rig = Rig::default();
    let child = rig.start(shell("exit 3"), NULL).unwrap();
    wait(Socket(child.exit), PollFlags::IN);
    rig.signal(child.process, Signal::KILL, Recipient::Process).unwrap();
    assert_eq!(rig.outcome(&child).code(), Some(3));
}

/// P1.
#[test]
fn whoever_ignores_requests_is_destroyed_all_the_same() {
    let rig = Rig::default();
    let child = rig.start(shell("trap '' TERM; echo deaf; exec cat"), PIPES).unwrap();
    rig.read_until(child.stdout, "deaf\n");
    rig.signal(child.process, Signal::TERM, Recipient::Process).unwrap();
    assert!(rig.reap(child.process).unwrap().is_none());
    rig.destroy(child.process);
    assert!(!is_there(&child), "killed, and no zombie");
    assert_forgotten(&rig, child.process);
}

/// P1: a stop does not keep it alive.
#[test]
fn whoever_was_stopped_is_destroyed_all_the_same() {
    let rig = Rig::default();
    let child = idler(&rig);
    rig.signal(child.process, Signal::STOP, Recipient::Process).unwrap();
    rig.destroy(child.process);
    assert!(!is_there(&child));
}

/// L7.
#[test]
fn when_the_door_goes_no_child_of_its_is_left() {
    let rig = Rig::default();
    let children: Vec<Spawned> = (0..5).map(|_| idler(&rig)).collect();
    drop(rig);
    assert!(!children.iter().any(is_there));
}

/// P1: one that ends later, and one that has ended already.
#[test]
fn whoever_is_let_go_lives_on_and_is_no_zombie_afterwards() {
    let rig = Rig::default();
    let child = idler(&rig);
    rig.let_go(child.process);
    assert_forgotten(&rig, child.process);
    rig.write_text(child.stdin, "still there");
    assert_eq!(rig.read_until(child.stdout, "there"), "still there");
    drop(rig);
    assert!(is_there(&child));
    fate_unix::close(child.stdin.unwrap(), false);
    let late = Instant::now() + Duration::from_secs(60);
    while is_there(&child) {
        assert!(Instant::now() < late, "nobody reaps it");
        std::thread::yield_now();
    }

    let rig = Rig::default();
    let child = rig.start(shell("exit 0"), NULL).unwrap();
    wait(Socket(child.exit), PollFlags::IN);
    rig.let_go(child.process);
    assert!(!is_there(&child), "there is nothing to wait for");
}

/// P1: somebody in this program has waited for our child.
#[test]
fn a_child_that_somebody_else_has_reaped_is_an_error_and_hurts_nobody() {
    let rig = Rig::default();
    let child = rig.start(shell("exit 1"), NULL).unwrap();
    wait(Socket(child.exit), PollFlags::IN);
    waitpid(Pid::from_raw(child.process.0 as i32), WaitOptions::empty()).unwrap().unwrap();
    rig.signal(child.process, Signal::KILL, Recipient::Process).unwrap();
    let error = rig.signal(child.process, Signal::KILL, Recipient::Group).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ESRCH));
    assert_forgotten(&rig, child.process);
}

/// P1: nobody else's child is ever reaped.
#[test]
fn the_children_of_others_are_left_to_them() {
    let rig = Rig::default();
    let mut foreign = shell("exit 5").spawn().unwrap();
    let child = rig.start(shell("exit 6"), NULL).unwrap();
    assert_eq!(rig.outcome(&child).code(), Some(6));
    rig.destroy(Process(foreign.id()));
    drop(rig);
    assert_eq!(foreign.wait().unwrap().code(), Some(5));
}

/// P1: the kernel throws the exit status away then.
#[test]
fn where_nobody_is_told_of_children_their_end_is_known_all_the_same() {
    alone("ending::where_nobody_is_told_of_children_their_end_is_known_all_the_same", || {
        ignore_children();
        let rig = Rig::default();
        for _ in 0..20 {
            let child = rig.start(shell("exit 4"), NULL).unwrap();
            wait(Socket(child.exit), PollFlags::IN);
            rig.signal(child.process, Signal::KILL, Recipient::Process).unwrap();
            assert_eq!(rig.reap(child.process).unwrap_err().raw_os_error(), Some(libc::ECHILD));
            assert_forgotten(&rig, child.process);
        }
        let child = idler(&rig);
        rig.destroy(child.process);
        assert!(!is_there(&child));
    });
}

/// L6.
#[test]
fn a_forked_copy_of_the_door_touches_none_of_its_parents_children() {
    alone("ending::a_forked_copy_of_the_door_touches_none_of_its_parents_children", || {
        let rig = Rig::default();
        let children = [(); 3].map(|()| idler(&rig));
        let mut rig = Some(rig);
        let is_refused = forked(|| {
            let rig = rig.take().unwrap();
            let process = children[0].process;
            let refusals = [
                rig.start(shell("exit 0"), NULL).unwrap_err(),
                rig.signal(process, Signal::KILL, Recipient::Process).unwrap_err(),
                rig.reap(process).unwrap_err(),
            ];
            let is_refused = refusals.map(Failure::from).iter().all(Failure::is::<Forked>);
            rig.destroy(children[1].process);
            rig.let_go(children[1].process);
            is_refused
        });
        assert!(is_refused);
        let rig = rig.unwrap();
        for child in &children {
            rig.write_text(child.stdin, "alive");
            assert_eq!(rig.read_until(child.stdout, "alive"), "alive");
            assert!(rig.reap(child.process).unwrap().is_none());
        }
    });
}

/// L6: as of a program that becomes a daemon after it made its loop.
#[test]
fn a_door_that_was_not_used_before_a_fork_is_the_childs_as_well() {
    alone("ending::a_door_that_was_not_used_before_a_fork_is_the_childs_as_well", || {
        let rig = Rig::default();
        let ends_well = || {
            let child = rig.start(shell("exit 8"), NULL).unwrap();
            rig.outcome(&child).code() == Some(8)
        };
        assert!(forked(ends_well) && ends_well());
    });
}
