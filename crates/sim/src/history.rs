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
//! | `listens` | a socket takes connections from now on |
//! | `connects` | a connection was begun |
//! | `opened` | it was answered: the connection stands |
//! | `accepted` | a program took a connection that waited for it |
//! | `refused` | nobody listens there, or a packet found nobody |
//! | `full` | a connection waits, and there is no descriptor for it |
//! | `sent` | so many bytes of a stream were sent, or a packet of so many |
//! | `arrived` | they have arrived |
//! | `lost` | they will not arrive; of a stream, they will be sent again |
//! | `ended` | the other end will send no more |
//! | `shut` | a program closed a connection |
//! | `aborted` | a program closed a connection in the midst of it: the other end is told to forget it |
//! | `reset` | a connection is over: the other end has forgotten it |
//! | `timeout` | a connection is over: the other end was silent for too long |
//! | `parted` | nothing passes from here on between the host and the one given |
//! | `healed` | everything passes again |
//! | `crashed` | a host lost everything it knew |
//! | `started` | a program was started, as this child and with these arguments |
//! | `exited` | a child has ended, with this status or by this signal |
//! | `signal` | a signal came, for the child that is named or for the host's own program |
//! | `typed` | so many bytes came on standard input |
//! | `printed` | the program wrote so many to standard output, or to standard error |
//! | `died` | the host's own program ended by a signal |
//!
//! Of the network the line says from where to where, as the host sees it that has the line; and how many bytes. Within a host
//! it says of which child (`cat[2]`), which of its streams, and how many bytes.
//!
//! Places are named by file and line without their folder, so a history is the same wherever the program was built.

use core::net::SocketAddr;
use fate_core::{Address, Deed, Place, UnixName};
use std::collections::BTreeMap;
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
    Did(Deed, Option<Place>),
    Happened(Happening, u32, u32),
    /// By the number of the words that say of what, and how many bytes.
    Told(Happening, u32, u32),
    Suspended(u64),
    Stepped(i64),
}

/// What happens to hosts and between them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Happening {
    Born,
    Listens,
    Connects,
    Opened,
    Accepted,
    Refused,
    Full,
    Sent,
    Arrived,
    Lost,
    Ended,
    Shut,
    Aborted,
    Reset,
    TimedOut,
    Parted,
    Healed,
    Crashed,
    Started,
    Exited,
    Signal,
    Typed,
    Printed,
    Died,
}

/// The history of a world.
#[derive(Default)]
pub(crate) struct History {
    records: Vec<Record>,
    flows: Vec<(Address, Address)>,
    numbers: BTreeMap<(Party, Party), u32>,
    labels: Vec<String>,
    label_numbers: BTreeMap<String, u32>,
}

/// An address that can be sorted.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Party {
    Inet(SocketAddr),
    Unix(Vec<u8>),
}

impl From<&Address> for Party {
    fn from(address: &Address) -> Party {
        match address {
            Address::Inet(address) => Party::Inet(*address),
            Address::Unix(UnixName::Unnamed) => Party::Unix(Vec::new()),
            Address::Unix(UnixName::Path(path)) => Party::Unix(path.as_os_str().as_encoded_bytes().to_vec()),
            Address::Unix(UnixName::Abstract(name)) => Party::Unix([b"\0", &name[..]].concat()),
        }
    }
}

impl History {
    /// A number for what goes from one address to another; for a socket alone, from it to itself.
    pub fn flow(&mut self, from: &Address, to: &Address) -> u32 {
        let new = self.flows.len() as u32;
        let number = *self.numbers.entry((from.into(), to.into())).or_insert(new);
        if number == new {
            self.flows.push((from.clone(), to.clone()));
        }
        number
    }

    /// A number for these words.
    pub fn label(&mut self, words: &str) -> u32 {
        if let Some(&number) = self.label_numbers.get(words) {
            return number;
        }
        let number = self.labels.len() as u32;
        self.labels.push(words.to_owned());
        self.label_numbers.insert(words.to_owned(), number);
        number
    }

    /// Something within a host, which has this label; the bytes are told if there are some.
    pub fn told(&mut self, truth: u64, host: u32, happening: Happening, label: u32, bytes: u32) {
        self.records.push(Record { truth, host, what: What::Told(happening, label, bytes) });
    }

    /// Of a link, `flow` is the number of the other host.
    pub fn happened(&mut self, truth: u64, host: u32, happening: Happening, flow: u32, bytes: u32) {
        self.records.push(Record { truth, host, what: What::Happened(happening, flow, bytes) });
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
            let (word, detail) = self.tell(record.what, &name);
            Event { truth: record.truth, host: name(record.host).to_owned(), word, detail }
        })
    }

    fn tell<'a>(&self, what: What, name: impl Fn(u32) -> &'a str) -> (&'static str, String) {
        match what {
            What::Suspended(nanos) => ("suspend", seconds(nanos.into())),
            What::Stepped(nanos) => ("step", seconds(nanos.into())),
            What::Did(deed, place) => (word(deed), place.map_or_else(String::new, short)),
            What::Told(happening, label, bytes) => {
                let label = self.labels.get(label as usize).map_or("", String::as_str);
                (happening.word(), if bytes > 0 { format!("{label} {bytes}") } else { label.to_owned() })
            }
            What::Happened(happening, flow, bytes) => {
                let detail = match happening {
                    Happening::Born | Happening::Crashed => String::new(),
                    Happening::Parted | Happening::Healed => name(flow).to_owned(),
                    Happening::Sent | Happening::Arrived | Happening::Lost => format!("{} {bytes}", self.course(flow)),
                    _ => self.course(flow),
                };
                (happening.word(), detail)
            }
        }
    }

    /// From where to where.
    fn course(&self, flow: u32) -> String {
        match self.flows.get(flow as usize) {
            Some((from, to)) if from == to => from.to_string(),
            Some((from, to)) => format!("{from} > {to}"),
            None => String::new(),
        }
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

impl Happening {
    fn word(self) -> &'static str {
        match self {
            Happening::Born => "born",
            Happening::Listens => "listens",
            Happening::Connects => "connects",
            Happening::Opened => "opened",
            Happening::Accepted => "accepted",
            Happening::Refused => "refused",
            Happening::Full => "full",
            Happening::Sent => "sent",
            Happening::Arrived => "arrived",
            Happening::Lost => "lost",
            Happening::Ended => "ended",
            Happening::Shut => "shut",
            Happening::Aborted => "aborted",
            Happening::Reset => "reset",
            Happening::TimedOut => "timeout",
            Happening::Parted => "parted",
            Happening::Healed => "healed",
            Happening::Crashed => "crashed",
            Happening::Started => "started",
            Happening::Exited => "exited",
            Happening::Signal => "signal",
            Happening::Typed => "typed",
            Happening::Printed => "printed",
            Happening::Died => "died",
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
