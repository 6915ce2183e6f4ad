//! xargs, which starts programs and waits for them, and does nothing else. It is a program itself, so only its wall time tells
//! anything.

use crate::contender::{PROGRAM, Work};
use std::io::Write;
use std::process::{Command, Stdio};

pub fn children(at_once: usize) -> Work {
    Box::new(move |count| {
        let mut xargs = Command::new("xargs")
            .args(["-n1", "-P", &at_once.to_string(), PROGRAM])
            .stdin(Stdio::piped())
            .spawn()
            .expect("xargs is there");
        let mut arguments = xargs.stdin.take().expect("there is a pipe");
        arguments.write_all("word\n".repeat(count).as_bytes()).expect("it reads");
        drop(arguments);
        assert!(xargs.wait().expect("it is ours").success());
    })
}
