//! Names, and the addresses that they stand for.
//!
//! A name is looked up in this order, and the first who knows it answers: a numeric address is its own answer; the network
//! under the Fate may know its hosts, as a simulated one does; then the [`Resolve`] that the Builder was given is asked, or
//! else the system. The system may take its time (`getaddrinfo` blocks), so it is asked on threads that are for names
//! alone: neither does work delay a name, nor a dead name work.
//!
//! - `mod`: looking up; `racing`: connecting to the first address that answers; `hickory`: somebody else to ask than the
//!   system, if the feature of that name is chosen.

#[cfg(feature = "hickory")]
pub(crate) mod hickory;
pub(crate) mod racing;

use crate::threads::{LaneName, Threads};
use crate::{Deferred, Failure, Fate, Place};
use fate_core::Reactor;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs};
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

/// Finds the addresses of a name. See [`Builder::resolver`](crate::Builder::resolver).
///
/// Cancelling the Deferred should free whoever waits for it at once. Closures of this signature are resolvers too:
///
/// ```
/// use fate::{Fate, sim::Sim};
/// use std::net::SocketAddr;
///
/// let mut sim = Sim::new(1);
/// let known = |fate: &Fate, _name: &str, port: u16| fate.succeed(vec![SocketAddr::from(([10, 0, 0, 1], port))]);
/// let fate = sim.host_with("here", Fate::builder().resolver(known));
/// fate.resolve("anything", 80).add_callback(|found| assert_eq!(found, ["10.0.0.1:80".parse().unwrap()]));
/// sim.run()?;
/// # Ok::<(), fate::Failure>(())
/// ```
pub trait Resolve {
    /// The addresses of `name`, each with `port`, the best first.
    fn resolve(&self, fate: &Fate, name: &str, port: u16) -> Deferred<Vec<SocketAddr>>;
}

impl<F: Fn(&Fate, &str, u16) -> Deferred<Vec<SocketAddr>>> Resolve for F {
    fn resolve(&self, fate: &Fate, name: &str, port: u16) -> Deferred<Vec<SocketAddr>> {
        self(fate, name, port)
    }
}

type LookUp = Arc<dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync>;

/// Whom one Fate asks for addresses.
#[derive(Clone, Default)]
pub(crate) struct Names(Source);

#[derive(Clone, Default)]
enum Source {
    /// The system, on threads.
    #[default]
    System,
    /// A function, on threads.
    LookUp(LookUp),
    /// Whoever the program has chosen.
    Resolver(Rc<dyn Resolve>),
    /// Nobody: in a simulation there are no names but those of its hosts.
    Nobody,
}

impl Names {
    pub fn set_resolver(&mut self, resolver: Rc<dyn Resolve>) {
        self.0 = Source::Resolver(resolver);
    }

    pub fn set_look_up(&mut self, look_up: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static) {
        self.0 = Source::LookUp(Arc::new(look_up));
    }

    /// The system is not asked.
    pub fn simulate(&mut self) {
        if let Source::System = self.0 {
            self.0 = Source::Nobody;
        }
    }

    /// Says whom a new reactor asks.
    pub fn set_up(self, reactor: &Rc<Reactor>) {
        drop(reactor.belonging(|_| self));
    }

    /// Whom this reactor asks.
    fn of(reactor: &Rc<Reactor>) -> Rc<Names> {
        reactor.belonging(|_| Names::default())
    }
}

impl Fate {
    /// Finds the addresses of a name, each with `port`, the best first. A numeric address is its own answer; in a simulation a
    /// name is that of a host; and else it is for the resolver that was chosen with [`Builder`](crate::Builder), or for the
    /// system, with all that it is set up to ask.
    ///
    /// # Errors
    /// `io::Error` as the system gives it; whatever a resolver says.
    ///
    /// # Cancellation
    /// At once, whatever the system does. A look-up that has not begun costs nothing any more; one that has goes on, on a
    /// thread for names, without keeping anything going.
    ///
    /// ```
    /// use fate::sim::Sim;
    ///
    /// let mut sim = Sim::new(1);
    /// let fate = sim.host("here");
    /// fate.resolve("::1", 80).add_callback(|found| assert_eq!(found, ["[::1]:80".parse().unwrap()]));
    /// sim.run()?;
    /// # Ok::<(), fate::Failure>(())
    /// ```
    #[track_caller]
    pub fn resolve(&self, name: &str, port: u16) -> Deferred<Vec<SocketAddr>> {
        self.resolve_of(Location::caller(), name, port)
    }

    /// As [`Fate::resolve`], on behalf of the line `place`.
    pub(crate) fn resolve_of(&self, place: Place, name: &str, port: u16) -> Deferred<Vec<SocketAddr>> {
        let known = numeric(name, port).map(|address| vec![address]);
        if let Some(addresses) = known.or_else(|| self.reactor().network().known_host(name, port)) {
            return self.answer(place, Ok(addresses));
        }
        match &Names::of(self.reactor()).0 {
            Source::System => self.look_up(place, name, port, ask_system),
            Source::LookUp(look_up) => {
                let look_up = look_up.clone();
                self.look_up(place, name, port, move |name, port| look_up(name, port))
            }
            Source::Resolver(resolver) => resolver.resolve(self, name, port),
            Source::Nobody => {
                let words = format!("there is no host {name} in this simulation");
                self.answer(place, Err(io::Error::new(io::ErrorKind::NotFound, words)))
            }
        }
    }

    fn answer(&self, place: Place, found: io::Result<Vec<SocketAddr>>) -> Deferred<Vec<SocketAddr>> {
        let (promise, deferred) = self.deferred_of(place);
        promise.fire_with(found.map_err(|error| Failure::born_at(error, place)));
        deferred
    }

    /// Asks somebody who may take his time.
    fn look_up<F>(&self, place: Place, name: &str, port: u16, look_up: F) -> Deferred<Vec<SocketAddr>>
    where
        F: FnOnce(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + 'static,
    {
        let (lane, name) = (Threads::lane(self.reactor(), LaneName::Names), String::from(name));
        lane.hand_in(self, place, move || look_up(&name, port)).and_then_of(place, |found| found)
    }
}

fn ask_system(name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok((name, port).to_socket_addrs()?.collect())
}

/// The address that a text is, if it is one: of either version, the sixth with or without brackets and the number of a zone.
/// The name of a zone is for the system to know.
fn numeric(text: &str, port: u16) -> Option<SocketAddr> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(SocketAddr::new(address, port));
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let (address, zone) = bare.split_once('%').unwrap_or((bare, "0"));
    let address = address.parse::<Ipv6Addr>().ok()?;
    Some(SocketAddrV6::new(address, port, 0, zone.parse().ok()?).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E4: whatever the text, it is an address or it is not.
    #[test]
    fn a_numeric_address_is_recognised_in_every_form_that_needs_no_system() {
        let shown = |text| numeric(text, 80).map(|address| address.to_string());
        for (text, address) in [
            ("127.0.0.1", "127.0.0.1:80"),
            ("::1", "[::1]:80"),
            ("[::1]", "[::1]:80"),
            ("fe80::1%3", "[fe80::1%3]:80"),
            ("[fe80::1%3]", "[fe80::1%3]:80"),
        ] {
            assert_eq!(shown(text).as_deref(), Some(address));
        }
        for text in
            ["", "localhost", "127.1", "[127.0.0.1]", "fe80::1%eth0", "%", "[]", "[", "]", "::1%", "1.2.3.4%1", "é"]
        {
            assert_eq!(shown(text), None, "{text}");
        }
    }
}
