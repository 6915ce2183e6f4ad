//! What the network does to a request in each of its phases; what the client tells of it, when, and what the server is told.
//!
//! Everything takes a second from one side to the other, so what happens when is known: a connection is there after two
//! seconds, and with TLS it is agreed upon after two more. From there on:
//!
//! ```text
//!    seconds   0 ··· 4   the request is sent, a piece of its body each second
//!              5         all of it is there, and the service takes its time
//!             10         it answers, with a piece each second
//!             11 ·· 15   these arrive
//! ```

use super::rig::{SECOND, World, flowing, pieces, since_the_start, whole};
use super::tongue::{TONGUES, Tongue};
use fate::Fate;
use fate::sim::Link;
use fate_web::http::{Request, Response};
use fate_web::{Client, ClientBuilder, Deadline, Incoming, Outgoing, Phase, Server, WebError};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

const COUNT: usize = 5;

/// When it happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Moment {
    BeforeConnect,
    Handshake,
    Request,
    BeforeAnswer,
    Answer,
}

const MOMENTS: [Moment; 5] =
    [Moment::BeforeConnect, Moment::Handshake, Moment::Request, Moment::BeforeAnswer, Moment::Answer];

/// What happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    /// A box on the way forgets all connections.
    Reset,
    /// Nothing passes any more.
    Partition,
    /// Everything takes a hundred seconds.
    Crawl,
    /// Everything takes two seconds.
    Lag,
}

impl Fault {
    fn strike(self, link: &Link) {
        match self {
            Fault::Reset => link.reset(),
            Fault::Partition => link.partition(),
            Fault::Crawl => drop(link.clone().latency(SECOND * 100..SECOND * 100)),
            Fault::Lag => drop(link.clone().latency(SECOND * 2..SECOND * 2)),
        }
    }
}

/// When the request can be sent.
fn start(tongue: Tongue) -> Duration {
    SECOND * if tongue.is_secret() { 4 } else { 2 }
}

impl Moment {
    fn at(self, tongue: Tongue) -> Duration {
        let half = SECOND / 2;
        match self {
            Moment::BeforeConnect => Duration::ZERO,
            Moment::Handshake => SECOND * 3 + half,
            Moment::Request => start(tongue) + SECOND * 2 + half,
            Moment::BeforeAnswer => start(tongue) + SECOND * 7 + half,
            Moment::Answer => start(tongue) + SECOND * 12 + half,
        }
    }
}

/// Deadlines that can be told apart.
fn hurried() -> ClientBuilder {
    Client::builder()
        .total(SECOND * 100)
        .connect(SECOND * 5)
        .tls_deadline(SECOND * 6)
        .header(SECOND * 12)
        .idle(SECOND * 8)
}

fn impatient() -> Server {
    Server::new()
        .header_deadline(SECOND * 7)
        .body_deadline(SECOND * 9)
        .write_deadline(SECOND * 11)
        .idle_deadline(SECOND * 20)
}

/// Hears all, takes its time, and then answers for as long.
async fn serve(
    there: Fate,
    request: Request<Incoming>,
    told: Rc<RefCell<Vec<String>>>,
) -> fate::Result<Response<Outgoing>> {
    let heard = request.into_body().bytes().await;
    let heard = heard.inspect_err(|error| told.borrow_mut().push(error.to_string()))?;
    assert_eq!(heard, whole(COUNT));
    there.sleep(SECOND * 5).await;
    Ok(Response::new(Outgoing::pieces(pieces(&there, COUNT))))
}

/// What came of it.
#[derive(Debug)]
struct Outcome {
    client: Result<(), WebError>,
    at: Duration,
    /// What the service was told of the body of the request, and what the server was told of the connection.
    service: Vec<String>,
    server: Vec<(String, Duration)>,
}

fn strike(tongue: Tongue, moment: Moment, fault: Fault) -> Outcome {
    let what = format!("{tongue:?}, {moment:?}, {fault:?}");
    let told = Rc::<RefCell<Vec<_>>>::default();
    let note = told.clone();
    let service = move |there, request| serve(there, request, note.clone());
    let mut world = World::new(1, tongue, impatient(), hurried(), service);
    let link = world.link.clone().latency(SECOND..SECOND);
    match moment {
        Moment::BeforeConnect => fault.strike(&link),
        _ => drop(world.here.get_fuse(moment.at(tongue)).set_handler(move |_| fault.strike(&link))),
    }
    let (client, at) = world.ask(async move |here, client| {
        let request = client.post(tongue.url()).body(flowing(&here, COUNT));
        let outcome = request.page().await.map(|page| assert_eq!(page, whole(COUNT)));
        (outcome.map_err(|failure| failure.trap().unwrap()), since_the_start(&here))
    });
    let server = world.complaints.take();
    world.end(matches!(moment, Moment::BeforeConnect | Moment::Request), &what);
    Outcome { client, at, service: told.take(), server }
}

/// All that is tried.
fn cases(faults: &[Fault]) -> impl Iterator<Item = (Tongue, Moment, Fault)> {
    let moments = TONGUES.into_iter().flat_map(|tongue| MOMENTS.map(|moment| (tongue, moment)));
    // Who does not speak in secret has no handshake.
    let moments = moments.filter(|(tongue, moment)| tongue.is_secret() || *moment != Moment::Handshake);
    moments.flat_map(|(tongue, moment)| faults.iter().map(move |&fault| (tongue, moment, fault)))
}

/// W1, W2: a reset.
#[test]
fn a_connection_that_is_reset_is_told_to_both_sides_at_once_and_nothing_is_left() {
    for (tongue, moment, fault) in cases(&[Fault::Reset]) {
        let outcome = strike(tongue, moment, fault);
        let what = format!("{tongue:?}, {moment:?}: {outcome:?}");
        let phase = match moment {
            // There is nothing yet to be reset.
            Moment::BeforeConnect => {
                assert!(outcome.client.is_ok() && outcome.server.is_empty() && outcome.service.is_empty(), "{what}");
                continue;
            }
            Moment::Handshake => Phase::Tls,
            Moment::Request => Phase::Send,
            Moment::BeforeAnswer => Phase::Header,
            Moment::Answer => Phase::Body,
        };
        let error = outcome.client.unwrap_err();
        let in_handshake = moment == Moment::Handshake;
        assert_eq!((error.phase(), error.deadline(), outcome.at), (phase, None, moment.at(tongue)), "{what}");
        assert_eq!((error.is_tls(), error.is_interrupted()), (in_handshake, !in_handshake), "{what}");
        let words = if in_handshake { "TLS was not agreed on" } else { "the other side went away" };
        assert_eq!(outcome.server, [(words.to_owned(), moment.at(tongue))], "{what}");
        let is_broken_off = moment == Moment::Request;
        assert_eq!(outcome.service, if is_broken_off { vec!["the body of the request is broken off"] } else { vec![] });
    }
}

/// W1, W2: a network that is there, and brings nothing.
#[test]
fn a_network_that_stalls_is_told_to_each_side_by_its_own_deadline_and_nothing_is_left() {
    for (tongue, moment, fault) in cases(&[Fault::Partition, Fault::Crawl]) {
        let outcome = strike(tongue, moment, fault);
        let what = format!("{tongue:?}, {moment:?}, {fault:?}: {outcome:?}");
        let (deadline, phase, at) = match moment {
            Moment::BeforeConnect => (Deadline::Connect, Phase::Connect, SECOND * 5),
            // What had the client believe that all is agreed upon was on its way already.
            Moment::Handshake if fault == Fault::Crawl => {
                (Deadline::Header, Phase::Header, start(tongue) + SECOND * 17)
            }
            Moment::Handshake => (Deadline::Tls, Phase::Tls, SECOND * 2 + SECOND * 6),
            // The network has a window for all of it, so that all of it is sent.
            Moment::Request => (Deadline::Header, Phase::Header, start(tongue) + SECOND * 17),
            Moment::BeforeAnswer => (Deadline::Header, Phase::Header, start(tongue) + SECOND * 17),
            // A piece that was on its way is lost in the one case, and arrives in the other.
            Moment::Answer if fault == Fault::Crawl => (Deadline::Idle, Phase::Body, start(tongue) + SECOND * 21),
            Moment::Answer => (Deadline::Idle, Phase::Body, start(tongue) + SECOND * 20),
        };
        let error = outcome.client.unwrap_err();
        assert_eq!((error.deadline(), error.phase()), (Some(deadline), phase), "{what}");
        // Whether the other side takes any of the request is looked at now and then only.
        let about = at..=at + SECOND * u32::from(deadline == Deadline::Header);
        assert!(about.contains(&outcome.at), "{what}: {about:?}");
        let is_too_slow = moment == Moment::Request;
        let told: &[&str] = if is_too_slow { &["the body of the request did not come in time"] } else { &[] };
        assert_eq!(outcome.service, told, "{what}");
        let words: Vec<_> = outcome.server.iter().map(|(words, _)| &words[..]).collect();
        let told: &[&str] = if moment == Moment::Handshake { &["TLS was not agreed on"] } else { &[] };
        assert_eq!(words, told, "{what}");
    }
}

/// W1, W2: late is not lost.
#[test]
fn a_network_that_becomes_slower_is_no_mistake_of_anybody() {
    for (tongue, moment, fault) in cases(&[Fault::Lag]) {
        let outcome = strike(tongue, moment, fault);
        let what = format!("{tongue:?}, {moment:?}: {outcome:?}");
        assert!(outcome.client.is_ok() && outcome.server.is_empty() && outcome.service.is_empty(), "{what}");
        assert!(outcome.at > start(tongue) + SECOND * 17 && outcome.at < start(tongue) + SECOND * 24, "{what}");
    }
}

/// W2: neither a request under way nor a network that brings nothing of it holds a stop up for ever; and without
/// the latter the request comes to its end.
#[test]
fn a_stop_lets_be_finished_what_is_under_way_and_waits_for_nobody_else() {
    for (tongue, moment, is_parted) in
        cases(&[Fault::Partition, Fault::Lag]).map(|(t, m, f)| (t, m, f == Fault::Partition))
    {
        if matches!(moment, Moment::BeforeConnect | Moment::Handshake) {
            continue;
        }
        let what = format!("{tongue:?}, {moment:?}, parted: {is_parted}");
        let service = move |there, request| serve(there, request, Rc::default());
        let mut world = World::new(1, tongue, impatient(), hurried(), service);
        let link = world.link.clone().latency(SECOND..SECOND);
        let (serving, there) = (world.serving.clone(), world.server.clone());
        let stopped = Rc::new(RefCell::new(None));
        let note = stopped.clone();
        let burning = world.server.get_fuse(moment.at(tongue));
        burning.set_handler(move |_| {
            if is_parted {
                link.partition();
            }
            serving.stop().add_callback(move |()| *note.borrow_mut() = Some(since_the_start(&there)));
        });
        let page = world.ask(async move |here, client| {
            client.post(tongue.url()).body(flowing(&here, COUNT)).page().await.map(|page| page.len())
        });
        assert_eq!(page.ok(), (!is_parted).then(|| whole(COUNT).len()), "{what}");
        let stopped = stopped.take().unwrap_or_else(|| panic!("{what}: the stop never fired"));
        assert!(stopped < moment.at(tongue) + SECOND * 40, "{what}: {stopped:?}");
        world.end(is_parted, &what);
    }
}
