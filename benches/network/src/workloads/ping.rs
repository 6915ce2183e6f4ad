//! One connection with one message in flight: what it costs the server, and how long the client waits.

use super::{Course, FATE, POLL_TASK, SMALL, TASK, Tables, at_most, score};
use crate::contender::Contender;
use crate::load::Ping;
use crate::peers::BASE;
use crate::race::{Figure, Score};
use crate::server::{Order, Server};
use std::io;

pub fn run(course: &Course, tables: &mut Tables) {
    let order = course.order(SMALL);
    let standings = tables.race(course, course.scale.rounds, |one| play(one, &order, course.scale.pings));
    let label = format!("{SMALL} B, 1 connection x 1 in flight");
    let asked = [at_most(FATE, 1.0, BASE), TASK, POLL_TASK];
    tables.cpu.row(&label, Figure::Cpu, &standings, &asked);
    tables.sleeps.row(&label, Figure::Sleeps, &standings, &[]);
    tables.latency.row(format!("{label}: median"), Figure::Median, &standings, &asked);
    tables.latency.row(format!("{label}: 99th percentile"), Figure::NinetyNine, &standings, &[]);
}

fn play(contender: &Contender, order: &Order, messages: usize) -> io::Result<Score> {
    let server = Server::start(contender, order)?;
    let mut ping = Ping::connect(server.port, order.message)?;
    ping.run(messages / 4)?;
    let before = server.meter.read()?;
    let mut times = ping.run(messages)?;
    let mut score = score(before, server.meter.read()?, messages);
    times.sort();
    let percentile = |percent: usize| times[(times.len() - 1) * percent / 100].as_nanos() as f64;
    score.extend([(Figure::Median, percentile(50)), (Figure::NinetyNine, percentile(99))]);
    Ok(score)
}
