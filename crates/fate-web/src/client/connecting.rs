//! From a route to a connection that speaks HTTP.

use super::error::{Deadline, Kind, WebError};
use super::one::One;
use super::patience::within;
use super::phase::Phase;
use super::pool::{Pool, Pools};
use super::proxies::Proxy;
use super::route::{Route, RouteKey};
use super::settings::Versions;
use super::trip::Trip;
use super::two::Two;
use fate::{ConnectFailed, Failure, Fate, TcpStream, race_addresses};
use fate_tls::TlsClient;
use futures_io::AsyncWrite;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

/// The longest line of what a proxy answers, and how many there may be.
const LONGEST_LINE: usize = 8 * 1024;
const MOST_LINES: usize = 100;

/// How long to wait for a descriptor once something is closed: who does not care that it is holds one for two seconds.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LAST_PAUSE: Duration = Duration::from_secs(2);

/// A connection that was just made.
pub(super) enum Made {
    One(One),
    Two(Rc<Two>),
}

/// Makes a connection.
pub(super) async fn connect(trip: &Trip, route: &Route, pool: &Pool, tls: Option<TlsClient>) -> Result<Made, WebError> {
    let settings = trip.settings();
    let reached = within(&trip.fate, settings.connect, reach(trip, route)).await;
    let stream = reached.unwrap_or_else(|| Err(trip.time_is_up(Deadline::Connect)))?;
    let is_two = match tls {
        Some(tls) => agree(trip, &stream, &route.key.host, &tls).await?,
        None => settings.versions == Versions::Two,
    };
    let made = if is_two {
        Two::begin(stream, pool.new_bell()).await.map(Made::Two)
    } else {
        One::begin(stream).await.map(Made::One)
    };
    made.map_err(|error| WebError::of_hyper(error, trip.phase.get(), &trip.url))
}

/// A connection to the host of the route, if need be through a proxy.
async fn reach(trip: &Trip, route: &Route) -> Result<TcpStream, WebError> {
    let (host, port) = route.first_stop();
    trip.phase.set(Phase::Lookup);
    let failed = |failure| WebError::of_failure(failure, trip.phase.get(), &trip.url);
    let addresses = trip.fate.resolve(host, port).await.map_err(failed)?;
    trip.phase.set(Phase::Connect);
    let stream = call_at_any_cost(&trip.fate, &addresses).await.map_err(failed)?;
    match &route.proxy {
        Some(proxy) if !route.is_proxied_openly() => {
            trip.phase.set(Phase::Proxy);
            ask_to_pass_on(trip, &stream, &route.key, proxy).await?;
            Ok(stream)
        }
        _ => Ok(stream),
    }
}

/// A connection to one of these. If no descriptor is left for it, what rests is closed, which only rests in case it is
/// needed.
async fn call_at_any_cost(fate: &Fate, addresses: &[SocketAddr]) -> Result<TcpStream, Failure> {
    let mut outcome = call(fate, addresses).await;
    let is_short = |outcome: &Result<_, Failure>| outcome.as_ref().is_err_and(lacks_descriptors);
    if is_short(&outcome) && fate.belonging(|_| Pools::default()).clear() {
        let mut pause = FIRST_PAUSE;
        while is_short(&outcome) && pause < LAST_PAUSE {
            fate.sleep(pause).await;
            outcome = call(fate, addresses).await;
            pause *= 2;
        }
    }
    outcome
}

/// A connection to one of these.
async fn call(fate: &Fate, addresses: &[SocketAddr]) -> Result<TcpStream, Failure> {
    let here = fate.clone();
    match addresses {
        [address] => fate.connect_tcp(&address.to_string()).await,
        _ => race_addresses(fate, addresses.to_vec(), move |address| here.connect_tcp(&address.to_string())).await,
    }
}

/// Whether the process, or the system, has no descriptor left.
fn lacks_descriptors(failure: &Failure) -> bool {
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    let is_lack = |failure: &Failure| {
        let error = failure.check::<io::Error>().and_then(io::Error::raw_os_error);
        matches!(error, Some(ENFILE | EMFILE))
    };
    let of_each = failure.check::<ConnectFailed>();
    is_lack(failure) || of_each.is_some_and(|each| each.failures.iter().any(|(_, failure)| is_lack(failure)))
}

/// Has the proxy pass on what comes from here on (RFC 9110, section 9.3.6).
async fn ask_to_pass_on(trip: &Trip, stream: &TcpStream, to: &RouteKey, proxy: &Proxy) -> Result<(), WebError> {
    let lost = |error: io::Error| WebError::new(Kind::Interrupted, Phase::Proxy, &trip.url).because(error);
    let mut words = Vec::from(format!("CONNECT {0}:{1} HTTP/1.1\r\nHost: {0}:{1}\r\n", to.host, to.port));
    if let Some(authorization) = &proxy.authorization {
        words.extend_from_slice(b"Proxy-Authorization: ");
        words.extend_from_slice(authorization.as_bytes());
        words.extend_from_slice(b"\r\n");
    }
    words.extend_from_slice(b"\r\n");
    send(stream, &words).await.map_err(lost)?;
    let status = stream.read_line(LONGEST_LINE).await.map_err(lost)?;
    let refused = |words| Err(WebError::new(Kind::Proxy(words), Phase::Proxy, &trip.url));
    for _ in 0..MOST_LINES {
        match stream.read_line(LONGEST_LINE).await.map_err(lost)?.as_deref() {
            Some("") => return check(trip, status.as_deref().unwrap_or_default()),
            Some(_) => {}
            None => return Err(lost(io::ErrorKind::UnexpectedEof.into())),
        }
    }
    refused("it answers at too great length")
}

fn check(trip: &Trip, status: &str) -> Result<(), WebError> {
    let mut words = status.split(' ');
    let (version, code) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let refused = |words| Err(WebError::new(Kind::Proxy(words), Phase::Proxy, &trip.url).because(String::from(status)));
    match code.as_bytes() {
        _ if !version.starts_with("HTTP/1.") => refused("that is not HTTP"),
        [b'2', _, _] => Ok(()),
        b"407" => refused("it wants to know who asks"),
        _ => refused("it refuses"),
    }
}

async fn send(stream: &TcpStream, mut words: &[u8]) -> io::Result<()> {
    while !words.is_empty() {
        let mut stream = stream;
        let count = poll_fn(|context| Pin::new(&mut stream).poll_write(context, words)).await?;
        words = &words[count..];
    }
    Ok(())
}

/// Has the two sides agree on encryption. Says whether they have agreed on HTTP/2 as well.
async fn agree(trip: &Trip, stream: &TcpStream, host: &str, tls: &TlsClient) -> Result<bool, WebError> {
    trip.phase.set(Phase::Tls);
    let name = host.trim_matches(['[', ']']);
    let Some(agreed) = within(&trip.fate, trip.settings().tls_limit, tls.wrap(stream, name).into_future()).await else {
        return Err(trip.time_is_up(Deadline::Tls));
    };
    let session = agreed.map_err(|failure| WebError::of_failure(failure, Phase::Tls, &trip.url))?;
    let is_two = session.alpn() == Some(b"h2");
    // Who agrees on nothing speaks HTTP/1.1: HTTP/2 must be agreed upon (RFC 9113, section 3.2).
    if !is_two && trip.settings().versions == Versions::Two {
        return Err(WebError::new(Kind::Version("it does not agree to HTTP/2"), Phase::Tls, &trip.url));
    }
    Ok(is_two)
}
