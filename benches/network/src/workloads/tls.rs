//! Echoes by TLS, over connections that stay; what it takes to agree upon it is not counted.

use super::{Course, FATE, POLL_TASK, SMALL, TASK, Tables, at_most, score};
use crate::contender::Contender;
use crate::load::SecretLoad;
use crate::peers::BASE;
use crate::race::{Figure, Score};
use crate::server::{Order, Server};
use std::io;

const CONNECTIONS: usize = 50;

pub fn run(course: &Course, tables: &mut Tables) {
    let large = 16 * 1024;
    for (label, message, messages) in [("64 B", SMALL, course.scale.messages), ("16 KiB", large, course.scale.large)] {
        let order = Order { tls: true, ..course.order(message) };
        let standings = tables.race(course, course.scale.rounds, |one| play(one, &order, messages));
        let asked = [at_most(FATE, 1.0, BASE), TASK, POLL_TASK];
        let label = format!("TLS, {label}, {CONNECTIONS} connections x 1 in flight");
        tables.cpu.row(&label, Figure::Cpu, &standings, &asked);
        let counted = tables.race(course, 1, |one| play(one, &Order { census: true, ..order.clone() }, messages));
        tables.allocations.row(&label, Figure::Calls, &counted, &[]);
    }
}

fn play(contender: &Contender, order: &Order, messages: usize) -> io::Result<Score> {
    let server = Server::start(contender, order)?;
    let mut load = SecretLoad::connect(server.port, CONNECTIONS, order.message)?;
    load.run(messages / 4)?;
    let before = server.meter.read()?;
    let count = load.run(messages)?;
    Ok(score(before, server.meter.read()?, count))
}
