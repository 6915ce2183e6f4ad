//! Connections that have nothing to say: what they weigh, and whether they leave the server alone.

use super::{Course, FATE, FATE_POLL, FATES, SMALL, Tables, no_more, score};
use crate::contender::Contender;
use crate::load::Crowd;
use crate::race::{Figure, Score};
use crate::server::{Order, Server};
use std::io;
use std::thread::sleep;
use std::time::Duration;

/// So many are enough to have a server touch all that it makes once, whoever comes: the buffers that connections share.
const ONCE_FOR_ALL: usize = 300;

/// A server that had something to do has done it by then.
const A_MOMENT: Duration = Duration::from_millis(50);

pub fn run(course: &Course, tables: &mut Tables) {
    let (order, idle) = (Order { census: true, ..course.order(SMALL) }, course.scale.idle);
    let standings = tables.race(course, course.scale.rounds.min(3), |one| play(one, &order, idle));
    let light = [FATE, FATE_POLL].map(|who| no_more(who, 1024.0));
    let label = |what: &str| format!("{what}, {idle} idle connections");
    tables.memory.row(label("heap for each"), Figure::Heap, &standings, &light);
    tables.memory.row(label("resident for each"), Figure::Resident, &standings, &light);
    tables.memory.row(label("peak of the process"), Figure::Peak, &standings, &[]);
    tables.sleeps.row(
        label("in a quarter of a second"),
        Figure::Sleeps,
        &standings,
        &FATES.map(|who| no_more(who, 0.0)),
    );
}

fn play(contender: &Contender, order: &Order, connections: usize) -> io::Result<Score> {
    let server = Server::start(contender, order)?;
    let first = Crowd::gather(server.port, ONCE_FOR_ALL, order.message)?;
    sleep(A_MOMENT);
    let (before, resident) = (server.meter.read()?, server.meter.resident()?);
    let crowd = Crowd::gather(server.port, connections, order.message)?;
    sleep(A_MOMENT);
    let after = server.meter.read()?;
    let grown = |before: u64, after: u64| (after as f64 - before as f64) / connections as f64;
    let mut memory = vec![
        (Figure::Resident, grown(resident, server.meter.resident()?)),
        (Figure::Peak, server.meter.peak()? as f64),
    ];
    if let (Some(before), Some(after)) = (before.live, after.live) {
        memory.push((Figure::Heap, grown(before, after)));
    }
    sleep(5 * A_MOMENT);
    let mut score = score(after, server.meter.read()?, 1);
    drop((first, crowd));
    score.extend(memory);
    Ok(score)
}
