//! P1, V1: bytes between a program and its child.

use crate::rig::{MILLISECOND, SECOND, code, host};
use fate_core::{Direction, Event, Interest, Socket};
use std::io::ErrorKind;

const ENOTSOCK: i32 = if cfg!(any(target_os = "linux", target_os = "android")) { 88 } else { 38 };

/// P1.
#[test]
fn bytes_arrive_in_order_and_a_little_later() {
    let mut host = host();
    let (spawned, newborn) = host.spawn();
    let (to, from) = (spawned.stdin.unwrap(), newborn.stdin);
    assert_eq!(host.read(from), Err(ErrorKind::WouldBlock));
    assert_eq!((host.write(to, b"ab"), host.write(to, b"cd")), (Ok(2), Ok(2)));
    assert_eq!(host.read(from), Err(ErrorKind::WouldBlock));
    let key = host.watch(from.0, Interest::Read);
    assert!(host.readiness(key).is_none());
    assert!(host.world.go_on(None));
    assert_eq!(host.world.elapsed().as_micros(), 20);
    assert!(host.readiness(key).unwrap().readable);
    assert_eq!(host.read(from).unwrap(), b"abcd");
    assert_eq!(host.read(from), Err(ErrorKind::WouldBlock));
    let lines = ["started cat[2]", "sent cat[2] stdin 2", "sent cat[2] stdin 2", "arrived cat[2] stdin 4"];
    assert_eq!(host.history(), lines);
}

/// P1: each end works in its own direction, and no network call works on it.
#[test]
fn an_end_of_a_pipe_is_no_other_end_and_no_socket() {
    let mut host = host();
    let (spawned, newborn) = host.spawn();
    assert_eq!(host.system.read(spawned.stdin.unwrap(), &mut [0]).unwrap_err().raw_os_error(), Some(9));
    assert_eq!(host.system.write(newborn.stdin, &[std::io::IoSlice::new(b"x")]).unwrap_err().raw_os_error(), Some(9));
    assert_eq!(host.system.read(Socket(999), &mut [0]).unwrap_err().raw_os_error(), Some(9));
    assert_eq!(host.network().local_address(newborn.stdin).unwrap_err().raw_os_error(), Some(ENOTSOCK));
    assert_eq!(host.network().shut_down(newborn.stdin, Direction::Read).unwrap_err().raw_os_error(), Some(ENOTSOCK));
    let received = host.receive(newborn.stdin);
    assert!(matches!(received, Some(Event::Failed(error)) if error.raw_os_error() == Some(ENOTSOCK)));
    assert!(!host.system.is_terminal(spawned.stdin.unwrap()) && !host.system.is_terminal(Socket(999)));
}

/// P1: whoever floods must wait for whoever reads, and time passes meanwhile.
#[test]
fn a_pipe_that_is_full_takes_more_when_somebody_has_read() {
    let mut host = host();
    let (spawned, newborn) = host.spawn();
    let (to, from) = (newborn.stdout, spawned.stdout.unwrap());
    let flood = vec![b'y'; 100_000];
    assert_eq!((host.write(to, &flood), host.write(to, b"y")), (Ok(65_536), Err(ErrorKind::WouldBlock)));
    let key = host.watch(to.0, Interest::Write);
    assert!(host.readiness(key).is_none());
    host.pass(MILLISECOND);
    assert!(host.readiness(key).is_none());
    assert_eq!(host.system.read(from, &mut [0; 4_095]).unwrap(), 4_095);
    assert!(host.readiness(key).is_none());
    assert_eq!(host.system.read(from, &mut [0; 1]).unwrap(), 1);
    assert!(host.readiness(key).unwrap().writable);
    assert_eq!(host.write(to, &flood), Ok(4_096));
    assert_eq!(host.read(from).unwrap().len(), 65_536 - 4_096);
    assert_eq!(host.read(from), Err(ErrorKind::WouldBlock));
}

/// P1: the end comes after everything else, and is found again and again.
#[test]
fn the_end_comes_after_the_last_byte() {
    let mut host = host();
    let (spawned, newborn) = host.spawn();
    let from = spawned.stdout.unwrap();
    host.write(newborn.stdout, b"last words").unwrap();
    let hang_up = host.watch(from.0, Interest::HangUp);
    host.exit(&newborn, code(0));
    assert!(host.readiness(hang_up).is_none());
    assert!(host.world.go_on(None));
    assert!(host.readiness(hang_up).unwrap().hang_up);
    assert_eq!(host.read(from).unwrap(), b"last words");
    assert_eq!((host.read(from), host.read(from)), (Ok(Vec::new()), Ok(Vec::new())));
}

/// P1: `EPIPE`, and whoever watches is told at once.
#[test]
fn who_writes_learns_that_nobody_reads_any_more() {
    let mut host = host();
    let (spawned, newborn) = host.spawn();
    let to = spawned.stdin.unwrap();
    while host.write(to, &[0; 10_000]).is_ok() {}
    let (key, hang_up) = (host.watch(to.0, Interest::Write), host.watch(to.0, Interest::HangUp));
    host.exit(&newborn, code(0));
    assert!(host.readiness(key).unwrap().error && host.readiness(hang_up).unwrap().error);
    assert_eq!(host.write(to, b"x"), Err(ErrorKind::BrokenPipe));
    let error = host.system.write(to, &[std::io::IoSlice::new(b"x")]).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(32));
}

/// V1: what nobody will ever read takes no time.
#[test]
fn bytes_for_nobody_are_forgotten() {
    let mut host = host();
    let (spawned, newborn) = host.spawn();
    host.write(newborn.stdout, b"hello?").unwrap();
    host.close(spawned.stdout.unwrap());
    assert!(!host.world.go_on(None));
    host.pass(SECOND);
    assert!(!host.history().iter().any(|line| line.starts_with("arrived")));
}
