//! Whatever becomes of connections: when all is said and done, nothing is left of them.

use crate::rig::{Host, MILLISECOND, SECOND, inet, pair, pass, settle};
use fate_core::{Direction, Event, KeepAlive, Key, Setting, Socket};
use proptest::prelude::*;

/// One thing that happens; on the first host or on the second, to one of its sockets.
#[derive(Clone, Copy, Debug)]
enum Step {
    Connect,
    ConnectToNobody,
    Send(usize, usize),
    Receive(usize),
    ShutDown(usize),
    Close(usize),
    Abort(usize),
    KeepAlive(usize),
    Descriptors(usize),
    Listen,
    Deafen,
    Crash,
    Suspend(u32),
    Reset,
    Part,
    Heal,
    Pass(u32),
}

fn step() -> impl Strategy<Value = Step> {
    let which = || 0..8usize;
    prop_oneof![
        4 => Just(Step::Connect),
        1 => Just(Step::ConnectToNobody),
        4 => (which(), 1..100_000usize).prop_map(|(which, length)| Step::Send(which, length)),
        4 => which().prop_map(Step::Receive),
        2 => which().prop_map(Step::ShutDown),
        2 => which().prop_map(Step::Close),
        2 => which().prop_map(Step::Abort),
        1 => which().prop_map(Step::KeepAlive),
        1 => (4..20usize).prop_map(Step::Descriptors),
        2 => Just(Step::Listen),
        1 => Just(Step::Deafen),
        1 => Just(Step::Crash),
        1 => (0..3000u32).prop_map(Step::Suspend),
        1 => Just(Step::Reset),
        1 => Just(Step::Part),
        2 => Just(Step::Heal),
        8 => (0..2000u32).prop_map(Step::Pass),
    ]
}

/// A host with all its sockets.
struct Party {
    host: Host,
    listener: Option<(Socket, Key)>,
    sockets: Vec<Socket>,
}

impl Party {
    fn new(host: Host) -> Party {
        Party { host, listener: None, sockets: Vec::new() }
    }

    fn socket(&self, which: usize) -> Option<Socket> {
        self.sockets.get(which % self.sockets.len().max(1)).copied()
    }

    fn close(&mut self, which: usize, is_abort: bool) {
        if let Some(socket) = self.socket(which) {
            self.sockets.retain(|&other| other != socket);
            if is_abort { self.host.abort(socket) } else { self.host.close(socket) }
        }
    }

    fn connect(&mut self, address: &str) {
        if let Ok(socket) = self.host.network.socket(fate_core::Family::V4, fate_core::SocketKind::Stream) {
            let _ = self.host.network.connect(socket, &inet(address));
            self.sockets.push(socket);
        }
    }

    fn listen(&mut self) {
        if self.listener.is_none()
            && let Ok(listener) = self.host.network.socket(fate_core::Family::V4, fate_core::SocketKind::Stream)
        {
            self.host.set(listener, Setting::ReuseAddress(true));
            match self.host.network.bind(listener, &inet("0.0.0.0:7")) {
                Ok(()) => {
                    self.host.network.listen(listener, 2).unwrap();
                    self.listener = Some((listener, self.host.accept(listener)));
                }
                Err(_) => self.host.close(listener),
            }
        }
    }

    fn deafen(&mut self) {
        if let Some((listener, _)) = self.listener.take() {
            self.host.close(listener);
        }
    }

    /// Takes what was accepted, and accepts anew what could not be for want of descriptors.
    fn look(&mut self) {
        let told = self.host.told();
        for completion in told {
            match (completion.event, self.listener) {
                (Event::Accepted(socket), Some(_)) => self.sockets.push(socket),
                (Event::Accepted(socket), None) => self.host.abort(socket),
                (Event::Failed(_), Some((listener, key))) if key == completion.key => {
                    self.listener = Some((listener, self.host.accept(listener)));
                }
                _ => {}
            }
        }
    }
}

fn play(steps: &[(bool, Step)]) {
    let mut parties = pair().map(Party::new);
    let (world, link) = (parties[0].host.world.clone(), parties[0].host.link(&parties[1].host));
    for &(is_second, step) in steps {
        let party = &mut parties[usize::from(is_second)];
        let network = party.host.network.clone();
        let to = if is_second { "10.0.0.1" } else { "10.0.0.2" };
        match step {
            Step::Connect => party.connect(&format!("{to}:7")),
            Step::ConnectToNobody => party.connect("10.0.0.99:7"),
            Step::Send(which, length) => {
                if let Some(socket) = party.socket(which) {
                    party.host.send(socket, &vec![1; length]);
                }
            }
            Step::Receive(which) => {
                if let Some(socket) = party.socket(which) {
                    party.host.receive(socket);
                }
            }
            Step::ShutDown(which) => {
                let _ = party.socket(which).map(|socket| network.shut_down(socket, Direction::Write));
            }
            Step::Close(which) => party.close(which, false),
            Step::Abort(which) => party.close(which, true),
            Step::KeepAlive(which) => {
                let keep_alive = KeepAlive { idle: SECOND, interval: SECOND, probes: 2 };
                let _ = party.socket(which).map(|socket| network.set(socket, Setting::KeepAlive(Some(keep_alive))));
            }
            Step::Descriptors(limit) => world.set_descriptors(party.host.number(), limit),
            Step::Listen => party.listen(),
            Step::Deafen => party.deafen(),
            Step::Crash => {
                world.crash(party.host.number());
                let name = world.name(party.host.number());
                *party = Party::new(Host::new(&world, &name));
            }
            Step::Suspend(millis) => world.suspend(party.host.number(), MILLISECOND * millis),
            Step::Reset => world.reset(link),
            Step::Part => world.part(link),
            Step::Heal => world.heal(link),
            Step::Pass(millis) => pass(&world, MILLISECOND * millis),
        }
        parties.iter_mut().for_each(Party::look);
    }
    world.heal(link);
    for party in &mut parties {
        party.deafen();
        party.look();
        while !party.sockets.is_empty() {
            party.close(0, false);
        }
    }
    settle(&world);
    assert_eq!(world.connections(), 0);
    pass(&world, SECOND * 60);
    for party in &mut parties {
        world.set_descriptors(party.host.number(), 4);
        party.host.listen("0.0.0.0:7");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// V2, E4: no port, no descriptor and no memory.
    #[test]
    fn nothing_is_left_of_a_connection_when_it_is_over(
        steps in prop::collection::vec((any::<bool>(), step()), 0..150),
    ) {
        play(&steps);
    }
}
