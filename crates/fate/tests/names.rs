//! H1 and N7: names that are looked up, and addresses that race.

mod log;

use fate::sim::Sim;
use fate::{Builder, Cancelled, ConnectFailed, Deferred, Failure, Fate, Promise, race_addresses};
use fate_sim::World;
use log::{Log, MILLISECOND, SECOND};
use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// Virtual time and real threads: a driver of the simulation, without a Sim.
fn host(settings: Builder) -> Fate {
    settings.build_on(Box::new(World::new(1).host("here")))
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// Notes the addresses that were found, or the words of the failure.
fn noting(log: &Log<String>, found: Deferred<Vec<SocketAddr>>) {
    let log = log.clone();
    drop(found.add_both(move |found| {
        log.note(match found {
            Ok(addresses) => addresses.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(" "),
            Err(failure) => failure.to_string(),
        });
    }));
}

/// Names that are looked up for ever, until the gate is opened.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn wait(&self) {
        let is_open = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(is_open, |is_open| !*is_open).unwrap());
    }

    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    /// A look-up by which dead names wait at the gate, and all others are found; it counts those at the gate.
    fn guarding(&self) -> (impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static, Arc<AtomicU32>) {
        let (gate, waiting) = (self.clone(), Arc::new(AtomicU32::new(0)));
        let counter = waiting.clone();
        let look_up = move |name: &str, port: u16| {
            if name.starts_with("dead") {
                counter.fetch_add(1, Ordering::SeqCst);
                gate.wait();
            }
            Ok(vec![SocketAddr::from(([10, 0, 0, 1], port))])
        };
        (look_up, waiting)
    }
}

/// N7: nor to anybody else.
#[test]
fn a_numeric_address_never_goes_to_a_thread() {
    let fate = host(Fate::builder().look_up_with(|name, _| panic!("{name} was looked up")));
    let log = Log::default();
    for name in ["127.0.0.1", "::1", "[fe80::1%2]"] {
        noting(&log, fate.resolve(name, 80));
    }
    fate.run().unwrap();
    assert_eq!(log.take(), ["127.0.0.1:80", "[::1]:80", "[fe80::1%2]:80"]);
}

/// H1: DNS has its own lane, and it is wide.
#[test]
fn a_hundred_dead_names_do_not_delay_a_live_one() {
    let gate = Gate::default();
    let (look_up, waiting) = gate.guarding();
    let fate = host(Fate::builder().look_up_with(look_up));
    let (dead_log, log) = (Log::default(), Log::default());
    let dead: Vec<_> = (0..100).map(|number| fate.resolve(&format!("dead{number}.example"), 80)).collect();
    noting(&log, fate.resolve("live.example", 443));
    while waiting.load(Ordering::SeqCst) < 100 || log.len() == 0 {
        fate.turn(Duration::ZERO).unwrap();
    }
    assert_eq!(log.take(), ["10.0.0.1:443"]);
    for look_up in dead {
        let control = look_up.control();
        noting(&dead_log, look_up);
        control.cancel();
    }
    fate.run().unwrap();
    assert_eq!(dead_log.take(), ["cancelled"; 100]);
    gate.open();
}

/// H1: work that is stuck does not delay a name, nor a dead name work.
#[test]
fn names_and_work_do_not_wait_for_each_other() {
    let gate = Gate::default();
    let (look_up, _) = gate.guarding();
    let fate = host(Fate::builder().threads(1).look_up_with(look_up));
    let log = Log::default();
    let dead = fate.resolve("dead.example", 80);
    let waiting = gate.clone();
    let stuck = fate.defer_to_thread(move || waiting.wait());
    let found = fate.resolve("live.example", 80);
    noting(
        &log,
        found.add_callback(move |found| {
            dead.cancel();
            stuck.cancel();
            found
        }),
    );
    fate.run().unwrap();
    assert_eq!(log.take(), ["10.0.0.1:80"]);
    gate.open();
}

/// H1: whatever its thread does, and nothing waits for that any more.
#[test]
fn a_cancelled_look_up_frees_its_caller_at_once() {
    let gate = Gate::default();
    let (look_up, waiting) = gate.guarding();
    let fate = host(Fate::builder().look_up_with(look_up));
    let log = Log::default();
    let dead = fate.resolve("dead.example", 80);
    let control = dead.control();
    noting(&log, dead.or_else(|failure| failure.trap::<Cancelled>().map(|_| Vec::new())));
    while waiting.load(Ordering::SeqCst) == 0 {
        std::thread::yield_now();
    }
    fate.call_soon(move |_| control.cancel());
    fate.run().unwrap();
    assert_eq!(log.take(), [""]);
    gate.open();
}

/// L2: a shutdown does not wait for names.
#[test]
fn a_look_up_does_not_delay_a_shutdown() {
    let gate = Gate::default();
    let (look_up, _) = gate.guarding();
    let fate = host(Fate::builder().look_up_with(look_up));
    let log = Log::default();
    noting(&log, fate.resolve("dead.example", 80));
    fate.call_soon(|fate| fate.shutdown());
    fate.run().unwrap();
    assert_eq!((log.take(), fate.now().as_nanos()), (vec![String::from("cancelled")], 0));
    gate.open();
}

/// N7.
#[test]
fn the_system_is_asked_for_names_and_its_errors_come_as_they_are() {
    let fate = Fate::new().unwrap();
    let found = fate.run_until(fate.resolve("localhost", 80).into_future()).unwrap();
    assert!(!found.is_empty() && found.iter().all(|address| address.ip().is_loopback() && address.port() == 80));
    let line = line!() + 1;
    let failure = fate.run_until(fate.resolve("tea\0party", 80).into_future()).unwrap_err();
    assert_eq!(failure.check::<io::Error>().map(io::Error::kind), Some(ErrorKind::InvalidInput));
    assert_eq!(failure.born().line(), line);
}

/// N7: settable.
#[test]
fn a_resolver_of_ones_own_is_asked_for_names_and_not_for_addresses() {
    let asked = Log::default();
    let log = asked.clone();
    let resolver = move |fate: &Fate, name: &str, port: u16| {
        log.note(format!("{name}:{port}"));
        fate.fail(io::Error::from(ErrorKind::NotFound))
    };
    let mut sim = Sim::new(1);
    let fate = sim.host_with("here", Fate::builder().resolver(resolver));
    let found = Log::default();
    noting(&found, fate.resolve("10.0.0.7", 80));
    noting(&found, fate.resolve("ten.example", 80));
    sim.run().unwrap();
    assert_eq!(asked.take(), ["ten.example:80"]);
    assert_eq!(found.take(), ["10.0.0.7:80", "entity not found"]);
}

/// V1: a simulation knows its hosts, and never asks this machine.
#[test]
fn in_a_simulation_a_name_is_that_of_a_host_and_the_system_is_not_asked() {
    let mut sim = Sim::new(1);
    let [here, _there] = ["here", "there"].map(|name| sim.host(name));
    let log = Log::default();
    noting(&log, here.resolve("there", 80));
    noting(&log, here.resolve("wonderland.example", 80));
    sim.run().unwrap();
    let [there, nowhere] = log.take().try_into().unwrap();
    assert!(there.split(' ').any(|address| address == "10.0.0.2:80"), "{there}");
    assert_eq!(nowhere, "there is no host wonderland.example in this simulation");
}

/// How a scripted network treats attempts to connect, and when they were made and ended.
struct Script {
    sim: Sim,
    fate: Fate,
    answers: HashMap<SocketAddr, (u32, Result<(), ErrorKind>)>,
    log: Log<(u64, String)>,
    /// Attempts that nobody answers.
    open: Rc<RefCell<Vec<Promise<SocketAddr>>>>,
}

impl Script {
    fn new() -> Script {
        let mut sim = Sim::new(1);
        let fate = sim.host("here");
        Script { sim, fate, answers: HashMap::new(), log: Log::default(), open: Rc::default() }
    }

    /// The attempt ends so, after so many milliseconds. An address of which nothing is said never answers.
    fn answer(mut self, text: &str, millis: u32, answer: Result<(), ErrorKind>) -> Script {
        self.answers.insert(address(text), (millis, answer));
        self
    }

    fn race(&self, addresses: &[&str]) -> Deferred<SocketAddr> {
        let (here, answers, log, open) = (self.fate.clone(), self.answers.clone(), self.log.clone(), self.open.clone());
        race_addresses(&self.fate, addresses.iter().map(|text| address(text)).collect(), move |address| {
            note(&here, &log, format!("try {address}"));
            let (promise, attempt) = here.deferred();
            let (fate, cancelled) = (here.clone(), log.clone());
            promise.on_cancel(move |_| note(&fate, &cancelled, format!("cancel {address}")));
            match answers.get(&address).copied() {
                Some((millis, answer)) => {
                    here.get_fuse(MILLISECOND * millis).set_handler(move |_| match answer {
                        Ok(()) => promise.callback(address),
                        Err(kind) => promise.errback(io::Error::from(kind)),
                    });
                }
                None => open.borrow_mut().push(promise),
            }
            attempt
        })
    }

    /// Runs to the end. Gives how the race ended, and all that happened, with the milliseconds at which it did.
    fn run(mut self, race: Deferred<SocketAddr>) -> (Result<SocketAddr, Failure>, Vec<String>) {
        let result = Rc::new(RefCell::new(None));
        let (slot, fate, log) = (result.clone(), self.fate.clone(), self.log.clone());
        drop(race.add_both(move |outcome| {
            note(&fate, &log, String::from(if outcome.is_ok() { "won" } else { "lost" }));
            *slot.borrow_mut() = Some(outcome);
        }));
        self.sim.run().unwrap();
        self.open.take();
        self.sim.run().unwrap();
        assert!(self.sim.leaks().is_empty(), "{:?}", self.sim.leaks());
        let log = self.log.take().into_iter().map(|(millis, what)| format!("{millis} {what}")).collect();
        (result.take().unwrap(), log)
    }
}

fn note(fate: &Fate, log: &Log<(u64, String)>, what: String) {
    log.note((fate.now().as_nanos() / 1_000_000, what));
}

const REFUSED: Result<(), ErrorKind> = Err(ErrorKind::ConnectionRefused);
const UNREACHABLE: Result<(), ErrorKind> = Err(ErrorKind::NetworkUnreachable);

/// N7.
#[test]
fn the_first_address_wins_if_it_answers_in_time_and_no_other_is_tried() {
    let script = Script::new().answer("[::1]:1", 249, Ok(()));
    let race = script.race(&["[::1]:1", "1.1.1.1:1"]);
    let (won, log) = script.run(race);
    assert_eq!(won.unwrap(), address("[::1]:1"));
    assert_eq!(log, ["0 try [::1]:1", "249 won"]);
}

/// N7: RFC 8305, section 4; an address that is there twice is tried once.
#[test]
fn families_alternate_beginning_with_that_of_the_first_address() {
    let script = Script::new().answer("[::2]:1", 0, Ok(()));
    let race = script.race(&["1.1.1.1:1", "1.1.1.1:1", "2.2.2.2:1", "3.3.3.3:1", "[::1]:1", "[::2]:1", "2.2.2.2:1"]);
    let (won, log) = script.run(race);
    assert_eq!(won.unwrap(), address("[::2]:1"));
    assert_eq!(
        log,
        [
            "0 try 1.1.1.1:1",
            "250 try [::1]:1",
            "500 try 2.2.2.2:1",
            "750 try [::2]:1",
            "750 won",
            "750 cancel 1.1.1.1:1",
            "750 cancel [::1]:1",
            "750 cancel 2.2.2.2:1",
        ]
    );
}

/// N7: next attempt at once on failure, whichever failed, and the head start counts from there.
#[test]
fn a_failure_begins_the_next_attempt_at_once() {
    let script = Script::new().answer("[::1]:1", 10, REFUSED).answer("1.1.1.1:1", 300, UNREACHABLE).answer(
        "4.4.4.4:1",
        1,
        Ok(()),
    );
    let race = script.race(&["[::1]:1", "1.1.1.1:1", "2.2.2.2:1", "3.3.3.3:1", "4.4.4.4:1"]);
    let (won, log) = script.run(race);
    assert_eq!(won.unwrap(), address("4.4.4.4:1"));
    assert_eq!(
        log,
        [
            "0 try [::1]:1",
            "10 try 1.1.1.1:1",
            "260 try 2.2.2.2:1",
            "310 try 3.3.3.3:1",
            "560 try 4.4.4.4:1",
            "561 won",
            "561 cancel 2.2.2.2:1",
            "561 cancel 3.3.3.3:1",
        ]
    );
}

/// N7.
#[test]
fn an_early_attempt_that_answers_late_wins_over_a_later_one_that_does_not() {
    let script = Script::new().answer("1.1.1.1:1", 900, Ok(())).answer("2.2.2.2:1", 5000, Ok(()));
    let race = script.race(&["1.1.1.1:1", "2.2.2.2:1"]);
    let (won, log) = script.run(race);
    assert_eq!(won.unwrap(), address("1.1.1.1:1"));
    assert_eq!(log, ["0 try 1.1.1.1:1", "250 try 2.2.2.2:1", "900 won", "900 cancel 2.2.2.2:1"]);
}

/// N7: reports every error.
#[test]
fn when_all_fail_the_failure_has_every_address_and_its_error_in_the_order_of_the_attempts() {
    let script = Script::new().answer("1.1.1.1:1", 700, REFUSED).answer("[::1]:1", 0, UNREACHABLE);
    let race = script.race(&["1.1.1.1:1", "[::1]:1"]);
    let (lost, log) = script.run(race);
    assert_eq!(log, ["0 try 1.1.1.1:1", "250 try [::1]:1", "700 lost"]);
    let failure = lost.unwrap_err();
    assert_eq!(
        failure.to_string(),
        "no address could be connected to: 1.1.1.1:1: connection refused; [::1]:1: network unreachable"
    );
    let failures = failure.trap::<ConnectFailed>().unwrap().failures;
    let kinds = failures.iter().map(|(address, failure)| (*address, failure.check().map(io::Error::kind)));
    assert!(kinds.eq([
        (address("1.1.1.1:1"), Some(ErrorKind::ConnectionRefused)),
        (address("[::1]:1"), Some(ErrorKind::NetworkUnreachable)),
    ]));
}

/// N7.
#[test]
fn a_race_of_no_addresses_fails_at_once() {
    let script = Script::new();
    let race = script.race(&[]);
    let (lost, log) = script.run(race);
    assert_eq!(log, ["0 lost"]);
    assert_eq!(lost.unwrap_err().to_string(), "there is no address to connect to");
}

/// N7: can be cancelled as a whole, at any moment; before its first attempt too.
#[test]
fn cancelling_a_race_cancels_every_attempt_and_begins_no_other() {
    for (millis, expected) in [
        (0, vec!["0 lost"]),
        (249, vec!["0 try 1.1.1.1:1", "249 cancel 1.1.1.1:1", "249 lost"]),
        (300, vec!["0 try 1.1.1.1:1", "250 try 2.2.2.2:1", "300 cancel 1.1.1.1:1", "300 cancel 2.2.2.2:1", "300 lost"]),
    ] {
        let script = Script::new();
        let race = script.race(&["1.1.1.1:1", "2.2.2.2:1", "3.3.3.3:1"]);
        let control = race.control();
        if millis == 0 {
            control.cancel();
        } else {
            script.fate.get_fuse(MILLISECOND * millis).set_handler(move |_| control.cancel());
        }
        let (lost, mut log) = script.run(race);
        assert!(lost.unwrap_err().is::<Cancelled>());
        log.sort();
        assert_eq!(log, expected);
    }
}

/// N7, D5: timed out as a whole.
#[test]
fn a_timeout_covers_all_attempts() {
    let script = Script::new();
    let race = script.race(&["1.1.1.1:1", "2.2.2.2:1"]).add_timeout(SECOND);
    let (lost, mut log) = script.run(race);
    assert_eq!(lost.unwrap_err().to_string(), "time is up");
    log.sort();
    assert_eq!(
        log,
        ["0 try 1.1.1.1:1", "1000 cancel 1.1.1.1:1", "1000 cancel 2.2.2.2:1", "1000 lost", "250 try 2.2.2.2:1"]
    );
}

/// N7: the value of one that was too late is dropped, and so its connection closed.
#[test]
fn of_two_that_answer_at_the_same_moment_the_first_wins_and_nothing_is_kept_of_the_other() {
    let mut sim = Sim::new(1);
    let fate = sim.host("here");
    let (told, tell) = channel();
    let here = fate.clone();
    let addresses = vec![address("1.1.1.1:1"), address("2.2.2.2:1")];
    let race = race_addresses(&fate, addresses, move |address| {
        let told = told.clone();
        let connection = log::OnDrop(move || told.send(address).unwrap());
        let answers = if address == self::address("1.1.1.1:1") { 300 } else { 50 };
        here.spawn(here.sleep(MILLISECOND * answers)).add_callback(move |()| (address, connection))
    });
    let winner = Rc::new(RefCell::new(None));
    let slot = winner.clone();
    race.add_callback(move |won| *slot.borrow_mut() = Some(won));
    sim.run().unwrap();
    let won = winner.take().unwrap();
    let lost = if won.0 == address("1.1.1.1:1") { address("2.2.2.2:1") } else { address("1.1.1.1:1") };
    assert_eq!(tell.try_iter().collect::<Vec<_>>(), [lost]);
    assert!(sim.leaks().is_empty());
}

/// E2: of an attempt that panics.
#[test]
fn a_connect_that_panics_does_not_hang_the_race() {
    let mut sim = Sim::new(1);
    let fate = sim.host_with("here", Fate::builder().on_fault(|_, _| fate::Verdict::GoOn));
    let race: Deferred<()> = race_addresses(&fate, vec![address("1.1.1.1:1")], |_| panic!("no tea"));
    let lost = Rc::new(RefCell::new(None));
    let slot = lost.clone();
    drop(race.add_both(move |outcome| *slot.borrow_mut() = outcome.err()));
    sim.run().unwrap();
    assert!(lost.take().unwrap().is::<fate::Abandoned>());
}
