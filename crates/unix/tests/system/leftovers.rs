//! What is left when something has failed, or is over: nothing.

use crate::alone::alone;
use crate::rig::{NULL, OUTPUT, PIPES, Rig, are_there_any, descriptors, is_there, shell, wait};
use fate_core::{Order, Socket, Spawned, Streams, System, WindowSize};
use rustix::event::PollFlags;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::process::Command;

const TERMINAL: Streams = Streams::Terminal(WindowSize { rows: 1, columns: 1 });

fn wires(targets: &[RawFd]) -> Vec<(RawFd, OwnedFd)> {
    targets.iter().map(|target| (*target, io::pipe().unwrap().0.into())).collect()
}

fn close_all(child: &Spawned) {
    let ends = [child.stdin, child.stdout, child.stderr, child.terminal];
    ends.into_iter().flatten().for_each(|end| fate_unix::close(end, false));
}

/// L7.
#[test]
fn nothing_is_left_of_what_could_not_be_started() {
    alone("leftovers::nothing_is_left_of_what_could_not_be_started", || {
        let rig = Rig::default();
        let before = descriptors();
        for streams in [NULL, PIPES, TERMINAL] {
            for targets in [&[][..], &[3, 4, 5, 6, 7, 8, 9, 10], &[5, 5], &[2], &[RawFd::MAX]] {
                let command = Command::new("/nowhere/no-program");
                rig.spawn(Order { command, streams, descriptors: wires(targets) }).unwrap_err();
            }
        }
        assert_eq!(descriptors(), before);
        assert!(!are_there_any());
    });
}

/// L7.
#[test]
fn nothing_is_left_of_whoever_was_reaped_destroyed_let_go_or_abandoned() {
    alone("leftovers::nothing_is_left_of_whoever_was_reaped_destroyed_let_go_or_abandoned", || {
        let before = descriptors();
        let rig = Rig::default();
        for streams in [NULL, PIPES, TERMINAL] {
            let start = |targets| {
                let order = Order { command: shell("exit 0"), streams, descriptors: wires(targets) };
                let child = rig.spawn(order).unwrap();
                close_all(&child);
                child
            };
            rig.outcome(&start(&[]));
            rig.outcome(&start(&[3, 4, 5, 6, 7, 8, 9, 10]));
            rig.destroy(start(&[3]).process);
            let child = start(&[4]);
            wait(Socket(child.exit), PollFlags::IN);
            rig.let_go(child.process);
            start(&[5]);
        }
        drop(rig);
        assert_eq!(descriptors(), before);
        assert!(!are_there_any());
    });
}

/// L7, P1: whichever step it is that finds no descriptor; what was started in vain is killed and reaped.
#[test]
fn nothing_is_left_when_descriptors_run_out_in_the_middle() {
    alone("leftovers::nothing_is_left_when_descriptors_run_out_in_the_middle", || {
        let rig = Rig::default();
        let before = descriptors();
        let whole = getrlimit(Resource::Nofile);
        let mut seen = (0, 0);
        for (streams, targets) in [(NULL, &[][..]), (OUTPUT, &[]), (PIPES, &[]), (TERMINAL, &[]), (OUTPUT, &[4, 9])] {
            for room in 0..14 {
                let order = Order { command: shell("exec cat"), streams, descriptors: wires(targets) };
                let taken: Vec<RawFd> = descriptors().into_iter().map(|(number, _)| number).collect();
                let limit = (3..).filter(|number| !taken.contains(number)).nth(room).map(|limit| limit as u64);
                setrlimit(Resource::Nofile, Rlimit { current: limit, maximum: whole.maximum }).unwrap();
                let outcome = rig.spawn(order);
                setrlimit(Resource::Nofile, whole).unwrap();
                match outcome {
                    Ok(child) => {
                        seen.0 += 1;
                        close_all(&child);
                        rig.destroy(child.process);
                        assert!(!is_there(&child));
                    }
                    Err(_) => seen.1 += 1,
                }
                assert_eq!(descriptors(), before, "{streams:?} with room for {room}");
                assert!(!are_there_any(), "{streams:?} with room for {room}");
            }
        }
        assert!(seen.0 > 10 && seen.1 > 10, "{seen:?}");
    });
}
