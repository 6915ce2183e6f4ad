//! The network: bytes pushed to a [`Protocol`], or pulled from a [`TcpStream`], over the same connections.
//!
//! - `protocol`: what is told of a connection, and [`Reason`]s for its end;
//! - `connection`: the machine of one connection: what comes in, what goes out, and how it ends;
//! - `transport`: the hand that a protocol has on its connection;
//! - `stream`: the same connection to be read from and written to by a task;
//! - `accepting`: the machine of a listener, `listener`: what people hold of it; `connect`: who makes connections;
//! - `layer`: what lies between the bytes of a connection and whoever speaks over it;
//! - `framing`: where messages begin and end in the bytes of a connection;
//! - `packets`: sockets for packets, and fuses that burn on one of them;
//! - `watching`: descriptors of others; `adopting`: sockets of others, and `releasing`: sockets for others; `passing`:
//!   descriptors that travel with bytes; `activation`: sockets that were opened for this process, and `inherited`: what
//!   it was born with;
//! - `options`: what can be set on sockets; `waiter`: who waits for one of them.

pub(crate) mod accepting;
mod activation;
pub(crate) mod adopting;
pub(crate) mod connect;
pub(crate) mod connection;
pub mod framing;
mod inherited;
pub(crate) mod layer;
pub(crate) mod listener;
pub(crate) mod options;
pub(crate) mod packets;
mod passing;
pub(crate) mod protocol;
pub(crate) mod releasing;
pub(crate) mod stream;
pub(crate) mod transport;
pub(crate) mod waiter;
pub(crate) mod watching;

pub use activation::{Activated, BadActivation, activation};
pub use adopting::NotAdopted;
pub use layer::{Flow, Layer};
pub use listener::{Port, TcpListener, UnixListener};
pub use options::TcpOptions;
pub use packets::options::UdpOptions;
pub use packets::packet::{Packet, Received};
pub use packets::sending::Sent;
pub use packets::udp::UdpSocket;
pub use packets::unix::UnixDatagram;
pub use protocol::{Protocol, Reason};
pub use releasing::{Released, ReleasedListener};
pub use stream::{PipeReader, PipeWriter, TcpStream, TerminalStream, Tether, UnixStream};
pub use transport::{Transport, Written};
pub use watching::{Ready, Watch};
