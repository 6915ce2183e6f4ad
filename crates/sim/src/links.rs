//! What lies between two hosts: how long it takes, what gets lost, and whether anything passes at all.
//!
//! Every pair of hosts has a link, made when first needed; so has every host with itself. Chance on a link follows from the
//! seed and the names of its two hosts.

use crate::chance::Chance;
use crate::world::HostNumber;
use std::collections::BTreeMap;
use std::ops::Range;

/// How long everything takes on a link of which nothing was said: 100 microseconds.
const LATENCY: u64 = 100_000;

/// How long everything takes that a host sends to itself: a microsecond. Never nothing, or two programs that talk to each
/// other without end would let no time pass.
const OWN_LATENCY: u64 = 1_000;

/// How often a piece of a stream is lost at most before it gets through.
const MOST_LOSSES: u32 = 16;

/// Names a link.
pub type LinkNumber = u32;

/// All links.
#[derive(Default)]
pub(crate) struct Links {
    links: Vec<Link>,
    numbers: BTreeMap<(HostNumber, HostNumber), LinkNumber>,
}

/// What lies between two hosts. Times are in nanoseconds.
pub(crate) struct Link {
    /// The lower number first.
    pub hosts: [HostNumber; 2],
    pub latency: Range<u64>,
    pub loss: f64,
    pub duplicate: f64,
    /// Bytes a second in each direction; 0 is no limit.
    pub bandwidth: u64,
    pub is_parted: bool,
    /// When what was sent already will have left, in each direction.
    busy_until: [u64; 2],
    chance: Chance,
}

impl Links {
    /// The link between two hosts, with the names that they have.
    pub fn between<'a>(
        &mut self,
        (one, other): (HostNumber, HostNumber),
        seed: u64,
        name: impl Fn(HostNumber) -> &'a str,
    ) -> LinkNumber {
        let hosts = [one.min(other), one.max(other)];
        *self.numbers.entry((hosts[0], hosts[1])).or_insert_with(|| {
            let mut names = hosts.map(name);
            names.sort_unstable();
            self.links.push(Link::new(hosts, Chance::new(seed, &names)));
            self.links.len() as LinkNumber - 1
        })
    }

    pub fn get(&self, number: LinkNumber) -> &Link {
        &self.links[number as usize]
    }

    pub fn get_mut(&mut self, number: LinkNumber) -> &mut Link {
        &mut self.links[number as usize]
    }
}

impl Link {
    fn new(hosts: [HostNumber; 2], chance: Chance) -> Link {
        let latency = if hosts[0] == hosts[1] { OWN_LATENCY } else { LATENCY };
        Link {
            hosts,
            latency: latency..latency,
            loss: 0.0,
            duplicate: 0.0,
            bandwidth: 0,
            is_parted: false,
            busy_until: [0; 2],
            chance,
        }
    }

    /// When so many bytes that `from` sends now have left.
    pub fn departure(&mut self, from: HostNumber, bytes: usize, truth: u64) -> u64 {
        if self.bandwidth == 0 {
            return truth;
        }
        let busy_until = &mut self.busy_until[usize::from(from != self.hosts[0])];
        let takes = bytes as u128 * 1_000_000_000 / u128::from(self.bandwidth);
        *busy_until = (*busy_until).max(truth).saturating_add(u64::try_from(takes).unwrap_or(u64::MAX));
        *busy_until
    }

    /// How long something takes this time.
    pub fn draw_latency(&mut self) -> u64 {
        self.chance.within(&self.latency)
    }

    /// Whether a packet is lost this time.
    pub fn draw_loss(&mut self) -> bool {
        self.chance.happens(self.loss)
    }

    /// Whether a packet arrives twice this time.
    pub fn draw_duplicate(&mut self) -> bool {
        self.chance.happens(self.duplicate)
    }

    /// How often a piece of a stream is lost before it gets through; `None` if it never does.
    pub fn draw_losses(&mut self) -> Option<u32> {
        (0..MOST_LOSSES).find(|_| !self.chance.happens(self.loss))
    }
}
