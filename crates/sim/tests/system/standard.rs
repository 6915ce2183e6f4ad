//! I1, V1: the streams that a program is born with, and the time that threads take.

use crate::rig::{MILLISECOND, SECOND, host};
use fate_core::{Interest, Plug, Standard, Streams};
use std::io::ErrorKind;
use std::time::Duration;

/// I1.
#[test]
fn what_is_typed_can_be_read_at_once_and_once() {
    let mut host = host();
    let input = host.system.open_standard(Standard::Input).unwrap();
    assert_eq!(host.read(input), Err(ErrorKind::WouldBlock));
    let key = host.watch(input.0, Interest::Read);
    host.world.type_in(host.number(), b"tea\n");
    assert!(host.readiness(key).unwrap().readable);
    assert_eq!(host.read(input).unwrap(), b"tea\n");
    assert_eq!(host.read(input), Err(ErrorKind::WouldBlock));
    assert_eq!(host.history(), ["typed stdin 4"]);
}

/// I1: what was typed before somebody looked is there, and so is the end.
#[test]
fn closing_what_was_opened_leaves_the_stream_as_it_is() {
    let mut host = host();
    host.world.type_in(host.number(), &[b'x'; 200_000]);
    let first = host.system.open_standard(Standard::Input).unwrap();
    assert_eq!(host.read(first).unwrap().len(), 100_000);
    host.close(first);
    host.world.end_input(host.number());
    host.world.type_in(host.number(), b"too late");
    let second = host.system.open_standard(Standard::Input).unwrap();
    assert_eq!(host.read(second).unwrap().len(), 100_000);
    assert_eq!(host.read(second), Ok(Vec::new()));
}

/// V1.
#[test]
fn what_is_printed_is_kept_also_from_a_child_that_shares_the_stream() {
    let mut host = host();
    let output = host.system.open_standard(Standard::Output).unwrap();
    assert!(host.is_ready(output.0, Interest::Write) && !host.system.is_terminal(output));
    host.write(output, b"one ").unwrap();
    host.close(output);
    let spawned = host.spawn_with(Streams::Each { stdin: Plug::AsSet, stdout: Plug::AsSet, stderr: Plug::AsSet });
    let newborn = host.newborn(spawned.process);
    host.world.type_in(host.number(), b"for the child");
    assert_eq!(host.read(newborn.stdin).unwrap(), b"for the child");
    host.write(newborn.stdout, b"two").unwrap();
    host.write(newborn.stderr, b"three").unwrap();
    let printed = [Standard::Output, Standard::Error].map(|standard| host.world.printed(host.number(), standard));
    assert_eq!(printed, [b"one two".to_vec(), b"three".to_vec()]);
}

/// H1, V2: by the host's own clock, as threads stand still with their host.
#[test]
fn work_takes_as_long_as_the_script_says() {
    let mut host = host();
    let (world, number) = (host.world.clone(), host.number());
    assert!(world.begin_errand(number).is_none());
    world.set_thread_time(number, SECOND..SECOND);
    let errand = world.begin_errand(number).unwrap();
    let key = host.watch(errand.number(), Interest::Read);
    host.pass(MILLISECOND * 500);
    world.suspend(number, SECOND * 60);
    host.pass(SECOND * 60);
    assert!(host.readiness(key).is_none());
    assert!(world.go_on(None));
    assert!(host.readiness(key).is_some());
    assert_eq!(world.elapsed(), SECOND * 61);

    world.set_thread_time(number, Duration::MAX..Duration::MAX);
    let stuck = world.begin_errand(number).unwrap();
    host.watch(stuck.number(), Interest::Read);
    assert!(!world.go_on(None));
    world.end_errand(number, stuck);
}

/// V2: and who is forgotten takes no time.
#[test]
fn how_long_work_takes_is_drawn_from_the_seed() {
    let host = host();
    let (world, number) = (host.world.clone(), host.number());
    world.set_thread_time(number, MILLISECOND..SECOND);
    let errands: Vec<_> = (0..10).filter_map(|_| world.begin_errand(number)).collect();
    assert_eq!(errands.len(), 10);
    errands.into_iter().for_each(|errand| world.end_errand(number, errand));
    assert!(!world.go_on(None));
    assert_eq!(world.elapsed(), Duration::ZERO);
}
