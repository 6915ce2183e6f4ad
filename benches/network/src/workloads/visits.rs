//! Short connections, one message each: accepting and closing.

use super::{Course, FATE, POLL_TASK, SMALL, TASK, Tables, at_most, score};
use crate::contender::Contender;
use crate::load::visit;
use crate::peers::BASE;
use crate::race::{Figure, Score};
use crate::server::{Order, Server};
use std::io;

pub fn run(course: &Course, tables: &mut Tables) {
    let (order, visits) = (course.order(SMALL), course.scale.visits);
    // A round takes long, and leaves ports behind that are taken for a minute.
    let rounds = course.scale.rounds.min(3);
    let standings = tables.race(course, rounds, |one| play(one, &order, visits));
    let label = format!("{visits} connections accepted, one message, closed: each");
    tables.cpu.row(&label, Figure::Cpu, &standings, &[at_most(FATE, 1.0, BASE), TASK, POLL_TASK]);
    tables.sleeps.row(&label, Figure::Sleeps, &standings, &[]);
}

fn play(contender: &Contender, order: &Order, visits: usize) -> io::Result<Score> {
    let server = Server::start(contender, order)?;
    visit(server.port, visits / 10, order.message)?;
    let before = server.meter.read()?;
    visit(server.port, visits, order.message)?;
    Ok(score(before, server.meter.read()?, visits))
}
