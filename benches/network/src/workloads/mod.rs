//! What is measured. Each workload adds rows to the tables; none knows whom it measures, but for what is asked of Fate.

mod calls;
mod echo;
mod idle;
mod ping;
mod tls;
mod visits;
mod web;

use crate::contender::Contender;
use crate::cores::Cores;
use crate::meter::Reading;
use crate::peers::BASE;
use crate::race::{self, Failure, Figure, Score, Standings};
use crate::scale::Scale;
use crate::server::Order;
use crate::tally::{Demand, Of, Tally, Unit};
use std::io;

/// Who runs, where, and how much.
pub struct Course {
    pub scale: Scale,
    pub contenders: Vec<&'static Contender>,
    pub cores: Cores,
}

/// What comes out.
pub struct Tables {
    cpu: Tally,
    latency: Tally,
    sleeps: Tally,
    allocations: Tally,
    memory: Tally,
    calls: Tally,
    workload: &'static str,
    /// Who did not do his work, and in which workload.
    pub failures: Vec<Failure>,
}

/// Measures, and writes into the tables.
type Workload = fn(&Course, &mut Tables);

/// Every workload with the name it is called by on the command line, in the order of the tables.
pub const ALL: [(&str, Workload); 11] = [
    ("echo", echo::some),
    ("busy", echo::many),
    ("pipelined", echo::pipelined),
    ("large", echo::large),
    ("ping", ping::run),
    ("visits", visits::run),
    ("idle", idle::run),
    ("tls", tls::run),
    ("web", web::run),
    ("webidle", web::idle),
    (CALLS, calls::run),
];

/// The one that needs strace and runs only when it is named.
pub const CALLS: &str = "calls";

/// Those of whom something is asked: `Protocol` and tasks, on the driver that Fate prefers and on `poll`.
const FATE: &str = "Fate";
const FATE_TASK: &str = "Fate task";
const FATE_POLL: &str = "Fate poll";
const FATE_POLL_TASK: &str = "Fate poll task";
const FATES: [&str; 4] = [FATE, FATE_TASK, FATE_POLL, FATE_POLL_TASK];

const SMALL: usize = 64;

impl Course {
    fn order(&self, message: usize) -> Order {
        Order { cores: self.cores, message, tls: false, web: false, census: false, trace: None }
    }
}

impl Tables {
    pub fn new(course: &Course) -> Tables {
        let columns: Vec<_> = course.contenders.iter().map(|contender| contender.name).collect();
        let table = |title, unit| Tally::new(title, unit, &columns);
        Tables {
            cpu: table("server CPU for each message", Unit::Nanoseconds),
            latency: table("latency", Unit::Nanoseconds),
            sleeps: table("how often the server slept", Unit::Count),
            allocations: table("calls to the allocator, once warm", Unit::Count),
            memory: table("memory", Unit::Bytes),
            calls: table("system calls", Unit::Count),
            workload: "",
            failures: Vec::new(),
        }
    }

    /// What comes now is from this workload.
    pub fn begin(&mut self, workload: &'static str) {
        eprintln!("{workload} …");
        self.workload = workload;
    }

    /// Lets everybody play, and keeps in mind who fails.
    fn race(
        &mut self,
        course: &Course,
        rounds: usize,
        play: impl FnMut(&'static Contender) -> io::Result<Score>,
    ) -> Standings {
        let (standings, failures) = race::race(&course.contenders, rounds, play);
        self.failures.extend(failures.iter().map(|failure| format!("{}: {failure}", self.workload)));
        standings
    }

    pub fn print(&self) {
        let Tables { cpu, latency, sleeps, allocations, memory, calls, .. } = self;
        [cpu, latency, sleeps, allocations, memory, calls].iter().for_each(|table| table.print());
    }
}

/// `who` may need so many times what `rival` needs.
const fn at_most(who: &'static str, at_most: f64, rival: &'static str) -> Demand {
    Demand { who, at_most, of: Of::Rival(rival) }
}

/// `who` may need no more than this.
const fn no_more(who: &'static str, at_most: f64) -> Demand {
    Demand { who, at_most, of: Of::Unit }
}

/// The task style may never need more than tokio.
const TASK: Demand = at_most(FATE_TASK, 1.0, BASE);
const POLL_TASK: Demand = at_most(FATE_POLL_TASK, 1.0, BASE);

/// What happened between two readings, for each of so many.
fn score(before: Reading, after: Reading, each: usize) -> Score {
    let each = each as f64;
    let mut score = vec![
        (Figure::Cpu, (after.cpu - before.cpu).as_nanos() as f64 / each),
        (Figure::Sleeps, (after.sleeps - before.sleeps) as f64 / each),
    ];
    if let (Some(before), Some(after)) = (before.calls, after.calls) {
        score.push((Figure::Calls, (after - before) as f64 / each));
    }
    score
}
