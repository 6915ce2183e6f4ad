//! Fetches pages, all at once, and prints each when it is there. After three seconds it ends, whether they came or not.
//!
//! A page comes in pieces, as the network brings them, from as many servers as were asked; between two pieces other
//! things happen. So ten pages take no longer than the slowest of them, the bar moves while they come, and the fuse of
//! three seconds burns when it should.
//!
//! ```console
//! $ cargo run --example get_page https://example.org/ https://www.rust-lang.org/
//! $ cargo run --example get_page -- --save --seconds 60 https://example.org/large.iso
//! ```
//! `--save` writes each page into a file in this folder, under the last part of its address, instead of printing it. On
//! a terminal there is a bar for all of them. The exit status is 0 if every page came, 1 if one did not, and 2 if the
//! question made no sense.

use fate::{Cancelled, Failure, Fate};
use fate_web::{Client, Response, WebError};
use std::cell::Cell;
use std::io::{IsTerminal, Write, stderr, stdout};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;
use std::{env, fs::File};

/// What was asked for.
pub struct Wishes {
    /// The pages.
    pub urls: Vec<String>,
    /// Whether they go into files.
    pub save: bool,
    /// How long it may take.
    pub seconds: u64,
}

impl Wishes {
    /// Nothing if it makes no sense.
    fn read(words: impl Iterator<Item = String>) -> Option<Wishes> {
        let mut wishes = Wishes { urls: Vec::new(), save: false, seconds: 3 };
        let mut words = words;
        while let Some(word) = words.next() {
            match word.as_str() {
                "--save" => wishes.save = true,
                "--seconds" => wishes.seconds = words.next()?.parse().ok()?,
                option if option.starts_with("--") => return None,
                _ => wishes.urls.push(word),
            }
        }
        Some(wishes).filter(|wishes| !wishes.urls.is_empty())
    }
}

/// How far it has come with all of them.
#[derive(Default)]
pub struct Tally {
    asked: Cell<usize>,
    came: Cell<usize>,
    /// Those that came, and those that will not.
    done: Cell<usize>,
    /// Bytes that came, and bytes that are known to come.
    bytes: Cell<u64>,
    expected: Cell<u64>,
}

impl Tally {
    /// Whether none is missing.
    pub fn all_came(&self) -> bool {
        self.came.get() == self.asked.get()
    }

    fn add(cell: &Cell<u64>, count: u64) {
        cell.set(cell.get() + count);
    }

    /// Such as `[############........] 2 of 3 pages, 421 kB`.
    pub fn bar(&self) -> String {
        const WIDTH: u64 = 20;
        let done = WIDTH * self.bytes.get() / self.expected.get().max(self.bytes.get()).max(1);
        let (full, rest) = ("#".repeat(done as usize), ".".repeat((WIDTH - done) as usize));
        format!("[{full}{rest}] {} of {} pages, {} kB", self.came.get(), self.asked.get(), self.bytes.get() / 1000)
    }
}

/// Where a page goes.
enum Sink {
    Memory(Vec<u8>),
    File(File, String),
}

impl Sink {
    fn new(url: &str, save: bool) -> std::io::Result<Sink> {
        if !save {
            return Ok(Sink::Memory(Vec::new()));
        }
        let path = url.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
        let name = path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("page");
        Ok(Sink::File(File::create(name)?, name.to_owned()))
    }

    fn write(&mut self, piece: &[u8]) -> std::io::Result<()> {
        match self {
            Sink::Memory(page) => page.write_all(piece),
            Sink::File(file, _) => file.write_all(piece),
        }
    }
}

/// Fetches one page, piece by piece.
async fn fetch(client: Client, url: String, save: bool, tally: Rc<Tally>) -> fate::Result {
    let mut response = client.get(&url).send().await?.ok()?;
    Tally::add(&tally.expected, response.length().unwrap_or(0));
    let mut sink = Sink::new(&url, save)?;
    while let Some(piece) = next_piece(&mut response, &tally).await? {
        sink.write(&piece)?;
    }
    tally.came.set(tally.came.get() + 1);
    match sink {
        Sink::Memory(page) => println!("{url}:\n{}", String::from_utf8_lossy(&page)),
        Sink::File(_, name) => println!("{url} is in {name}"),
    }
    Ok(())
}

async fn next_piece(response: &mut Response, tally: &Tally) -> Result<Option<fate::Bytes>, WebError> {
    let piece = response.piece().await?;
    Tally::add(&tally.bytes, piece.as_ref().map_or(0, |piece| piece.len() as u64));
    Ok(piece)
}

/// Shows the bar, on a terminal; what is printed meanwhile writes over it.
fn show_progress(fate: &Fate, tally: &Rc<Tally>) {
    if stderr().is_terminal() {
        let tally = tally.clone();
        fate.every(Duration::from_millis(100), move |_, _| eprint!("\r{}\x1b[K\r", tally.bar()));
    }
}

/// Begins to fetch all of them. It ends when the last one came or failed, or when the time is over.
pub fn set_up(fate: &Fate, client: &Client, wishes: Wishes) -> Rc<Tally> {
    let tally = Rc::<Tally>::default();
    tally.asked.set(wishes.urls.len());
    show_progress(fate, &tally);
    for url in wishes.urls {
        let (here, told) = (fate.clone(), tally.clone());
        fate.spawn(fetch(client.clone(), url, wishes.save, tally.clone()))
            .and_then(|fetched| fetched)
            .add_errback(|failure| complain(&failure))
            .add_callback(move |()| {
                told.done.set(told.done.get() + 1);
                if told.done.get() == told.asked.get() {
                    here.shutdown();
                }
            });
    }
    let late = tally.clone();
    fate.get_fuse(Duration::from_secs(wishes.seconds)).set_handler(move |fate| {
        eprintln!("time is up, and {} of {} pages did not come", late.asked.get() - late.done.get(), late.asked.get());
        fate.shutdown();
    });
    tally
}

/// Says what went wrong, and why.
fn complain(failure: &Failure) {
    if failure.is::<Cancelled>() {
        // Of that everybody was told when time was up.
        return;
    }
    match failure.error().source() {
        Some(cause) => eprintln!("{failure}: {cause}"),
        None => eprintln!("{failure}"),
    }
}

fn main() -> ExitCode {
    let Some(wishes) = Wishes::read(env::args().skip(1)) else {
        eprintln!("usage: get_page [--save] [--seconds N] URL...");
        return ExitCode::from(2);
    };
    match run(wishes) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all came.
fn run(wishes: Wishes) -> fate::Result<bool> {
    let fate = Fate::new()?;
    let tally = set_up(&fate, &Client::new(&fate), wishes);
    fate.run()?;
    // What was printed is not lost when nobody reads it any more.
    stdout().flush()?;
    Ok(tally.all_came())
}
