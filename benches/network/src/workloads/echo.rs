//! Echoes over connections that stay: few and many, one message at a time and a row of them, small ones and large ones.

use super::{Course, FATE, FATE_POLL, FATES, POLL_TASK, SMALL, TASK, Tables, at_most, no_more, score};
use crate::contender::Contender;
use crate::load::Load;
use crate::peers::BASE;
use crate::race::{Figure, Score};
use crate::server::{Order, Server};
use crate::tally::Demand;
use std::io;

struct Shape {
    label: String,
    connections: usize,
    in_flight: usize,
    message: usize,
    messages: usize,
}

impl Shape {
    fn small(connections: usize, in_flight: usize, messages: usize) -> Shape {
        let label = format!("{SMALL} B, {connections} connections x {in_flight} in flight");
        Shape { label, connections, in_flight, message: SMALL, messages }
    }
}

/// Beside tokio, the bare loops of either kind.
const fn asked(of_tokio: f64) -> [Demand; 5] {
    let (uring, poll) = (at_most(FATE, 1.05, "uring"), at_most(FATE_POLL, 1.03, "epoll"));
    [at_most(FATE, of_tokio, BASE), uring, TASK, poll, POLL_TASK]
}

pub fn some(course: &Course, tables: &mut Tables) {
    run(course, tables, &Shape::small(50, 1, course.scale.messages), &asked(0.95));
}

pub fn many(course: &Course, tables: &mut Tables) {
    run(course, tables, &Shape::small(course.scale.many, 1, course.scale.messages), &asked(0.87));
}

pub fn pipelined(course: &Course, tables: &mut Tables) {
    run(course, tables, &Shape::small(50, 16, 5 * course.scale.messages), &asked(0.88));
}

pub fn large(course: &Course, tables: &mut Tables) {
    let label = "16 KiB, 50 connections x 1 in flight".to_string();
    let shape = Shape { label, connections: 50, in_flight: 1, message: 16 * 1024, messages: course.scale.large };
    run(course, tables, &shape, &[at_most(FATE, 1.0, BASE), TASK, POLL_TASK]);
}

fn run(course: &Course, tables: &mut Tables, shape: &Shape, asked: &[Demand]) {
    let order = course.order(shape.message);
    let standings = tables.race(course, course.scale.rounds, |one| play(one, &order, shape));
    tables.cpu.row(&shape.label, Figure::Cpu, &standings, asked);
    tables.sleeps.row(&shape.label, Figure::Sleeps, &standings, &[]);

    let order = Order { census: true, ..order };
    let counted = tables.race(course, 1, |one| play(one, &order, shape));
    let none = FATES.map(|who| no_more(who, 0.0));
    tables.allocations.row(&shape.label, Figure::Calls, &counted, &none);
}

fn play(contender: &Contender, order: &Order, shape: &Shape) -> io::Result<Score> {
    let server = Server::start(contender, order)?;
    let mut load = Load::connect(server.port, shape.connections, shape.in_flight, shape.message)?;
    load.run(shape.messages / 4)?;
    let before = server.meter.read()?;
    load.run(shape.messages)?;
    Ok(score(before, server.meter.read()?, shape.messages))
}
