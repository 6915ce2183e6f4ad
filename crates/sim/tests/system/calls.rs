//! E4, P1: whatever is asked of the system, in whatever order, it answers, and nothing is left in the end.

use crate::rig::{MILLISECOND, code, host};
use fate_core::{
    Hearing, Interest, Op, Order, Plug, Process, Recipient, Signal, Socket, Standard, Streams, WindowSize,
};
use fate_sim::Disposition;
use proptest::prelude::*;
use std::process::Command;

#[derive(Clone, Debug)]
enum Call {
    Spawn(Streams),
    Take,
    Exit(i32),
    Reap,
    Signal(Signal),
    Destroy,
    LetGo,
    Dispose(Signal, Disposition),
    Hear(Signal, Hearing),
    StopHearing(Signal, Hearing),
    Heard,
    Raise(Signal),
    Open(Standard),
    Resize,
    Read(usize),
    Write(usize),
    Watch(Interest),
    Cancel(u32),
    Close,
    Type(usize),
    EndInput,
    Limit(usize),
    Pass(u32),
}

fn plug() -> impl Strategy<Value = Plug> {
    prop::sample::select(vec![Plug::Pipe, Plug::Pipe, Plug::Null, Plug::AsSet])
}

fn streams() -> impl Strategy<Value = Streams> {
    prop_oneof![
        4 => (plug(), plug(), plug()).prop_map(|(stdin, stdout, stderr)| Streams::Each { stdin, stdout, stderr }),
        1 => Just(Streams::Terminal(WindowSize { rows: 24, columns: 80 })),
    ]
}

fn call() -> impl Strategy<Value = Call> {
    let signal = || (1..=64).prop_map(|number| Signal::new(number).unwrap());
    let hearing = || prop::sample::select(vec![Hearing::Each, Hearing::First]);
    let disposition = prop::sample::select(vec![Disposition::Default, Disposition::Ignored, Disposition::Heard]);
    let standard = prop::sample::select(vec![Standard::Input, Standard::Output, Standard::Error]);
    let interest = prop::sample::select(vec![Interest::Read, Interest::Write, Interest::HangUp]);
    prop_oneof![
        6 => streams().prop_map(Call::Spawn),
        3 => Just(Call::Take),
        2 => any::<i32>().prop_map(Call::Exit),
        2 => Just(Call::Reap),
        2 => signal().prop_map(Call::Signal),
        1 => Just(Call::Destroy),
        1 => Just(Call::LetGo),
        2 => (signal(), disposition).prop_map(|(signal, disposition)| Call::Dispose(signal, disposition)),
        2 => (signal(), hearing()).prop_map(|(signal, hearing)| Call::Hear(signal, hearing)),
        2 => (signal(), hearing()).prop_map(|(signal, hearing)| Call::StopHearing(signal, hearing)),
        1 => Just(Call::Heard),
        1 => signal().prop_map(Call::Raise),
        1 => standard.prop_map(Call::Open),
        1 => Just(Call::Resize),
        6 => (0..100_000usize).prop_map(Call::Read),
        8 => (0..100_000usize).prop_map(Call::Write),
        4 => interest.prop_map(Call::Watch),
        2 => (0..30u32).prop_map(Call::Cancel),
        3 => Just(Call::Close),
        1 => (0..1_000usize).prop_map(Call::Type),
        1 => Just(Call::EndInput),
        1 => (0..30usize).prop_map(Call::Limit),
        4 => (0..3u32).prop_map(Call::Pass),
    ]
}

/// Each call is of some child and of some socket, which may or may not be there.
fn play(calls: Vec<(u32, i32, Call)>) {
    let mut host = host();
    let (system, world, own) = (host.system.clone(), host.world.clone(), host.number());
    let ear = system.ear().unwrap();
    for (child, socket, call) in calls {
        let (process, socket) = (Process(child), Socket(socket));
        match call {
            Call::Spawn(streams) => {
                let order = Order { command: Command::new("cat"), streams, descriptors: Vec::new() };
                drop(system.spawn(order));
            }
            Call::Take => drop(world.take_newborn(own, process)),
            Call::Exit(status) => world.child_exited(own, process, code(status & 0xff)),
            Call::Reap => drop(system.reap(process)),
            Call::Signal(signal) => drop(system.signal(process, signal, Recipient::Process)),
            Call::Destroy => system.destroy(process),
            Call::LetGo => system.let_go(process),
            Call::Dispose(signal, disposition) => world.set_disposition(own, process, signal, disposition),
            Call::Hear(signal, hearing) => drop(system.hear(signal, hearing)),
            Call::StopHearing(signal, hearing) => system.stop_hearing(signal, hearing),
            Call::Heard => drop(system.heard()),
            Call::Raise(signal) => _ = world.signal(own, signal),
            Call::Open(standard) => drop(system.open_standard(standard)),
            Call::Resize => drop(system.resize(socket, WindowSize { rows: 1, columns: 2 })),
            Call::Read(length) => drop(system.read(socket, &mut vec![0; length])),
            Call::Write(length) => drop(host.write(socket, &vec![1; length])),
            Call::Watch(interest) => _ = host.watch(socket.0, interest),
            Call::Cancel(index) => host.exchange([Op::Cancel { key: fate_core::Key { index, generation: 0 } }]),
            Call::Close => host.close(socket),
            Call::Type(length) => world.type_in(own, &vec![2; length]),
            Call::EndInput => world.end_input(own),
            Call::Limit(limit) => world.set_descriptors(own, limit),
            Call::Pass(millis) => host.pass(MILLISECOND * millis),
        }
        let has_come = host.is_ready(ear, Interest::Read);
        assert_eq!(has_come, !system.heard().is_empty());
    }
    (0..300).for_each(|number| host.close(Socket(number)));
    for process in (0..300).map(Process) {
        system.destroy(process);
        world.child_exited(own, process, code(0));
    }
    // The script's own way to standard input is always there.
    assert!(world.conduits() <= 1 && world.children(own) == 0);
    assert!(!world.go_on(None), "nobody waits for anything");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// E4, P1.
    #[test]
    fn no_call_can_hurt_the_system(calls in prop::collection::vec((0..9u32, 0..24i32, call()), 0..150)) {
        play(calls);
    }

    /// P1: against a row of bytes; whoever reads has them in order, each once, and then the end.
    #[test]
    fn a_pipe_is_a_row_of_bytes(steps in prop::collection::vec((0..3u8, 1..50_000usize), 1..60)) {
        let mut host = host();
        let (spawned, newborn) = host.spawn();
        let (from, to) = (newborn.stdin, spawned.stdin.unwrap());
        let (mut written, mut read) = (0, 0);
        let byte = |place: usize| (place % 251) as u8;
        for (step, length) in steps {
            match step {
                0 => {
                    let bytes: Vec<u8> = (written..written + length).map(byte).collect();
                    written += host.write(to, &bytes).unwrap_or(0);
                }
                1 => {
                    let mut buffer = vec![0; length];
                    let count = host.system.read(from, &mut buffer).unwrap_or(0);
                    prop_assert!(buffer[..count].iter().enumerate().all(|(place, &read_byte)| read_byte == byte(read + place)));
                    read += count;
                }
                _ => host.pass(MILLISECOND),
            }
            prop_assert!(read <= written && written - read <= 65_536);
        }
        host.close(to);
        host.pass(MILLISECOND);
        let rest = host.read(from).unwrap();
        prop_assert_eq!((read + rest.len(), host.read(from)), (written, Ok(Vec::new())));
    }
}
