//! What the handles of all sockets for packets have in common.

use super::packet::{Kept, LONGEST, Lent, Packet, Peer, Received};
use super::reading::{Asking, Taking};
use super::sending::{Queueing, Sent};
use super::socket::PacketSocket;
use crate::{Fate, Fuse, Outcome, Place};
use bytes::Bytes;
use fate_core::{Address, Network, Reactor, Setting, Socket};
use std::future::poll_fn;
use std::io;
use std::marker::PhantomData;
use std::rc::Rc;

/// A socket that somebody holds in their hand. `A` is how those at the other end are called.
pub(super) struct Held<A>(Rc<PacketSocket>, PhantomData<fn() -> A>);

impl<A: Peer> Held<A> {
    pub fn new(socket: Rc<PacketSocket>) -> Held<A> {
        socket.hold();
        Held(socket, PhantomData)
    }

    pub fn fate(&self) -> Fate {
        let reactor = self.0.reactor().expect("the Fate of this socket is alive");
        Fate::of(&reactor).clone()
    }

    pub fn address(&self) -> Address {
        self.0.address()
    }

    pub fn peer(&self) -> io::Result<Address> {
        self.0.with_socket(|network, socket| network.peer_address(socket))
    }

    pub fn set(&self, setting: Setting) -> io::Result<()> {
        self.0.with_socket(|network, socket| network.set(socket, setting))
    }

    pub fn connect(&self, address: &Address) -> io::Result<()> {
        self.0.with_socket(|network, socket| network.connect(socket, address)).map(|_| ())
    }

    pub fn get_fuse(&self, place: Place, mut burns: impl FnMut(&Packet<'_, A>) -> bool + 'static) -> Fuse {
        match self.0.reactor() {
            Some(reactor) => self.0.get_fuse(&reactor, place, Box::new(move |packet: Lent<'_>| burns(&packet.seen()))),
            None => Fuse::dead(),
        }
    }

    /// The receiver is given a handle of its own, so that it need not keep one, which would keep the socket for ever.
    pub fn set_receiver<R: Outcome>(
        &self,
        place: Place,
        mut receiver: impl FnMut(Held<A>, io::Result<Packet<'_, A>>) -> R + 'static,
    ) {
        let Some(reactor) = self.0.reactor() else { return };
        let receive = move |reactor: &Rc<Reactor>, socket: &Rc<PacketSocket>, packet: io::Result<Lent<'_>>| {
            let outcome = receiver(Held::new(socket.clone()), packet.map(Lent::seen));
            outcome.conclude(Fate::of(reactor));
        };
        self.0.set_receiver(&reactor, place, Box::new(receive));
    }

    pub fn stop_receiver(&self) -> bool {
        self.0.stop_receiver()
    }

    pub async fn recv_from(&self, into: &mut [u8]) -> io::Result<(usize, A)> {
        self.ask(&mut Part(into, PhantomData)).await
    }

    pub async fn receive(&self) -> io::Result<Received<A>> {
        self.ask(&mut Whole(PhantomData)).await
    }

    async fn ask<T: Taking>(&self, taking: &mut T) -> io::Result<T::Taken> {
        let mut asking = Asking::of(&self.0);
        poll_fn(|context| asking.poll(context, taking)).await
    }

    pub fn send(&self, packet: &[u8], to: Option<&Address>) -> io::Result<Sent> {
        self.0.send(packet, to)
    }

    pub async fn send_soon(&self, packet: &[u8], to: Option<&Address>) -> io::Result<()> {
        let mut queueing = Queueing::of(&self.0);
        poll_fn(|context| queueing.poll(context, packet, to)).await
    }
}

impl<A> Drop for Held<A> {
    fn drop(&mut self) {
        self.0.let_go();
    }
}

/// Takes as much of a packet as there is room for.
struct Part<'a, A>(&'a mut [u8], PhantomData<fn() -> A>);

impl<A: Peer> Taking for Part<'_, A> {
    type Taken = (usize, A);

    fn keep(&mut self, kept: Kept) -> (usize, A) {
        (kept.copy_to(self.0), A::named(&kept.from))
    }

    fn receive(&mut self, _: &Reactor, network: &dyn Network, socket: Socket) -> io::Result<(usize, A)> {
        let arrival = network.receive_packet(socket, self.0)?;
        Ok((arrival.length, A::named(&arrival.from)))
    }
}

/// Takes a packet whole.
struct Whole<A>(PhantomData<fn() -> A>);

impl<A: Peer> Taking for Whole<A> {
    type Taken = Received<A>;

    fn keep(&mut self, kept: Kept) -> Received<A> {
        kept.given()
    }

    fn receive(&mut self, reactor: &Reactor, network: &dyn Network, socket: Socket) -> io::Result<Received<A>> {
        let mut memory = reactor.packet_memory().take();
        memory.resize(LONGEST, 0);
        let arrival = network.receive_packet(socket, &mut memory);
        let received = arrival.map(|arrival| Received {
            data: Bytes::copy_from_slice(&memory[..arrival.length]),
            from: A::named(&arrival.from),
            is_truncated: arrival.is_truncated,
        });
        reactor.packet_memory().set(memory);
        received
    }
}

/// The methods that every socket for packets has. `$address` is how those at the other end are called.
macro_rules! packet_socket {
    ($socket:ident, $address:ty) => {
        impl $socket {
            pub(crate) fn of(socket: Rc<PacketSocket>) -> $socket {
                $socket(Held::new(socket))
            }

            /// The event manager it belongs to.
            ///
            /// # Panics
            /// If that is gone.
            pub fn fate(&self) -> Fate {
                self.0.fate()
            }

            /// A fuse that burns on the first packet of which `burns` says yes, from the next one that is received on.
            ///
            /// It is a fuse like any other: handlers may be set before or after it burns, it can be cut, awaited, or burned by
            /// hand, and it may be given a deadline as well, with [`Fuse::reset`]; whichever comes first burns it. While it has
            /// a handler the socket receives, whether this handle is kept or not, and [`Fate::run`] goes on.
            ///
            /// A fuse looks on, and takes nothing: every packet, the one that burns it included, is shown to all other fuses of
            /// the socket, in the order in which they were lit, and then goes to who reads. If nobody reads, a few hundred are
            /// held for whoever may, as a kernel does, and what comes after that is looked at and lost.
            ///
            /// `burns` is called from a turn, with nothing borrowed, once for each packet. If it panics, it has said no.
            #[track_caller]
            pub fn get_fuse(&self, burns: impl FnMut(&Packet<'_, $address>) -> bool + 'static) -> Fuse {
                self.0.get_fuse(Location::caller(), burns)
            }

            /// Calls `receiver` with every packet from here on, in place of the receiver that was set before; what is held for
            /// those who ask is the first that it is given. An error is given when the kernel has one to tell: that nobody
            /// was where an earlier packet went, for instance. The socket is as good as before then.
            ///
            /// It is called from a turn, for a few dozen packets in each at most. It lives on by itself, and the socket with
            /// it, whether this handle is kept or not; and it is given a handle of its own to answer with: one that it
            /// captured would keep the socket until a shutdown.
            ///
            /// # Errors
            /// A failure that it returns goes to the fault handler, with the line of this call, and the next packet to it as
            /// if nothing had happened; after a panic as well.
            #[track_caller]
            pub fn set_receiver<R: Outcome>(
                &self,
                mut receiver: impl FnMut(&$socket, io::Result<Packet<'_, $address>>) -> R + 'static,
            ) {
                self.0.set_receiver(Location::caller(), move |held, packet| receiver(&$socket(held), packet));
            }

            /// Takes the receiver away; packets wait for those who ask. Says whether there was one.
            pub fn stop_receiver(&self) -> bool {
                self.0.stop_receiver()
            }

            /// Takes the next packet, copies as much of it as there is room for, and says how much that is and who sent it.
            /// The rest is lost: [`receive`](Self::receive) tells whether there was one.
            ///
            /// While a receiver is set, this waits until there is none. Of several who ask, the first is served first.
            ///
            /// # Errors
            /// `ConnectionRefused` if nobody was where an earlier packet went; the socket is as good as before then.
            /// `NotConnected` once it is closed, as after a shutdown; what else the kernel says.
            ///
            /// # Cancellation
            /// Dropping the future loses no packet: it is there for the next to ask.
            pub async fn recv_from(&self, into: &mut [u8]) -> io::Result<(usize, $address)> {
                self.0.recv_from(into).await
            }

            /// As [`recv_from`](Self::recv_from), without saying who sent it: for sockets that are
            /// [connected](Self::connect).
            ///
            /// # Errors
            /// As [`recv_from`](Self::recv_from).
            pub async fn recv(&self, into: &mut [u8]) -> io::Result<usize> {
                Ok(self.0.recv_from(into).await?.0)
            }

            /// Takes the next packet whole.
            ///
            /// # Errors
            /// As [`recv_from`](Self::recv_from).
            ///
            /// # Cancellation
            /// As [`recv_from`](Self::recv_from).
            pub async fn receive(&self) -> io::Result<Received<$address>> {
                self.0.receive().await
            }

            /// Sends a packet now, or says that there is no room for it.
            ///
            /// # Errors
            /// What the kernel says: too long, no route, nobody there. `ConnectionRefused` may be about an earlier packet;
            /// this one was not sent then. `NotConnected` once the socket is closed.
            pub fn send_to(&self, packet: &[u8], to: impl Into<$address>) -> io::Result<Sent> {
                self.0.send(packet, Some(&to.into().address()))
            }

            /// Sends a packet as soon as there is room for it, after those that wait for that already.
            ///
            /// # Errors
            /// As [`send_to`](Self::send_to).
            ///
            /// # Cancellation
            /// Dropping the future before it is done leaves the packet unsent.
            pub async fn send_to_soon(&self, packet: &[u8], to: impl Into<$address>) -> io::Result<()> {
                self.0.send_soon(packet, Some(&to.into().address())).await
            }

            /// As [`send_to`](Self::send_to), to where the socket is [connected](Self::connect).
            ///
            /// # Errors
            /// As [`send_to`](Self::send_to), and what the kernel says if it is connected to nobody.
            pub fn send(&self, packet: &[u8]) -> io::Result<Sent> {
                self.0.send(packet, None)
            }

            /// As [`send_to_soon`](Self::send_to_soon), to where the socket is [connected](Self::connect).
            ///
            /// # Errors
            /// As [`send`](Self::send).
            ///
            /// # Cancellation
            /// As [`send_to_soon`](Self::send_to_soon).
            pub async fn send_soon(&self, packet: &[u8]) -> io::Result<()> {
                self.0.send_soon(packet, None).await
            }

            /// Says where packets go if nothing else is said. From here on only those that come from there are received, and
            /// one learns that nobody is there.
            ///
            /// # Errors
            /// What the kernel says.
            pub fn connect(&self, to: impl Into<$address>) -> io::Result<()> {
                self.0.connect(&to.into().address())
            }

            /// Sets something on the socket.
            ///
            /// # Errors
            /// What the kernel says, and `NotConnected` once the socket is closed.
            pub fn set(&self, setting: Setting) -> io::Result<()> {
                self.0.set(setting)
            }
        }

        impl fmt::Debug for $socket {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($socket), "({})"), self.0.address())
            }
        }
    };
}

pub(super) use packet_socket;
