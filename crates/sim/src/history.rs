//! What happened, one line an event.
//!
//! # Legend
//! ```text
//!        12.000000000 client   burned   chat.rs:20
//!        ▲            ▲        ▲        ▲
//!        seconds of   host     what     the line that set it up
//!        true time             happened
//! ```
//!
//! | word | what happened |
//! |---|---|
//! | `born` | a host was made |
//! | `burned` | the handlers of a fuse were called |
//! | `spawned` | a task was spawned |
//! | `finished` | a task ran to its end |
//! | `dropped` | a task was dropped before its end |
//! | `failed` | a handler failed, or a failure was dropped unheard |
//! | `suspend` | the host was suspended, for the time given |
//! | `step` | the wall clock was set, by the time given |
//! | `closing` | shutdown was asked for |
//! | `closed` | shutdown is complete |
//! | `left` | something was still alive at the end |
//!
//! Places are named by file and line without their folder, so a history is the same wherever the program was built.

use fate_core::{Deed, Place};
use std::fmt::Write;
use std::path::Path;

/// One event.
#[derive(Clone, Debug)]
pub struct Event {
    /// Nanoseconds of true time.
    pub truth: u64,
    /// The name of the host it happened on.
    pub host: String,
    /// What happened: a word of the legend.
    pub word: &'static str,
    /// The line that set it up, as `file.rs:line`, or what else there is to say.
    pub detail: String,
}

/// What is kept of an event until somebody asks: 32 bytes.
#[derive(Clone, Copy)]
struct Record {
    truth: u64,
    host: u32,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    Born,
    Did(Deed, Option<Place>),
    Suspended(u64),
    Stepped(i64),
}

/// The history of a world.
#[derive(Default)]
pub(crate) struct History {
    records: Vec<Record>,
}

impl History {
    pub fn born(&mut self, truth: u64, host: u32) {
        self.records.push(Record { truth, host, what: What::Born });
    }

    pub fn did(&mut self, truth: u64, host: u32, deed: Deed, place: Option<Place>) {
        self.records.push(Record { truth, host, what: What::Did(deed, place) });
    }

    pub fn suspended(&mut self, truth: u64, host: u32, nanos: u64) {
        self.records.push(Record { truth, host, what: What::Suspended(nanos) });
    }

    pub fn stepped(&mut self, truth: u64, host: u32, nanos: i64) {
        self.records.push(Record { truth, host, what: What::Stepped(nanos) });
    }

    /// The events in order, with the hosts' names.
    pub fn events<'a>(&'a self, name: impl Fn(u32) -> &'a str + 'a) -> impl Iterator<Item = Event> + 'a {
        self.records.iter().map(move |record| {
            let (word, detail) = record.what.tell();
            Event { truth: record.truth, host: name(record.host).to_owned(), word, detail }
        })
    }

    /// The history as text.
    pub fn text<'a>(&'a self, name: impl Fn(u32) -> &'a str + 'a) -> String {
        let mut text = String::new();
        for event in self.events(name) {
            let (seconds, nanos) = (event.truth / 1_000_000_000, event.truth % 1_000_000_000);
            let line = format!("{seconds:>9}.{nanos:09} {:<8} {:<8} {}", event.host, event.word, event.detail);
            let _ = writeln!(text, "{}", line.trim_end());
        }
        text
    }
}

impl What {
    fn tell(self) -> (&'static str, String) {
        match self {
            What::Born => ("born", String::new()),
            What::Suspended(nanos) => ("suspend", seconds(nanos as i128)),
            What::Stepped(nanos) => ("step", seconds(nanos.into())),
            What::Did(deed, place) => (word(deed), place.map_or_else(String::new, short)),
        }
    }
}

fn word(deed: Deed) -> &'static str {
    match deed {
        Deed::Burned => "burned",
        Deed::Spawned => "spawned",
        Deed::Finished => "finished",
        Deed::Dropped => "dropped",
        Deed::Failed => "failed",
        Deed::ShutdownAsked => "closing",
        Deed::ShutDown => "closed",
        Deed::Left => "left",
    }
}

fn short(place: Place) -> String {
    let file = Path::new(place.file()).file_name().unwrap_or_default();
    format!("{}:{}", file.to_string_lossy(), place.line())
}

fn seconds(nanos: i128) -> String {
    let sign = if nanos < 0 { "-" } else { "+" };
    let nanos = nanos.unsigned_abs();
    format!("{sign}{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)
}
