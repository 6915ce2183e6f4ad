//! Pages over connections that are kept: what each costs, and what a connection weighs that asks for none.

use super::{Course, FATE, FATE_POLL, SMALL, Tables, at_most, score};
use crate::contender::Contender;
use crate::load::{Pages, visit_all};
use crate::peers::BASE;
use crate::race::{Figure, Score};
use crate::server::{Order, Server};
use std::io;
use std::thread::sleep;
use std::time::Duration;

const CONNECTIONS: usize = 50;

/// So many are enough to have a server touch all that it makes once, whoever comes.
const ONCE_FOR_ALL: usize = 300;

/// A server that lets go of what an idle connection does not need has done it by then.
const A_WHILE: Duration = Duration::from_secs(3);

pub fn run(course: &Course, tables: &mut Tables) {
    for (in_flight, pages) in [(1, course.scale.messages), (16, 5 * course.scale.messages)] {
        let order = Order { web: true, ..course.order(SMALL) };
        let standings = tables.race(course, course.scale.rounds, |one| play(one, &order, in_flight, pages));
        let asked = [at_most(FATE, 0.95, BASE), at_most(FATE_POLL, 1.0, BASE)];
        let label = format!("hello over HTTP/1.1, {CONNECTIONS} connections x {in_flight} in flight");
        tables.cpu.row(&label, Figure::Cpu, &standings, &asked);
        let order = Order { census: true, ..order };
        let counted = tables.race(course, 1, |one| play(one, &order, in_flight, pages));
        tables.allocations.row(&label, Figure::Calls, &counted, &[]);
    }
}

fn play(contender: &Contender, order: &Order, in_flight: usize, pages: usize) -> io::Result<Score> {
    let server = Server::start(contender, order)?;
    let mut load = Pages::connect(server.port, CONNECTIONS, in_flight)?;
    load.run(pages / 4)?;
    let before = server.meter.read()?;
    load.run(pages)?;
    Ok(score(before, server.meter.read()?, pages))
}

pub fn idle(course: &Course, tables: &mut Tables) {
    let (order, idle) = (Order { web: true, census: true, ..course.order(SMALL) }, course.scale.idle);
    let standings = tables.race(course, course.scale.rounds.min(3), |one| weigh(one, &order, idle));
    let lighter = [FATE, FATE_POLL].map(|who| at_most(who, 1.0, BASE));
    let label = |what: &str| format!("{what}, {idle} idle connections of HTTP/1.1");
    tables.memory.row(label("heap for each"), Figure::Heap, &standings, &lighter);
    tables.memory.row(label("resident for each"), Figure::Resident, &standings, &lighter);
}

fn weigh(contender: &Contender, order: &Order, connections: usize) -> io::Result<Score> {
    let server = Server::start(contender, order)?;
    let first = visit_all(server.port, ONCE_FOR_ALL)?;
    sleep(A_WHILE);
    let (before, resident) = (server.meter.read()?, server.meter.resident()?);
    let crowd = visit_all(server.port, connections)?;
    sleep(A_WHILE);
    let after = server.meter.read()?;
    let grown = |before: u64, after: u64| (after as f64 - before as f64) / connections as f64;
    let mut memory = vec![(Figure::Resident, grown(resident, server.meter.resident()?))];
    if let (Some(before), Some(after)) = (before.live, after.live) {
        memory.push((Figure::Heap, grown(before, after)));
    }
    let mut score = score(after, server.meter.read()?, 1);
    drop((first, crowd));
    score.extend(memory);
    Ok(score)
}
