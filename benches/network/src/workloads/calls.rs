//! System calls for each message, counted by strace. Nothing is timed.
//!
//! Twice as many messages, less once as many: what is left is what messages cost, without the start and the end.

use super::{Course, SMALL, Tables};
use crate::contender::Contender;
use crate::load::{Load, Ping};
use crate::race::{Figure, Score};
use crate::server::{Order, Server};
use std::{env, fs, io, process};

const MESSAGES: usize = 2_000;

/// A load that sends so many messages to a port.
type Send = fn(u16, usize) -> io::Result<()>;

pub fn run(course: &Course, tables: &mut Tables) {
    let alone: Send = |port, messages| Ping::connect(port, SMALL)?.run(messages).map(drop);
    let together: Send = |port, messages| Load::connect(port, 50, 1, SMALL)?.run(messages);
    for (label, load) in [("1 connection x 1 in flight", alone), ("50 connections x 1 in flight", together)] {
        let order = course.order(SMALL);
        let standings = tables.race(course, 1, |one| {
            let once = traced(one, &order, |port| load(port, MESSAGES))?;
            let twice = traced(one, &order, |port| load(port, 2 * MESSAGES))?;
            Ok::<Score, _>(vec![(Figure::Calls, (twice as f64 - once as f64) / MESSAGES as f64)])
        });
        tables.calls.row(format!("each message, {label}"), Figure::Calls, &standings, &[]);
    }
}

/// How many system calls a server makes in its life.
fn traced(contender: &Contender, order: &Order, load: impl Fn(u16) -> io::Result<()>) -> io::Result<usize> {
    let log = env::temp_dir().join(format!("fate-bench-network-{}.strace", process::id()));
    let server = Server::start(contender, &Order { trace: Some(log.clone()), ..order.clone() })?;
    let loaded = load(server.port);
    drop(server);
    let calls = fs::read_to_string(&log)?.lines().filter(|line| line.contains('(')).count();
    fs::remove_file(&log)?;
    loaded.map(|()| calls)
}
