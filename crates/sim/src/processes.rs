//! Processes: the children of a host's program, as its kernel knows them.
//!
//! ```text
//!   spawn ──▶ newborn ──its program is taken──▶ run ──exit, or a signal──▶ ended ──reaped──▶ not known any more
//!                └──────────────── a signal ────────────────────────────────▲
//! ```
//!
//! A child is known as long as its parent may ask for it, or somebody runs its program. Who runs it is not the kernel's
//! business: the script takes the newborn with its ends of the pipes, looks for signals that the program has said it hears,
//! and says when it has ended; see `programs`.
//!
//! A simulated host is one program and its children, and they share one table of descriptors.

use crate::conduits::{Ends, Sink, Source};
use crate::errno::{Answer, Errno};
use crate::history::Happening;
use crate::programs::{Disposition, Newborn};
use crate::signals::{Habit, habit};
use crate::watches::{Descriptor, Watches};
use crate::world::{HostNumber, State};
use fate_core::{Order, Plug, Process, Readiness, Signal, Socket, Spawned, Standard, Streams, WindowSize};
use std::collections::BTreeMap;
use std::os::fd::RawFd;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// The number before that of the first child: a host's own program has it.
const OWN: u32 = 1;

/// One host's.
#[derive(Default)]
pub(crate) struct Processes {
    /// What can be started, and what is refused with which error.
    pub programs: BTreeMap<String, Answer>,
    children: BTreeMap<Process, Child>,
    born: u32,
}

/// A child.
pub(crate) struct Child {
    /// What it is called in the history.
    name: String,
    /// What its program is to be given, until somebody runs it.
    newborn: Option<Newborn>,
    status: Option<ExitStatus>,
    /// Readable once it has ended; the parent has it, as long as it asks for the child.
    exit: Option<Descriptor>,
    /// Readable when there is something that its program should know.
    news: Descriptor,
    dispositions: BTreeMap<Signal, Disposition>,
    /// Signals that its program hears, and has not taken.
    come: BTreeMap<Signal, u32>,
    is_run: bool,
    pub window: Option<WindowSize>,
}

impl Processes {
    pub fn len(&self) -> usize {
        self.children.len()
    }

    pub fn get_mut(&mut self, process: Process) -> Option<&mut Child> {
        self.children.get_mut(&process)
    }

    /// A child that its parent may ask for.
    pub fn own(&mut self, process: Process) -> Option<&mut Child> {
        self.children.get_mut(&process).filter(|child| child.exit.is_some())
    }

    /// The host loses its children; its programs are on disk, and its numbers go on.
    pub fn crash(&mut self) {
        self.children.clear();
    }
}

impl Child {
    pub fn status(&self) -> Option<ExitStatus> {
        self.status
    }

    /// Whoever is to run its program begins.
    pub fn begin(&mut self) -> Option<Newborn> {
        let newborn = self.newborn.take()?;
        self.is_run = true;
        Some(newborn)
    }

    pub fn set_disposition(&mut self, signal: Signal, disposition: Disposition) {
        self.dispositions.insert(signal, disposition);
        if disposition != Disposition::Heard {
            self.come.remove(&signal);
        }
    }

    pub fn take_signals(&mut self, watches: &mut Watches) -> Vec<(Signal, u32)> {
        let come = std::mem::take(&mut self.come).into_iter().collect();
        self.show(watches);
        come
    }

    fn show(&self, watches: &mut Watches) {
        let has_news = self.status.is_some() || !self.come.is_empty();
        watches.set(self.news, Readiness { readable: has_news, ..Readiness::default() });
    }
}

/// The two sides of what a child is connected to: its own ends, and the sockets of its parent.
struct Plugged {
    own: [Ends; 3],
    parent: [Option<Socket>; 4],
}

impl State {
    /// Starts a program.
    pub(crate) fn spawn(&mut self, number: HostNumber, order: &Order) -> Answer<Spawned> {
        let program = order.command.get_program();
        let name = std::path::Path::new(program).file_name().unwrap_or(program).to_string_lossy().into_owned();
        let host = self.host(number);
        host.processes.programs.get(&name).copied().unwrap_or(Err(Errno::NO_SUCH_FILE))?;
        // The child has three, and its parent at most as many.
        if !host.table.has_room(6) {
            return Err(Errno::TABLE_FULL);
        }
        host.processes.born += 1;
        let process = Process(OWN + host.processes.born);
        let label = format!("{name}[{}]", process.0);
        let plugged = self.plug(number, &label, process, order.streams)?;
        let mut own = [Socket(0); 3];
        for (socket, ends) in own.iter_mut().zip(plugged.own) {
            *socket = Socket(self.open_ends(number, ends)?);
        }
        let watches = &mut self.host(number).watches;
        let (exit, news) = (watches.make(), watches.make());
        let newborn = Newborn::new(process, name, &order.command, own, news);
        let window = if let Streams::Terminal(window) = order.streams { Some(window) } else { None };
        self.tell_of(number, Happening::Started, &newborn.line(&label));
        let child = Child {
            name: label,
            newborn: Some(newborn),
            status: None,
            exit: Some(exit),
            news,
            dispositions: BTreeMap::new(),
            come: BTreeMap::new(),
            is_run: false,
            window,
        };
        self.host(number).processes.children.insert(process, child);
        let [stdin, stdout, stderr, terminal] = plugged.parent;
        Ok(Spawned { process, exit: exit.number(), stdin, stdout, stderr, terminal })
    }

    fn plug(&mut self, host: HostNumber, label: &str, child: Process, streams: Streams) -> Answer<Plugged> {
        match streams {
            Streams::Terminal(_) => self.plug_into_terminal(host, label, child),
            Streams::Each { stdin, stdout, stderr } => {
                let (input, to) = self.plug_input(host, label, stdin)?;
                let (output, from) = self.plug_output(host, label, Standard::Output, stdout)?;
                let (errors, complaints) = self.plug_output(host, label, Standard::Error, stderr)?;
                Ok(Plugged { own: [input, output, errors], parent: [to, from, complaints, None] })
            }
        }
    }

    fn plug_into_terminal(&mut self, host: HostNumber, label: &str, child: Process) -> Answer<Plugged> {
        let typed = self.make_conduit(host, &format!("{label} typed"), false);
        let shown = self.make_conduit(host, &format!("{label} shown"), false);
        let terminal =
            Ends { source: Source::Conduit(shown), sink: Sink::Conduit(typed), is_terminal: true, child: Some(child) };
        let reading = Ends { is_terminal: true, ..Ends::reading(Source::Conduit(typed)) };
        let writing = Ends { is_terminal: true, ..Ends::writing(Sink::Conduit(shown)) };
        let terminal = Socket(self.open_ends(host, terminal)?);
        Ok(Plugged { own: [reading, writing, writing], parent: [None, None, None, Some(terminal)] })
    }

    fn plug_input(&mut self, host: HostNumber, label: &str, plug: Plug) -> Answer<(Ends, Option<Socket>)> {
        match plug {
            Plug::Null => Ok((Ends::reading(Source::Null), None)),
            Plug::Pipe => {
                let conduit = self.make_conduit(host, &format!("{label} stdin"), false);
                let socket = self.open_ends(host, Ends::writing(Sink::Conduit(conduit)))?;
                Ok((Ends::reading(Source::Conduit(conduit)), Some(Socket(socket))))
            }
            _ => Ok((self.standard_ends(host, Standard::Input), None)),
        }
    }

    fn plug_output(
        &mut self,
        host: HostNumber,
        label: &str,
        standard: Standard,
        plug: Plug,
    ) -> Answer<(Ends, Option<Socket>)> {
        match plug {
            Plug::Null => Ok((Ends::writing(Sink::Null), None)),
            Plug::Pipe => {
                let stream = if standard == Standard::Error { "stderr" } else { "stdout" };
                let conduit = self.make_conduit(host, &format!("{label} {stream}"), false);
                let socket = self.open_ends(host, Ends::reading(Source::Conduit(conduit)))?;
                Ok((Ends::writing(Sink::Conduit(conduit)), Some(Socket(socket))))
            }
            _ => Ok((self.standard_ends(host, standard), None)),
        }
    }

    /// How a child has ended, if it has; then it is known no more.
    pub(crate) fn reap(&mut self, number: HostNumber, process: Process) -> Answer<Option<ExitStatus>> {
        let child = self.host(number).processes.own(process).ok_or(Errno::NO_CHILD)?;
        let status = child.status;
        if status.is_some() {
            self.let_go_of_child(number, process);
        }
        Ok(status)
    }

    /// A signal comes to a child. Says no if there is none that has not ended yet.
    pub(crate) fn signal_child(&mut self, number: HostNumber, process: Process, signal: Signal) -> bool {
        let host = self.host(number);
        let Some(child) = host.processes.get_mut(process).filter(|child| child.status.is_none()) else {
            return false;
        };
        let line = format!("{} {signal}", child.name);
        let disposition = child.dispositions.get(&signal).copied().filter(|_| signal != Signal::KILL);
        let ends = disposition.unwrap_or_default() == Disposition::Default && habit(signal) == Habit::Ends;
        if disposition == Some(Disposition::Heard) {
            *child.come.entry(signal).or_default() += 1;
            child.show(&mut host.watches);
        }
        self.tell_of(number, Happening::Signal, &line);
        if ends {
            self.end_child(number, process, ExitStatus::from_raw(signal.number()));
        }
        true
    }

    /// A child ends like this, unless it has ended already.
    pub(crate) fn end_child(&mut self, number: HostNumber, process: Process, status: ExitStatus) {
        let host = self.host(number);
        let Some(child) = host.processes.get_mut(process).filter(|child| child.status.is_none()) else { return };
        child.status = Some(status);
        child.show(&mut host.watches);
        if let Some(exit) = child.exit {
            host.watches.set(exit, Readiness { readable: true, ..Readiness::default() });
        }
        let (line, newborn) = (format!("{} {}", child.name, ending(status)), child.newborn.take());
        self.tell_of(number, Happening::Exited, &line);
        for socket in newborn.into_iter().flat_map(|newborn| newborn.ends()) {
            self.close(number, socket.0, false);
        }
        // By itself it does nothing.
        let _ = self.signal_host(number, Signal::CHLD);
        self.forget_child(number, process);
    }

    pub(crate) fn destroy_child(&mut self, number: HostNumber, process: Process) {
        if self.host(number).processes.own(process).is_some() {
            self.signal_child(number, process, Signal::KILL);
            self.let_go_of_child(number, process);
        }
    }

    /// Its parent asks for a child no more.
    pub(crate) fn let_go_of_child(&mut self, number: HostNumber, process: Process) {
        let host = self.host(number);
        if let Some(exit) = host.processes.own(process).and_then(|child| child.exit.take()) {
            host.watches.unmake(exit);
        }
        self.forget_child(number, process);
    }

    /// Nobody runs a child's program any more; if it had not ended, it has now.
    pub(crate) fn stop_child(&mut self, number: HostNumber, process: Process, status: ExitStatus) {
        self.end_child(number, process, status);
        if let Some(child) = self.host(number).processes.get_mut(process) {
            child.is_run = false;
        }
        self.forget_child(number, process);
    }

    /// Forgets a child that concerns nobody any more.
    fn forget_child(&mut self, number: HostNumber, process: Process) {
        let host = self.host(number);
        let Some(child) = host.processes.get_mut(process) else { return };
        if child.exit.is_none() && !child.is_run && child.status.is_some() {
            host.watches.unmake(child.news);
            host.processes.children.remove(&process);
        }
    }

    /// The window of a child's terminal has another size.
    pub(crate) fn resize(&mut self, number: HostNumber, descriptor: RawFd, size: WindowSize) -> Answer {
        let ends = self.socket(number, descriptor)?.ends().filter(|ends| ends.is_terminal);
        let process = ends.ok_or(Errno::NO_TERMINAL)?.child.ok_or(Errno::NO_TERMINAL)?;
        let Some(child) = self.host(number).processes.get_mut(process) else { return Ok(()) };
        if child.window.replace(size) != Some(size) {
            self.signal_child(number, process, Signal::WINCH);
        }
        Ok(())
    }
}

/// How a child has ended, in words.
fn ending(status: ExitStatus) -> String {
    match status.signal().and_then(Signal::new) {
        Some(signal) => signal.to_string(),
        None => status.code().unwrap_or_default().to_string(),
    }
}
