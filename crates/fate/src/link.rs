//! What lies between two hosts of a simulation, and what a script does to it.

use crate::drivers::{HostNumber, LinkNumber, World};
use std::fmt;
use std::ops::Range;
use std::time::Duration;

/// What lies between two hosts: a clonable handle, made by [`Sim::link`](crate::sim::Sim::link), that can be taken into a
/// handler.
///
/// A link of which nothing was said takes 100 microseconds, loses nothing, and is as fast as you like. What is set counts
/// for what is sent from then on, in both directions.
///
/// ```
/// use fate::sim::Sim;
/// use std::time::Duration;
///
/// let mut sim = Sim::new(1);
/// let (alice, bob) = (sim.host("alice"), sim.host("bob"));
/// let link = sim.link("alice", "bob").latency(Duration::from_millis(10)..Duration::from_millis(10));
/// let listener = bob.listen_tcp("0.0.0.0:7")?;
/// bob.spawn(async move { listener.accept().await });
/// link.partition();
/// alice.get_fuse(Duration::from_secs(60)).set_handler(move |_| link.heal());
/// let here = alice.clone();
/// alice.spawn(async move {
///     here.connect_tcp("bob:7").await.unwrap();
///     // Calls were lost at 0, 1, 3, 7, 15 and 31 seconds; the one at 63 came through.
///     assert_eq!(here.now() - fate::Instant::START, Duration::from_millis(63_020));
/// });
/// sim.run()?;
/// # Ok::<(), fate::Failure>(())
/// ```
#[derive(Clone)]
pub struct Link {
    world: World,
    number: LinkNumber,
}

impl Link {
    pub(crate) fn new(world: World, one: HostNumber, other: HostNumber) -> Link {
        Link { number: world.link(one, other), world }
    }

    /// How long everything takes: chance draws from the range each time, and packets that take different times overtake each
    /// other. Bytes of a stream arrive in order all the same. An empty range is its start, each time.
    pub fn latency(self, range: Range<Duration>) -> Link {
        self.world.set_latency(self.number, &range);
        self
    }

    /// How likely it is that a packet is lost. Streams lose nothing, but are late: what was lost is sent again after a fifth
    /// of a second, or more.
    pub fn loss(self, probability: f64) -> Link {
        self.world.set_loss(self.number, probability);
        self
    }

    /// How likely it is that a packet arrives twice.
    pub fn duplicate(self, probability: f64) -> Link {
        self.world.set_duplicate(self.number, probability);
        self
    }

    /// How many bytes pass in a second, in each direction. Only what programs send is counted.
    pub fn bandwidth(self, bytes_per_second: u64) -> Link {
        self.world.set_bandwidth(self.number, bytes_per_second.max(1));
        self
    }

    /// Nothing passes from now on, and what is on its way is lost. Connections stay: what they send is tried again after a fifth of
    /// a second, then after twice that, and so on; after a quarter of an hour in vain they are given up. Calls are given up
    /// after 127 seconds.
    pub fn partition(&self) {
        self.world.part(self.number);
    }

    /// Everything passes again. Connections go on when they next try.
    pub fn heal(&self) {
        self.world.heal(self.number);
    }

    /// Whether nothing passes.
    pub fn is_partitioned(&self) -> bool {
        self.world.is_parted(self.number)
    }

    /// Resets every connection over this link at both ends, as a box between them may do that has lost its memory.
    pub fn reset(&self) {
        self.world.reset(self.number);
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("is_partitioned", &self.is_partitioned()).finish_non_exhaustive()
    }
}
