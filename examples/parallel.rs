//! Runs a command for each of many arguments, so many at a time.
//!
//! ```console
//! $ parallel -j 4 gzip -9 {} ::: *.log
//! $ find . -name '*.jpg' -print0 | parallel -0 jpegoptim
//! $ parallel < commands.txt
//! ```
//! The arguments stand behind `:::`, or are the lines of standard input. `{}` in the command is where the argument goes, as often as
//! you like, or else it is the last word. No shell reads the command, so an argument is one word, whatever is in it. Without
//! a command, each argument is a line for the shell.
//!
//! What a command prints is shown when it has ended, and in one piece; so is how it ended, if it failed. It reads nothing. While
//! all this goes on, a bar on the terminal shows how far it is:
//! ```console
//! [#############.................] 812 of 1812, 2 failed
//! ```
//! Ctrl-C ends what runs (SIGTERM) and begins nothing new. A second one waits for nothing.
//!
//! The exit status is the number of those that failed, 101 if there are more; 2 if the command line makes no sense; 255 if the
//! arguments cannot be read, or what is printed cannot be written.
//!
//! There are as many workers as may run at a time. Each is a task: it takes an argument from a queue, runs the command, shows what
//! came of it, and takes the next one. Reading arguments is a task, too, which waits while the queue is full.

use fate::{DeferredLock, DeferredQueue, Failure, Fate, PipeWriter};
use futures_lite::io::AsyncWriteExt;
use std::cell::Cell;
use std::ffi::{OsStr, OsString};
use std::io::IsTerminal;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::{Command, ExitCode};
use std::{env, fmt, io, iter, rc::Rc, thread, time::Duration};

const USAGE: &str = "usage: parallel [-j JOBS] [-0] [COMMAND [WORD]...] [::: ARGUMENT...]
  -j JOBS  so many at a time; as many as there are processors, unless told otherwise
  -0       on standard input, arguments end with a zero byte instead of a line's end";

/// What stands for the argument.
const PLACE: &str = "{}";

/// No system takes a longer word.
const LONGEST: usize = 1 << 20;

/// So many arguments are read ahead, for the bar to know how many there are.
const AHEAD: usize = 10_000;

/// How long the bar is.
const WIDTH: usize = 30;

/// To the beginning of the line, and nothing is in it any more.
const ERASE: &[u8] = b"\r\x1b[K";

/// What is asked for.
pub struct Plan {
    /// So many.
    pub at_once: usize,
    /// The command, with places for the argument.
    pub command: Vec<OsString>,
    /// If there are none on the command line, they are read.
    pub arguments: Option<Vec<OsString>>,
    /// What an argument ends with, if it is read.
    pub end: u8,
    /// Whether there is a bar.
    pub is_watched: bool,
}

impl Plan {
    /// # Errors
    /// What is wrong with the command line.
    pub fn read(words: impl IntoIterator<Item = OsString>) -> Result<Plan, String> {
        let at_once = thread::available_parallelism().map_or(1, usize::from);
        let mut plan = Plan { at_once, command: Vec::new(), arguments: None, end: b'\n', is_watched: false };
        let mut words = words.into_iter().peekable();
        while let Some(option) = words.next_if(|word| word.as_bytes().starts_with(b"-")) {
            match option.to_string_lossy().split_at_checked(2) {
                Some(("--", "")) => break,
                Some(("-0", "")) => plan.end = 0,
                Some(("-j", "")) => plan.at_once = number(&words.next().unwrap_or_default().to_string_lossy())?,
                Some(("-j", digits)) => plan.at_once = number(digits)?,
                _ => return Err(format!("there is no option {}", option.display())),
            }
        }
        plan.command = words.collect();
        if let Some(place) = plan.command.iter().position(|word| word == ":::") {
            plan.arguments = Some(plan.command.drain(place..).skip(1).collect());
        }
        if plan.command.is_empty() {
            plan.command = ["sh", "-c"].map(OsString::from).into();
        }
        if !plan.command.iter().any(|word| fill_in(word, OsStr::new("")) != *word) {
            plan.command.push(PLACE.into());
        }
        Ok(plan)
    }
}

fn number(digits: &str) -> Result<usize, String> {
    digits.parse().ok().filter(|number| *number > 0).ok_or_else(|| format!("-j takes a number, not \"{digits}\""))
}

/// The word, with the argument where its place is.
fn fill_in(word: &OsStr, argument: &OsStr) -> OsString {
    let (mut filled, mut rest) = (Vec::new(), word.as_bytes());
    while let Some(place) = rest.windows(PLACE.len()).position(|piece| piece == PLACE.as_bytes()) {
        filled.extend_from_slice(&rest[..place]);
        filled.extend_from_slice(argument.as_bytes());
        rest = &rest[place + PLACE.len()..];
    }
    filled.extend_from_slice(rest);
    OsString::from_vec(filled)
}

/// What all tasks share.
struct Work {
    fate: Fate,
    command: Vec<OsString>,
    /// Nothing stands for the end: there is one for each worker.
    arguments: DeferredQueue<Option<OsString>>,
    progress: Progress,
    screen: Screen,
    /// Nothing new is begun.
    is_stopped: Cell<bool>,
}

/// Runs everything. Gives how many have failed.
///
/// # Errors
/// The arguments cannot be read, or what is printed cannot be written.
pub async fn run(fate: Fate, plan: Plan) -> fate::Result<usize> {
    let work = Rc::new(Work {
        command: plan.command,
        arguments: DeferredQueue::bounded(&fate, AHEAD),
        progress: Progress::default(),
        screen: Screen::open(&fate, plan.is_watched)?,
        is_stopped: Cell::new(false),
        fate: fate.clone(),
    });
    let unfinished = Rc::downgrade(&work);
    fate.before_shutdown(move |fate| match unfinished.upgrade() {
        Some(work) => fate.spawn(work.stop()).and_then(|stopped| stopped),
        None => fate.succeed(()),
    });
    let bar = plan.is_watched.then(|| fate.spawn(work.clone().show_progress()));

    let reading = fate.spawn(work.clone().read_arguments(plan.arguments, plan.end, plan.at_once));
    let workers = (0..plan.at_once).map(|_| fate.spawn(work.clone().run_some()));
    let tasks = iter::once(reading).chain(workers).map(|task| task.and_then(|outcome| outcome));
    // If one of them fails, the others are cancelled: what runs is killed.
    let outcome = fate.gather_results(tasks).await;

    if let Some(bar) = bar {
        bar.cancel();
        work.screen.remove_bar().await?;
    }
    outcome.map(|_| work.progress.failed.get())
}

impl Work {
    async fn read_arguments(self: Rc<Work>, given: Option<Vec<OsString>>, end: u8, workers: usize) -> fate::Result {
        match given {
            Some(arguments) => {
                self.progress.known.set(arguments.len());
                for argument in arguments {
                    self.arguments.put(Some(argument)).await?;
                }
            }
            None => self.read_input(end).await?,
        }
        for _ in 0..workers {
            self.arguments.put(None).await?;
        }
        Ok(())
    }

    async fn read_input(&self, end: u8) -> fate::Result {
        self.progress.is_open.set(true);
        let input = self.fate.stdin()?;
        while let Some(mut argument) = input.read_until(end, LONGEST).await? {
            argument.pop_if(|last| *last == end);
            if !argument.is_empty() {
                self.progress.known.update(|known| known + 1);
                self.arguments.put(Some(OsString::from_vec(argument))).await?;
            }
        }
        self.progress.is_open.set(false);
        Ok(())
    }

    /// A worker, from its first command to its last.
    async fn run_some(self: Rc<Work>) -> fate::Result {
        while let Some(argument) = self.arguments.get().await?.filter(|_| !self.is_stopped.get()) {
            let words: Vec<OsString> = self.command.iter().map(|word| fill_in(word, &argument)).collect();
            let mut command = Command::new(&words[0]);
            command.args(&words[1..]);
            let (printed, mut complaints, trouble) = match self.fate.output(command).await {
                Ok(output) if output.status.success() => (output.stdout, output.stderr, None),
                Ok(output) => (output.stdout, output.stderr, Some(output.status.to_string())),
                Err(failure) => (Vec::new(), Vec::new(), Some(reasons(&failure))),
            };
            self.progress.done.update(|done| done + 1);
            if let Some(trouble) = trouble {
                self.progress.failed.update(|failed| failed + 1);
                let line = words.join(OsStr::new(" "));
                complaints.extend(format!("parallel: {}: {trouble}\n", line.display()).bytes());
            }
            self.screen.show(printed, complaints).await?;
        }
        Ok(())
    }

    async fn show_progress(self: Rc<Work>) -> fate::Result {
        loop {
            self.fate.sleep(Duration::from_millis(100)).await;
            self.screen.draw_bar(&self.progress.to_string()).await?;
        }
    }

    /// A shutdown begins. It ends what runs; that is shown as ever.
    async fn stop(self: Rc<Work>) -> fate::Result {
        self.is_stopped.set(true);
        self.screen.remove_bar().await?;
        let Progress { done, known, .. } = &self.progress;
        self.screen
            .show(Vec::new(), format!("parallel: stopped, {} of {} done\n", done.get(), known.get()).into())
            .await
    }
}

/// What went wrong, and why.
fn reasons(failure: &Failure) -> String {
    let errors = iter::successors(Some(failure.error()), |error| (*error).source());
    errors.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[derive(Default)]
struct Progress {
    known: Cell<usize>,
    /// Whether there may be more.
    is_open: Cell<bool>,
    done: Cell<usize>,
    failed: Cell<usize>,
}

/// `[#####.........................] 3 of 17+, 1 failed`
impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (done, known) = (self.done.get(), self.known.get());
        let filled = WIDTH * done / known.max(1);
        write!(f, "[{:.<WIDTH$}] {done} of {known}", "#".repeat(filled))?;
        if self.is_open.get() {
            f.write_str("+")?;
        }
        match self.failed.get() {
            0 => Ok(()),
            failed => write!(f, ", {failed} failed"),
        }
    }
}

/// Where things are shown: one at a time, and whole.
struct Screen {
    turn: DeferredLock,
    out: PipeWriter,
    err: PipeWriter,
    has_bar: Cell<bool>,
}

impl Screen {
    fn open(fate: &Fate, has_bar: bool) -> io::Result<Screen> {
        Ok(Screen { turn: DeferredLock::new(fate), out: fate.stdout()?, err: fate.stderr()?, has_bar: has_bar.into() })
    }

    /// Waits until it is with whoever reads it, so a command that prints more than is read holds back those after it.
    async fn show(&self, printed: Vec<u8>, complaints: Vec<u8>) -> fate::Result {
        if printed.is_empty() && complaints.is_empty() {
            return Ok(());
        }
        let _turn = self.turn.acquire().await?;
        if self.has_bar.get() {
            (&self.err).write_all(ERASE).await?;
            (&self.err).flush().await?;
        }
        for (stream, bytes) in [(&self.out, printed), (&self.err, complaints)] {
            stream.write_bytes(bytes.into()).await?;
            (&*stream).flush().await?;
        }
        Ok(())
    }

    async fn draw_bar(&self, bar: &str) -> fate::Result {
        let _turn = self.turn.acquire().await?;
        if self.has_bar.get() {
            (&self.err).write_all(&[ERASE, bar.as_bytes()].concat()).await?;
            (&self.err).flush().await?;
        }
        Ok(())
    }

    /// There is no bar from here on.
    async fn remove_bar(&self) -> fate::Result {
        let _turn = self.turn.acquire().await?;
        if self.has_bar.replace(false) {
            (&self.err).write_all(ERASE).await?;
            (&self.err).flush().await?;
        }
        Ok(())
    }
}

fn main() -> ExitCode {
    let plan = match Plan::read(env::args_os().skip(1)) {
        // A bar would be in the way of whoever types the arguments.
        Ok(plan) => {
            let is_typed = plan.arguments.is_none() && io::stdin().is_terminal();
            Plan { is_watched: io::stderr().is_terminal() && !is_typed, ..plan }
        }
        Err(complaint) => {
            eprintln!("parallel: {complaint}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let outcome = Fate::new().map_err(Failure::from).and_then(|fate| fate.run_until(run(fate.clone(), plan)));
    match outcome {
        Ok(failed) => ExitCode::from(failed.min(101) as u8),
        Err(failure) => {
            eprintln!("parallel: {}", reasons(&failure));
            ExitCode::from(255)
        }
    }
}
