//! L6 on the drivers that have a kernel: what a forked child can do, and what its parent sees of that: nothing.

#![cfg(any(target_os = "linux", target_os = "android"))]

mod family;

use family::{alone, fork};
use fate::{ChildOptions, Clock, Failure, Fate, Forked, Fuse, Signal, Signals, TcpListener, TcpStream, UdpSocket};
use fate_conformance::ground::Ground;
use fate_conformance::{host, on_each_real_driver};
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use rustix::process::{Signal as SystemSignal, getpid, kill_process};
use rustix::time::{ClockId, clock_gettime};
use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream as Peer};
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::rc::Rc;
use std::sync::mpsc::channel;
use std::time::Duration;
use std::{fs, thread};

on_each_real_driver! {
    a_child_cannot_use_what_its_parent_has_and_its_parent_loses_nothing,
    a_fresh_fate_in_a_child_does_everything_while_its_parent_lives,
    a_daemon_forks_twice_before_it_runs_and_serves_a_listener_from_before,
    a_child_neither_waits_for_threads_that_it_does_not_have_nor_gets_them,
    a_child_does_not_ring_at_its_parents,
    signals_threads_and_programs_from_before_a_run_are_the_parents,
    an_old_fate_costs_a_child_no_time,
}

const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

#[track_caller]
fn assert_forked<T>(outcome: Result<T, impl Into<Failure>>) {
    let failure = outcome.err().expect("it is refused").into();
    assert!(failure.is::<Forked>(), "{failure:?}");
    assert_eq!(failure.to_string(), "belongs to the process that this one was forked from");
}

/// What the kernel says of the pollers and the bells that this process has: what is watched, and what was rung.
fn kernel_state() -> Vec<String> {
    let mut state = Vec::new();
    for entry in fs::read_dir("/proc/self/fd").unwrap().map(|entry| entry.unwrap().path()) {
        let is_ours = fs::read_link(&entry).is_ok_and(|target| {
            let target = target.to_string_lossy().into_owned();
            target == "anon_inode:[eventpoll]" || target == "anon_inode:[eventfd]"
        });
        if is_ours {
            let number = entry.file_name().unwrap().to_string_lossy().into_owned();
            let told = fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap();
            let mut lines: Vec<_> =
                told.lines().filter(|line| line.starts_with("tfd") || line.contains("count")).collect();
            lines.sort_unstable();
            state.extend(lines.into_iter().map(|line| format!("{number}: {line}")));
        }
    }
    state.sort();
    state
}

/// Connections between a Fate and the bare system.
struct Connections {
    ours: Vec<TcpStream>,
    theirs: Vec<Peer>,
}

impl Connections {
    const MANY: usize = 100;

    fn to(fate: &Fate) -> Connections {
        let listener = fate.listen_tcp("127.0.0.1:0").unwrap();
        let address = listener.local_addr();
        let theirs: Vec<Peer> = (0..Connections::MANY).map(|_| Peer::connect(address).unwrap()).collect();
        let ours = fate.run_until(async {
            let mut ours = Vec::new();
            while ours.len() < theirs.len() {
                ours.push(listener.accept().await.unwrap().0);
            }
            ours
        });
        Connections { ours, theirs }
    }

    /// The far ends say something.
    fn speak(&mut self, words: &str) {
        for peer in &mut self.theirs {
            peer.write_all(words.as_bytes()).unwrap();
        }
    }

    /// We say something, but nobody has asked the kernel yet to send it.
    fn mutter(&mut self, fate: &Fate, words: &str) {
        fate.run_until(async {
            for stream in &mut self.ours {
                stream.write_all(words.as_bytes()).await.unwrap();
            }
        });
    }

    /// All of it is heard here, and answered; and nothing but what was said is heard there.
    fn answer(&mut self, fate: &Fate, words: &str, answer: &str) {
        fate.run_until(async {
            for stream in &mut self.ours {
                let mut heard = vec![0; words.len()];
                stream.read_exact(&mut heard).await.unwrap();
                assert_eq!(heard, words.as_bytes());
                stream.write_all(b"yes").await.unwrap();
                stream.close().await.unwrap();
            }
        });
        for peer in &mut self.theirs {
            let mut heard = String::new();
            peer.read_to_string(&mut heard).unwrap();
            assert_eq!(heard, answer);
        }
    }
}

/// Fuses that count how many of them have burned.
fn light(fate: &Fate, burned: &Rc<Cell<usize>>) -> Vec<Fuse> {
    let fuse = |number: u32| {
        let burned = burned.clone();
        let fuse = fate.get_fuse_on(Clock::ALL[number as usize % 3], 10 * MILLISECOND + number * MILLISECOND / 10);
        fuse.set_handler(move |_| burned.set(burned.get() + 1));
        fuse
    };
    (0..Connections::MANY as u32).map(fuse).collect()
}

/// What a process has that has run for a while.
struct Belongings {
    fate: Fate,
    connections: Connections,
    packets: UdpSocket,
    program: fate::Child,
    signals: Signals,
    fuses: Vec<Fuse>,
}

fn raise(signal: SystemSignal) {
    kill_process(getpid(), signal).unwrap();
}

/// L6.
fn a_child_cannot_use_what_its_parent_has_and_its_parent_loses_nothing(ground: &Ground) {
    alone(|| {
        let (fate, burned) = (ground.fate(), Rc::new(Cell::new(0)));
        let mut connections = Connections::to(&fate);
        connections.speak("before, ");
        connections.mutter(&fate, "oh, ");
        let packets = fate.bind_udp("127.0.0.1:0").unwrap();
        let options = ChildOptions::default().kill_on_drop(true);
        let program = fate.run_until(async { fate.spawn_child_with(Command::new("cat"), options).await.unwrap() });
        let signals = fate.signals(&[Signal::USR1]).unwrap();
        let fuses = light(&fate, &burned);
        let mut had = Some(Belongings { fate, connections, packets, program, signals, fuses });
        let before = kernel_state();

        let child = fork(|| {
            let Belongings { fate, mut connections, packets, program, signals, mut fuses } = had.take().unwrap();
            assert_forked(fate.run());
            assert_forked(fate.turn(Duration::ZERO));
            assert_forked(fate.turn(HOUR));
            assert_forked(fate.pollable());
            assert_forked(fate.listen_tcp("127.0.0.1:0"));
            assert_forked(fate.bind_udp("127.0.0.1:0"));
            assert_forked(packets.send_to(b"tea", SocketAddr::from(([127, 0, 0, 1], 9))));
            assert_forked(connections.ours[0].set_nodelay(true));
            assert_forked(program.signal(Signal::KILL));
            assert_forked(fate.signals(&[Signal::USR2]));
            drop((fate.connect_tcp("127.0.0.1:9"), fate.output(Command::new("true"))));
            fuses.pop().unwrap().cut();
            fate.get_fuse(Duration::ZERO).set_handler(|_: &Fate| -> () { panic!("it burns in a forked child") });
            drop(connections.ours.pop());
            assert_forked(fate.run());
            drop((packets, connections, program, signals, fuses, fate));
        });
        child.wait();

        assert_eq!(kernel_state(), before);
        let Belongings { fate, mut connections, packets, program, mut signals, fuses } = had.unwrap();
        connections.speak("after");
        connections.answer(&fate, "before, after", "oh, yes");
        raise(SystemSignal::USR1);
        let ended = fate.run_until(async {
            assert_eq!(signals.next().await, Some(Signal::USR1));
            program.terminate(HOUR).await.unwrap()
        });
        assert_eq!(ended.signal(), Some(Signal::TERM.number()));
        drop((connections, packets, program, signals, fuses));
        fate.run().unwrap();
        assert_eq!(burned.get(), Connections::MANY);
    });
}

/// Everything that needs the kernel, on a new Fate.
fn live(fate: &Fate) {
    let burned = Rc::new(Cell::new(0));
    drop(light(fate, &burned));
    let (listener, here) = (fate.listen_tcp("127.0.0.1:0").unwrap(), fate.clone());
    let address = listener.local_addr();
    fate.run_until(async {
        let (there, accepted) = (here.connect_tcp(&address.to_string()), listener.accept().await);
        let (mut there, (ours, _)) = (there.await.unwrap(), accepted.unwrap());
        there.write_all(b"tea").await.unwrap();
        let mut heard = [0; 3];
        ours.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"tea");
        assert_eq!(here.defer_to_thread(|| 6 * 7).await.unwrap(), 42);
        assert_eq!(here.output(Command::new("pwd")).await.unwrap().status.code(), Some(0));
        let mut signals = here.signals(&[Signal::USR1]).unwrap();
        raise(SystemSignal::USR1);
        assert_eq!(signals.next().await, Some(Signal::USR1));
        assert!(here.resolve("localhost", 80).await.unwrap().iter().all(|found| found.ip().is_loopback()));
    });
    drop(listener);
    let remote = fate.remote().keep_alive();
    let thread = thread::spawn(move || remote.call(|fate| drop(fate.get_fuse(MILLISECOND))));
    fate.run().unwrap();
    thread.join().unwrap();
    assert_eq!(burned.get(), Connections::MANY);
}

/// L6.
fn a_fresh_fate_in_a_child_does_everything_while_its_parent_lives(ground: &Ground) {
    alone(|| {
        let fate = ground.fate();
        live(&fate);
        let mut connections = Connections::to(&fate);
        // In the midst of a run, and with the old Fate still there.
        let (fresh, here) = (ground.another(), fate.clone());
        let child = fate.run_until(async move { fork(|| live(&fresh.fate())) });
        live(&here);
        connections.speak("tea");
        connections.answer(&fate, "tea", "yes");
        child.wait();
    });
}

/// Serves one guest, and no other.
fn serve(fate: &Fate, listener: TcpListener) {
    let burned = Rc::new(Cell::new(0));
    drop(light(fate, &burned));
    fate.run_until(async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"served").await.unwrap();
        stream.close().await.unwrap();
    });
    drop(listener);
    fate.run().unwrap();
    assert_eq!(burned.get(), Connections::MANY);
}

fn call_on(address: SocketAddr) -> String {
    let mut heard = String::new();
    Peer::connect(address).unwrap().read_to_string(&mut heard).unwrap();
    heard
}

/// L6: nothing was asked of the kernel yet but a socket, which all have.
fn a_daemon_forks_twice_before_it_runs_and_serves_a_listener_from_before(ground: &Ground) {
    alone(|| daemonise(ground.fate()));
}

/// L6: also with the driver that is chosen when the kernel is needed.
#[test]
fn a_daemon_on_whichever_driver_there_is_forks_twice_before_it_runs() {
    alone(|| daemonise(Fate::new().unwrap()));
}

fn daemonise(fate: Fate) {
    let greeted = Rc::new(Cell::new(false));
    let greet = greeted.clone();
    fate.call_soon(move |_| greet.set(true));
    let listener = fate.listen_tcp("127.0.0.1:0").unwrap();
    let address = listener.local_addr();
    let mut had = Some((fate, listener));
    let child = fork(|| {
        let grandchild = fork(|| {
            let (fate, listener) = had.take().unwrap();
            serve(&fate, listener);
            assert!(greeted.get());
        });
        grandchild.wait();
    });
    assert_eq!(call_on(address), "served");
    child.wait();
    // Whoever has not run may still do so: the parent is the same Fate to this day.
    let (fate, listener) = had.unwrap();
    let guest = thread::spawn(move || call_on(address));
    serve(&fate, listener);
    assert_eq!(guest.join().unwrap(), "served");
}

/// L6, H1.
fn a_child_neither_waits_for_threads_that_it_does_not_have_nor_gets_them(ground: &Ground) {
    alone(|| {
        let (fate, (begins, has_begun), (let_go, may_go)) = (ground.fate(), channel(), channel::<()>());
        let work = fate.defer_to_thread(move || {
            begins.send(()).unwrap();
            may_go.recv().is_err()
        });
        let idle = fate.defer_to_thread(|| ());
        has_begun.recv().unwrap();
        let mut had = Some((fate, work, idle));
        let child = fork(|| {
            let (fate, work, idle) = had.take().unwrap();
            assert_forked(fate.turn(HOUR));
            work.cancel();
            fate.defer_to_thread(|| panic!("it runs in a forked child")).cancel();
            fate.shutdown();
            assert_forked(fate.run());
            drop((idle, fate));
            live(&ground.another().fate());
        });
        child.wait();
        drop(let_go);
        let (fate, work, idle) = had.unwrap();
        fate.run_until(async {
            assert!(work.await.unwrap());
            idle.await.unwrap();
        });
    });
}

/// L6, H2: the parent sleeps, or somebody in its stead.
fn a_child_does_not_ring_at_its_parents(ground: &Ground) {
    alone(|| {
        let fate = ground.fate();
        let descriptor = fate.pollable().unwrap();
        let remote = fate.remote();
        assert_eq!(fate.next_due(), None);
        let before = kernel_state();
        fork(|| remote.call(|_| ())).wait();
        assert_eq!(kernel_state(), before);
        assert!(!host::wait_until_readable(descriptor, Some(Duration::ZERO)).unwrap());
        remote.call(|_| ());
        assert!(host::wait_until_readable(descriptor, None).unwrap());
    });
}

/// L6: to run without them would be to wait for what never comes.
fn signals_threads_and_programs_from_before_a_run_are_the_parents(ground: &Ground) {
    let begin: [fn(&Fate); 3] = [
        |fate| drop(fate.on_signal(Signal::USR1, |_, _| ()).unwrap()),
        |fate| drop(fate.defer_to_thread(|| ())),
        |fate| drop(fate.spawn_child(Command::new("true"))),
    ];
    alone(|| {
        for begin in begin {
            let fate = ground.another().fate();
            begin(&fate);
            fork(|| assert_forked(fate.run())).wait();
            fate.shutdown();
            fate.run().unwrap();
        }
    });
}

/// The time that this process has spent computing.
fn spent() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime).try_into().unwrap()
}

/// L6.
fn an_old_fate_costs_a_child_no_time(ground: &Ground) {
    alone(|| {
        let fate = ground.fate();
        let mut connections = Connections::to(&fate);
        let burned = Rc::new(Cell::new(0));
        let fuses = light(&fate, &burned);
        connections.speak("tea");
        let child = fork(|| {
            let fresh = ground.another().fate();
            let before = spent();
            fresh.get_fuse(200 * MILLISECOND).set_handler(|_| ());
            fresh.run().unwrap();
            assert!(spent() - before < 100 * MILLISECOND, "{:?}", spent() - before);
        });
        child.wait();
        connections.answer(&fate, "tea", "yes");
        drop((connections, fuses));
        fate.run().unwrap();
    });
}
