//! Descriptors that a child is given under numbers of the caller's choice.

use crate::alone::alone;
use crate::rig::{NULL, OUTPUT, Rig, shell};
use fate_core::{Order, Streams, System, WindowSize};
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::process::Command;

/// A pipe that holds this text and its end.
fn page(text: &str) -> OwnedFd {
    let (reader, mut writer) = io::pipe().unwrap();
    writer.write_all(text.as_bytes()).unwrap();
    reader.into()
}

/// What a child reads from these numbers, one after another.
fn read(descriptors: Vec<(RawFd, OwnedFd)>, numbers: &[RawFd]) -> String {
    let rig = Rig::default();
    let command = shell(&numbers.iter().map(|number| format!("cat /dev/fd/{number};")).collect::<String>());
    let child = rig.spawn(Order { command, streams: OUTPUT, descriptors }).unwrap();
    let text = rig.read_to_end(child.stdout);
    assert!(rig.outcome(&child).success());
    text
}

/// P1.
#[test]
fn a_child_has_descriptors_under_the_numbers_that_were_asked_for() {
    assert_eq!(
        read(vec![(5, page("five ")), (90, page("ninety ")), (7, page("seven "))], &[7, 90, 5]),
        "seven ninety five "
    );
}

/// P1: each is what another is to become.
#[test]
fn numbers_can_be_swapped() {
    let (one, two, three) = (page("one "), page("two "), page("three "));
    let (a, b, c) = (one.as_raw_fd(), two.as_raw_fd(), three.as_raw_fd());
    assert_eq!(read(vec![(b, one), (c, two), (a, three)], &[a, b, c]), "three one two ");
    let (one, two) = (page("one "), page("two "));
    let (a, b) = (one.as_raw_fd(), two.as_raw_fd());
    assert_eq!(read(vec![(b, one), (a, two)], &[a, b]), "two one ");
}

/// P1: it would be closed when the program is executed, if nothing was done.
#[test]
fn a_descriptor_can_keep_its_number() {
    let (one, two) = (page("one "), page("two "));
    let (a, b) = (one.as_raw_fd(), two.as_raw_fd());
    assert_eq!(read(vec![(a, one), (b, two)], &[a, b]), "one two ");
}

/// P1.
#[test]
fn a_child_can_have_descriptors_beside_a_terminal() {
    let rig = Rig::default();
    let streams = Streams::Terminal(WindowSize { rows: 24, columns: 80 });
    let descriptors = vec![(3, page("three "))];
    let child = rig.spawn(Order { command: shell("cat <&3; tty"), streams, descriptors }).unwrap();
    let told = rig.read_to_end(child.terminal);
    assert!(told.starts_with("three /dev/"), "{told:?}");
    assert!(rig.outcome(&child).success());
}

/// P1: also a descriptor that would have been inherited by itself.
#[test]
fn a_child_has_nothing_under_the_old_numbers() {
    let rig = Rig::default();
    let source = fcntl_dupfd_cloexec(page(""), 100).unwrap();
    fcntl_setfd(&source, FdFlags::empty()).unwrap();
    let command = shell(&format!("test -e /dev/fd/50 && ! test -e /dev/fd/{}", source.as_raw_fd()));
    let child = rig.spawn(Order { command, streams: NULL, descriptors: vec![(50, source)] }).unwrap();
    assert!(rig.outcome(&child).success());
}

/// P1.
#[test]
fn standard_streams_and_numbers_given_twice_are_refused() {
    let rig = Rig::default();
    for targets in [&[0][..], &[1], &[2], &[-1], &[RawFd::MIN], &[RawFd::MAX], &[4, 5, 4]] {
        let descriptors = targets.iter().map(|target| (*target, page(""))).collect();
        let error = rig.spawn(Order { command: shell("exit 0"), streams: NULL, descriptors }).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{targets:?}");
    }
}

/// P1: what a child says through a pipe of its own, before it is a program, is not lost to a number that was asked for.
#[test]
fn a_missing_program_is_told_of_whatever_numbers_are_asked_for() {
    alone("wiring::a_missing_program_is_told_of_whatever_numbers_are_asked_for", || {
        let rig = Rig::default();
        for first in 3..40 {
            let descriptors = (first..first + 4).map(|target| (target, page(""))).collect();
            let command = Command::new("/nowhere/no-program");
            let error = rig.spawn(Order { command, streams: OUTPUT, descriptors }).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound);
        }
    });
}
