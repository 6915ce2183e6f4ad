//! One host, with a socket to listen at and one to speak from.

use crate::log::{Log, SECOND};
use fate::sim::Sim;
use fate::{Fate, Kind, Sent, UdpSocket, Verdict};
use std::net::SocketAddr;
use std::time::Duration;

pub struct Rig {
    pub sim: Sim,
    pub fate: Fate,
    pub ear: UdpSocket,
    pub mouth: UdpSocket,
    pub target: SocketAddr,
    pub faults: Log<String>,
}

/// A host that tells `faults` of each fault, and goes on.
pub fn rig() -> Rig {
    rig_that(Verdict::GoOn)
}

/// A host that tells `faults` of each fault, and does what it is told.
pub fn rig_that(verdict: Verdict) -> Rig {
    let (mut sim, faults) = (Sim::new(1), Log::default());
    let heard: Log<String> = faults.clone();
    let settings = Fate::builder().on_fault(move |_, fault| {
        heard.note(fault.to_string());
        verdict
    });
    let fate = sim.host_with("here", settings);
    let ear = fate.bind_udp("127.0.0.1:0").unwrap();
    let mouth = fate.bind_udp("127.0.0.1:0").unwrap();
    let target = ear.local_addr();
    Rig { sim, fate, ear, mouth, target, faults }
}

impl Rig {
    /// Says something to the ear now.
    #[track_caller]
    pub fn say(&self, words: &str) {
        assert_eq!(self.mouth.send_to(words.as_bytes(), self.target).unwrap(), Sent::Taken);
    }

    /// Says these, one after another, so long after each other, from so long from now on.
    pub fn say_later<const COUNT: usize>(&self, words: [&'static str; COUNT], gap: Duration) {
        let (fate, target) = (self.fate.clone(), self.target);
        let mouth = self.fate.bind_udp("127.0.0.1:0").unwrap();
        self.fate.spawn(async move {
            for word in words {
                fate.sleep(gap).await;
                mouth.send_to_soon(word.as_bytes(), target).await.unwrap();
            }
        });
    }

    pub fn run(&mut self) {
        self.sim.run().unwrap();
    }
}

/// Lets as much happen as happens in a second.
pub fn pass_a_second(sim: &mut Sim) {
    sim.run_until(sim.elapsed() + SECOND).unwrap();
}

/// How many sockets for packets are open.
pub fn open_sockets(fate: &Fate) -> usize {
    fate.report().live.iter().filter(|live| live.kind == Kind::Socket).count()
}
