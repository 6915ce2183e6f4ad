//! L7 on each driver: after a run, and without its handles, no descriptor, thread or memory is left. Each test runs once more in a
//! process of its own, where nobody else opens anything.

#![cfg(any(target_os = "linux", target_os = "android"))]

use fate::{ChildOptions, Clock, Fate, Protocol, TcpStream, Transport, Verdict, WindowSize};
use fate_conformance::allocations::{Counting, ledger};
use fate_conformance::ground::Ground;
use fate_conformance::on_each_driver;
use futures_lite::io::AsyncWriteExt;
use std::future::pending;
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;
use std::{env, fs, thread};

#[global_allocator]
static COUNTING: Counting = Counting;

on_each_driver! {
    no_descriptor_no_thread_and_no_memory_is_left_after_a_run,
    nothing_is_left_of_a_run_that_was_shut_down,
    nothing_is_left_of_a_run_that_panicked,
    nothing_is_left_of_a_guest,
    a_fate_that_was_never_run_has_opened_nothing,
    nothing_is_left_of_connections_in_every_state,
    nothing_is_left_of_connections_whose_fate_is_dropped,
    nothing_is_left_of_packets_and_those_who_wait_for_them,
    nothing_is_left_of_children_in_every_state,
    nothing_is_left_of_children_whose_fate_is_dropped,
}

const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Set in the process where a test is alone.
const ALONE: &str = "FATE_CONFORMANCE_ALONE";

/// The names of the files that this process has open, by number, and its threads.
fn belongings() -> (Vec<String>, usize) {
    let entries = fs::read_dir("/proc/self/fd").unwrap().map(|entry| entry.unwrap().path());
    let mut descriptors: Vec<String> = entries
        .filter_map(|path| Some(format!("{} {}", path.display(), fs::read_link(&path).ok()?.display())))
        // The folder that is read here.
        .filter(|name| !name.ends_with("/fd"))
        .collect();
    descriptors.sort();
    (descriptors, fs::read_dir("/proc/self/task").unwrap().count())
}

/// Whether a program calls from another thread. What that allocates for the loop is in another ledger, so memory is
/// compared without.
type WithThread = bool;

/// Runs a test again, alone in its process, and there compares what is had before and after a program: not memory the
/// first time, for that may make what the process keeps for ever.
fn leaves_nothing(ground: &Ground, name: &str, program: fn(&Ground, WithThread)) {
    if env::var_os(ALONE).is_none() {
        let test = format!("{}::{name}", ground.driver_name());
        let mut alone = Command::new(env::current_exe().unwrap());
        let output =
            alone.args(["--exact", &test, "--test-threads=1", "--nocapture"]).env(ALONE, "1").output().unwrap();
        let words = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && words.contains("1 passed"),
            "{words}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        return;
    }
    for round in 0..3 {
        let before = belongings();
        program(&ground.another(), true);
        assert_eq!(belongings(), before);
        let before = ledger().live;
        program(&ground.another(), false);
        let memory = ledger().live - before;
        assert!(round == 0 || memory == 0, "{memory} bytes in round {round}");
    }
}

/// Uses everything that a driver has: the three clocks, the bell, watches, a descriptor for a host.
fn busy(fate: &Fate, with_thread: WithThread) {
    for clock in Clock::ALL {
        for millis in [1, 2] {
            fate.get_fuse_on(clock, MILLISECOND * millis).add_handler(|_| ()).add_handler(|_| ());
        }
        drop(fate.get_fuse_on(clock, HOUR));
    }
    let (remote, keeper) = (fate.remote(), fate.remote().keep_alive());
    let calls = move || {
        (0..100).for_each(|_| remote.call(|fate| fate.call_soon(|_| ())));
        drop(keeper);
    };
    let thread = if with_thread {
        Some(thread::spawn(calls))
    } else {
        calls();
        None
    };
    let (here, (promise, deferred)) = (fate.clone(), fate.deferred());
    fate.spawn(async move {
        here.scope(async |scope| {
            for _ in 0..10 {
                scope.spawn(async { here.sleep(MILLISECOND).await });
            }
        })
        .await;
        promise.callback(vec![0u8; 1000]);
    });
    deferred.add_callback(|bytes: Vec<u8>| bytes.len()).add_timeout(HOUR);
    let repeat = fate.every(MILLISECOND, |_, _| ());
    fate.get_fuse(MILLISECOND * 3).set_handler(move |_| assert!(repeat.stop()));
    assert_ne!(fate.random(), fate.random());
    fate.run().unwrap();
    thread.into_iter().for_each(|thread| thread.join().unwrap());
}

/// L7.
fn no_descriptor_no_thread_and_no_memory_is_left_after_a_run(ground: &Ground) {
    leaves_nothing(ground, "no_descriptor_no_thread_and_no_memory_is_left_after_a_run", |ground, with_thread| {
        let fate = ground.fate();
        busy(&fate, with_thread);
        busy(&fate, with_thread);
    });
}

/// L7, L2.
fn nothing_is_left_of_a_run_that_was_shut_down(ground: &Ground) {
    leaves_nothing(ground, "nothing_is_left_of_a_run_that_was_shut_down", |ground, with_thread| {
        let fate = ground.fate();
        let here = fate.clone();
        fate.get_fuse(HOUR).set_handler(move |_| drop(here));
        let (here, (promise, deferred)) = (fate.clone(), fate.deferred::<()>());
        fate.spawn(async move {
            let _promise = promise;
            pending::<()>().await;
            here.shutdown();
        });
        let here = fate.clone();
        deferred.add_callback(move |()| here.shutdown());
        fate.every(HOUR, |_, _| ());
        fate.before_shutdown(|fate| fate.spawn(fate.sleep(MILLISECOND)));
        fate.get_fuse(MILLISECOND * 4).set_handler(|fate| fate.shutdown());
        busy(&fate, with_thread);
    });
}

/// L7, E2.
fn nothing_is_left_of_a_run_that_panicked(ground: &Ground) {
    leaves_nothing(ground, "nothing_is_left_of_a_run_that_panicked", |ground, with_thread| {
        let fate = ground.fate_with(Fate::builder().on_fault(|_, _| Verdict::GoOn));
        fate.get_fuse(MILLISECOND).set_handler(|_| -> () { std::panic::resume_unwind(Box::new("no tea")) });
        fate.spawn(async { std::panic::resume_unwind(Box::new("no tea")) });
        fate.call_soon(|_| Err("no spoon".into()));
        busy(&fate, with_thread);
    });
}

/// L7, L5.
fn nothing_is_left_of_a_guest(ground: &Ground) {
    leaves_nothing(ground, "nothing_is_left_of_a_guest", |ground, with_thread| {
        let fate = ground.fate();
        let _ = fate.pollable();
        fate.get_fuse(MILLISECOND).set_handler(|_| ());
        while let Some(due) = fate.next_due() {
            ground.sleep_as_host(fate.pollable(), Some(due - fate.now()));
            fate.turn(Duration::ZERO).unwrap();
        }
        busy(&fate, with_thread);
    });
}

/// L6, L7: so a daemon may fork before it runs.
fn a_fate_that_was_never_run_has_opened_nothing(ground: &Ground) {
    leaves_nothing(ground, "a_fate_that_was_never_run_has_opened_nothing", |ground, with_thread| {
        let before = belongings();
        let fate = ground.fate();
        for clock in Clock::ALL {
            fate.get_fuse_on(clock, HOUR).set_handler(|_| ());
        }
        fate.spawn(fate.sleep(HOUR));
        let remote = fate.remote().keep_alive();
        fate.before_shutdown(|_| ());
        assert_eq!(belongings(), before);
        drop(remote);
        fate.shutdown();
        busy(&fate, with_thread);
    });
}

struct Mute;

impl Protocol for Mute {
    fn data_received(&mut self, _: &Transport, _: &[u8]) {}
}

/// A listener, and connections that are idle, paused, being written to in vain, closing, and on their way.
async fn crowd(fate: &Fate) -> Vec<TcpStream> {
    let listener = fate.listen_tcp("127.0.0.1:0").unwrap();
    let address = listener.local_addr().to_string();
    let mut streams = Vec::new();
    for state in 0..5 {
        let mut stream = fate.connect_tcp(&address).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        match state {
            0 => streams.push(server),
            1 => server.drive(Mute).pause_reading(),
            2 => drop(server.drive(Mute).write(&[0; 9_000_000])),
            3 => server.drive(Mute).lose_connection(),
            _ => drop(server.drive(Mute)),
        }
        stream.write_all(b"hello").await.unwrap();
        streams.push(stream);
    }
    drop(fate.connect_tcp(&address));
    listener.serve(|_| Mute);
    fate.sleep(MILLISECOND).await;
    streams
}

/// L7.
fn nothing_is_left_of_connections_in_every_state(ground: &Ground) {
    leaves_nothing(ground, "nothing_is_left_of_connections_in_every_state", |ground, _| {
        let fate = ground.fate_with(Fate::builder().grace(2 * MILLISECOND));
        let here = fate.clone();
        fate.spawn(async move {
            let _held = crowd(&here).await;
            here.shutdown();
            pending::<()>().await;
        });
        fate.run().unwrap();
    });
}

/// L7.
fn nothing_is_left_of_connections_whose_fate_is_dropped(ground: &Ground) {
    leaves_nothing(ground, "nothing_is_left_of_connections_whose_fate_is_dropped", |ground, _| {
        let fate = ground.fate();
        drop(fate.run_until(crowd(&fate)));
    });
}

/// Sockets for packets with fuses, receivers, readers and senders that wait, and packets that nobody has read.
fn correspondents(fate: &Fate) {
    let bind = || Rc::new(fate.bind_udp("127.0.0.1:0").unwrap());
    let (looked_at, received, read, quiet, mouth) = (bind(), bind(), bind(), bind(), bind());
    for socket in [&looked_at, &received, &read, &quiet] {
        (0..3).for_each(|_| drop(mouth.send_to(&[7; 5000], socket.local_addr())));
    }
    looked_at.get_fuse(|packet| packet.data.is_empty()).set_handler(|_| ());
    drop(looked_at.get_fuse(|_| true));
    received.set_receiver(|socket, packet| drop(socket.send_to(b"thanks", packet.unwrap().from)));
    fate.spawn(async move { while read.receive().await.is_ok() {} });
    let name = format!("@fate-leftovers-{}", std::process::id());
    let (ear, writer) = (fate.bind_unix_datagram(&name).unwrap(), fate.unix_datagram().unwrap());
    fate.spawn(async move {
        let _ear = ear;
        while writer.send_to_soon(&[7; 5000], &name).await.is_ok() {}
    });
    fate.spawn(async move {
        let _held = (looked_at, received, quiet);
        pending::<()>().await;
    });
}

/// L7: after a shutdown, and without one.
fn nothing_is_left_of_packets_and_those_who_wait_for_them(ground: &Ground) {
    leaves_nothing(ground, "nothing_is_left_of_packets_and_those_who_wait_for_them", |ground, _| {
        let fate = ground.fate();
        correspondents(&fate);
        fate.get_fuse(MILLISECOND * 2).set_handler(|fate| fate.shutdown());
        fate.run().unwrap();
        correspondents(&fate);
        fate.run_until(fate.sleep(MILLISECOND * 2));
    });
}

/// Children that have ended, are read, are not read, are written to, have a terminal, hold out, are released; and one that was
/// never there. Where there are no programs each of them is one that is not there.
async fn offspring(fate: &Fate) {
    let shell = |script: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    };
    drop(fate.output(shell("echo tea; echo spoon >&2")).await);
    drop(fate.spawn_child(Command::new("no-such-program")).await);
    drop(fate.output(Command::new("yes")));
    drop(fate.spawn_child(shell("exec sleep 1000")).await);
    let Ok(unread) = fate.spawn_child(Command::new("yes")).await else { return };
    let mut fed = fate.spawn_child(Command::new("cat")).await.unwrap();
    fed.take_stdout().unwrap().drive(Mute);
    let stdin = fed.take_stdin().unwrap();
    (&stdin).write_all(&[7; 30_000]).await.unwrap();
    let terminal = ChildOptions::default().terminal(WindowSize { rows: 24, columns: 80 });
    let shown = fate.spawn_child_with(Command::new("cat"), terminal).await.unwrap();
    let mut deaf = fate.spawn_child(shell("trap '' TERM; echo ready; exec sleep 1000")).await.unwrap();
    deaf.take_stdout().unwrap().read_line(80).await.unwrap();
    fate.spawn(async move {
        let _held = (unread, fed, stdin, shown, deaf);
        pending::<()>().await;
    });
}

/// L7, P1.
fn nothing_is_left_of_children_in_every_state(ground: &Ground) {
    leaves_nothing(ground, "nothing_is_left_of_children_in_every_state", |ground, _| {
        let fate = ground.fate_with(Fate::builder().grace(2 * MILLISECOND));
        let here = fate.clone();
        fate.spawn(async move {
            offspring(&here).await;
            here.shutdown();
        });
        fate.run().unwrap();
        assert_eq!(own_children(), 0);
    });
}

/// L7, P1.
fn nothing_is_left_of_children_whose_fate_is_dropped(ground: &Ground) {
    leaves_nothing(ground, "nothing_is_left_of_children_whose_fate_is_dropped", |ground, _| {
        let fate = ground.fate();
        fate.run_until(offspring(&fate));
        drop(fate);
        assert_eq!(own_children(), 0);
    });
}

/// How many programs this one has started that it has not reaped.
fn own_children() -> usize {
    let own = std::process::id().to_string();
    let is_own = |stat: String| {
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        after_name.split_whitespace().nth(1) == Some(&own)
    };
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes.filter(|process| fs::read_to_string(process.path().join("stat")).is_ok_and(is_own)).count()
}
