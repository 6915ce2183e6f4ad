//! Stalls and resets in each phase in which HTTP is spoken, whatever is: what is told of it, when, and that nothing is
//! left behind.

use crate::frames::{CONTINUATION, DATA, END_HEADERS, END_STREAM, GO_AWAY, HEADERS, OK, RESET, WINDOW, frame};
use crate::identity::Identity;
use crate::rig::{Line, SECOND, World, page, web};
use crate::tongue::{TONGUES, Tongue};
use fate_web::{Bytes, Client, ClientBuilder, Deadline, Phase, RequestBody, WebError};
use http_body::Frame;
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

/// How far the server plays along.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// It accepts.
    Accept,
    /// It hears the head of a request.
    Hear,
    /// It takes no more of the body than its kernel does.
    Send,
    /// It says half of a header.
    HalfHeader,
    /// It says the header, and some of the body.
    Body,
}

const STAGES: [Stage; 5] = [Stage::Accept, Stage::Hear, Stage::Send, Stage::HalfHeader, Stage::Body];

impl Stage {
    /// What the client thinks it is about.
    fn phase(self) -> Phase {
        match self {
            Stage::Send => Phase::Send,
            Stage::Body => Phase::Body,
            _ => Phase::Header,
        }
    }
}

/// And then, after a second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Nothing more, ever.
    Stall,
    /// A box on the way forgets the connection.
    Reset,
    /// The server is gone.
    Close,
    /// HTTP/2: it ends this request alone.
    ResetStream,
    /// HTTP/2: it ends everything, with a mistake of its own.
    GoAway,
}

/// A body without end, in which something of the program's is kept.
struct Endless {
    _kept: Rc<()>,
}

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[7; 10_000])))))
    }
}

/// Deadlines that can be told apart.
pub fn hurried() -> ClientBuilder {
    Client::builder()
        .total(SECOND * 50)
        .connect(SECOND * 2)
        .tls_deadline(SECOND * 3)
        .header(SECOND * 5)
        .idle(SECOND * 7)
}

/// A world in which bytes take no time.
pub fn world() -> World {
    let world = World::new();
    drop(world.sim.link("server", "here").latency(Duration::ZERO..Duration::ZERO));
    world
}

/// Plays along up to the stage, on the first connection; serves as it should on all others.
async fn play(mut line: Line, tongue: Tongue, stage: Stage, fault: Fault, break_off: impl Fn()) -> fate::Result {
    if line.number > 1 {
        return serve(line, tongue).await;
    }
    let mut stream = 0;
    if stage != Stage::Accept {
        if tongue.is_two() {
            line.begin_two().await?;
            stream = line.hear_two().await?;
        } else {
            line.hear().await?;
        }
    }
    match stage {
        Stage::HalfHeader if tongue.is_two() => {
            line.say(&frame(HEADERS, END_HEADERS, stream, &[0x88; 9])[..12]).await?
        }
        Stage::HalfHeader => line.say("HTTP/1.1 200 OK\r\nContent-").await?,
        Stage::Body if tongue.is_two() => {
            line.say(frame(HEADERS, END_HEADERS, stream, OK)).await?;
            line.say(frame(DATA, 0, stream, b"all that")).await?;
        }
        Stage::Body => line.say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nall that").await?,
        _ => {}
    }
    line.fate.sleep(SECOND).await;
    match fault {
        Fault::Stall if stage == Stage::Send => line.fate.sleep(SECOND * 100).await,
        Fault::Stall => line.linger().await?,
        Fault::Reset => break_off(),
        Fault::Close => {}
        Fault::ResetStream => line.say(frame(RESET, 0, stream, &[0, 0, 0, 2])).await?,
        Fault::GoAway => line.say(frame(GO_AWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 2])).await?,
    }
    if matches!(fault, Fault::ResetStream | Fault::GoAway) {
        line.linger().await?;
    }
    Ok(())
}

async fn serve(mut line: Line, tongue: Tongue) -> fate::Result {
    if !tongue.is_two() {
        while line.hear().await?.is_some() {
            line.answer("", "well").await?;
        }
        return Ok(());
    }
    line.begin_two().await?;
    loop {
        let stream = line.hear_two().await?;
        line.say(frame(HEADERS, END_HEADERS, stream, OK)).await?;
        line.say(frame(DATA, END_STREAM, stream, b"well")).await?;
    }
}

/// What came of a request, and when; what is left of its body; and what the next request was told.
struct Outcome {
    error: WebError,
    at: Duration,
    kept: Weak<()>,
    next: Result<Bytes, WebError>,
}

fn stage(tongue: Tongue, stage: Stage, fault: Fault) -> Outcome {
    let (mut world, identity) = (world(), Identity::good());
    let (link, tls) = (world.sim.link("server", "here"), identity.server(&[]));
    let tls = tongue.is_secret().then(|| tls.with_alpn([if tongue.is_two() { "h2" } else { "http/1.1" }]));
    world.serve_on(&world.server, if tongue.is_secret() { 443 } else { 80 }, move |line| {
        let (link, tls) = (link.clone(), tls.clone());
        async move {
            if let Some(tls) = tls {
                tls.wrap(&line.stream).await?;
            }
            play(line, tongue, stage, fault, move || link.reset()).await
        }
    });
    let builder = hurried().tls(identity.client());
    let client = if tongue.is_two() { builder.http2_only() } else { builder }.build(&world.here);
    let kept = Rc::new(());
    let outcome = Rc::new(RefCell::new(None));
    let (weak, note) = (Rc::downgrade(&kept), outcome.clone());
    let (here, other) = (world.here.clone(), client.clone());
    world.here.spawn(async move {
        let error = ask(&other, tongue, stage, kept).await.expect_err("it cannot succeed");
        let at = here.now() - fate::Instant::START;
        let next = page(&other, tongue.url()).await;
        *note.borrow_mut() = Some((error, at, next));
    });
    world.sim.run_until(SECOND * 200).unwrap();
    client.close_idle();
    world.sim.run_until(SECOND * 300).unwrap();
    let what = format!("{tongue:?}, {stage:?}, {fault:?}");
    assert_eq!(world.open.get(), 0, "{what}: a connection is left");
    let live = world.here.report().live;
    assert!(live.is_empty(), "{what}: {live:?}");
    let (error, at, next) = outcome.take().unwrap_or_else(|| panic!("{what}: it never ends"));
    world.end();
    Outcome { error, at, kept: weak, next }
}

async fn ask(client: &Client, tongue: Tongue, stage: Stage, kept: Rc<()>) -> Result<Bytes, WebError> {
    let body = if stage == Stage::Send { RequestBody::stream(Endless { _kept: kept }) } else { RequestBody::default() };
    let request =
        client.request(if stage == Stage::Send { http::Method::POST } else { http::Method::GET }, tongue.url());
    let response = request.body(body).send().await.map_err(web)?;
    response.bytes().await.map_err(web)
}

fn check(outcome: &Outcome, what: &str) {
    assert!(outcome.kept.upgrade().is_none(), "{what}: the body is still there");
    assert_eq!(
        outcome.next.as_ref().map(|page| &page[..]).map_err(|error| format!("{error:?}")),
        Ok(&b"well"[..]),
        "{what}"
    );
}

/// W1: stalls, whatever is spoken.
#[test]
fn a_server_that_stalls_is_given_up_after_the_deadline_of_the_phase_and_nothing_is_left() {
    for tongue in TONGUES {
        for at in STAGES {
            let (what, outcome) = (format!("{tongue:?}, {at:?}"), stage(tongue, at, Fault::Stall));
            let (deadline, limit) = if at == Stage::Body { (Deadline::Idle, 7) } else { (Deadline::Header, 5) };
            let error = &outcome.error;
            assert_eq!((error.deadline(), error.phase()), (Some(deadline), at.phase()), "{what}: {error:?}");
            assert_eq!(outcome.at, SECOND * limit, "{what}");
            check(&outcome, &what);
        }
    }
}

/// W1: resets, whatever is spoken.
#[test]
fn a_connection_that_is_lost_is_told_at_once_with_its_phase_and_nothing_is_left() {
    for tongue in TONGUES {
        for at in STAGES {
            for fault in [Fault::Reset, Fault::Close] {
                let (what, outcome) = (format!("{tongue:?}, {at:?}, {fault:?}"), stage(tongue, at, fault));
                let error = &outcome.error;
                assert!(error.is_interrupted(), "{what}: {error:?}");
                assert_eq!((error.phase(), outcome.at), (at.phase(), SECOND), "{what}");
                check(&outcome, &what);
            }
        }
    }
}

/// W1: what HTTP/2 has for it.
#[test]
fn a_request_that_the_server_ends_by_itself_is_told_at_once_with_its_phase_and_nothing_is_left() {
    for tongue in [Tongue::Two, Tongue::SecretTwo] {
        for at in [Stage::Hear, Stage::Send, Stage::Body] {
            for fault in [Fault::ResetStream, Fault::GoAway] {
                let (what, outcome) = (format!("{tongue:?}, {at:?}, {fault:?}"), stage(tongue, at, fault));
                let error = &outcome.error;
                assert!(error.is_interrupted(), "{what}: {error:?}");
                assert_eq!((error.phase(), outcome.at), (at.phase(), SECOND), "{what}");
            }
        }
    }
}

/// W1: the response is there whole, and the server takes no more of the body, but does not say so.
#[test]
fn a_body_that_nobody_wants_any_more_is_let_go_with_the_response_and_nothing_is_left() {
    for (tongue, takes_all) in [(Tongue::One, false), (Tongue::Two, false), (Tongue::Two, true)] {
        let mut world = world();
        world.serve(move |mut line| async move {
            if !tongue.is_two() {
                line.hear().await?;
                line.answer("", "").await?;
                return line.linger().await;
            }
            line.begin_two().await?;
            let stream = line.hear_two().await?;
            line.say(frame(HEADERS, END_STREAM | END_HEADERS, stream, OK)).await?;
            loop {
                line.hear_frame().await?;
                if takes_all {
                    let more = 16_384_u32.to_be_bytes();
                    line.say([frame(WINDOW, 0, 0, &more), frame(WINDOW, 0, stream, &more)].concat()).await?;
                }
            }
        });
        let builder = Client::builder();
        let client = if tongue.is_two() { builder.http2_only() } else { builder }.build(&world.here);
        let kept = Rc::new(());
        let weak = Rc::downgrade(&kept);
        let request = client.post(tongue.url()).body(RequestBody::stream(Endless { _kept: kept }));
        drop(request.page().add_both(|page| assert_eq!(page.unwrap(), "")));
        world.sim.run_until(SECOND * 50).unwrap();
        assert!(weak.upgrade().is_none(), "{tongue:?}: the body is still there");
        client.close_idle();
        world.sim.run_until(SECOND * 60).unwrap();
        let live = world.here.report().live;
        assert!(live.is_empty() && world.open.get() == 0, "{tongue:?}: {live:?}");
        world.end();
    }
}

/// A line of a header, as it is packed without any packing.
fn literal(name: &str, value: &str) -> Vec<u8> {
    let mut line = vec![0, name.len() as u8];
    line.extend(name.as_bytes());
    line.push(value.len() as u8);
    line.extend(value.as_bytes());
    line
}

/// W1: nonsense is told as that, and nobody asks for it again.
#[test]
fn what_is_no_http_2_is_told_as_such_and_not_asked_for_again() {
    let head = |lines: &[Vec<u8>]| [OK.to_vec(), lines.concat()].concat();
    let answer = |head: &[u8]| {
        let body = frame(DATA, END_STREAM, 3, b"12345678");
        [frame(HEADERS, END_HEADERS, 3, head), body].concat()
    };
    let nonsense = [
        ("a body that is too long", answer(&head(&[literal("content-length", "3")]))),
        ("a body that is too short", answer(&head(&[literal("content-length", "30")]))),
        ("two lengths", answer(&head(&[literal("content-length", "3"), literal("content-length", "8")]))),
        ("a name in capitals", answer(&head(&[literal("X-Upper", "3")]))),
        ("a header that is none", frame(HEADERS, END_HEADERS, 3, &[0xff; 20])),
        ("a frame too long", frame(DATA, 0, 3, &[0; 20_000])),
        ("a body before the header", frame(DATA, 0, 3, &[0; 20])),
        ("HTTP/1.1", b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_vec()),
    ];
    for (what, words) in nonsense {
        let error = nonsense_is_told(what, words);
        assert!(error.is_not_http(), "{what}: {error:?}");
    }
    let line = literal("x-line", &"x".repeat(100)).repeat(50);
    let header = (0..100).flat_map(|_| frame(CONTINUATION, 0, 3, &line));
    let error = nonsense_is_told("a header without end", frame(HEADERS, 0, 3, OK).into_iter().chain(header).collect());
    assert!(error.is_too_long(), "{error:?}");
}

/// What is told when that comes as the answer to the second request.
fn nonsense_is_told(what: &str, words: Vec<u8>) -> WebError {
    let (mut world, asked) = (world(), Rc::new(Cell::new(0)));
    let count = asked.clone();
    world.serve(move |mut line| {
        let (count, words) = (count.clone(), words.clone());
        async move {
            line.begin_two().await?;
            let first = line.hear_two().await?;
            count.set(count.get() + 1);
            line.say(frame(HEADERS, END_STREAM | END_HEADERS, first, OK)).await?;
            line.hear_two().await?;
            count.set(count.get() + 1);
            line.say(words).await?;
            line.linger().await
        }
    });
    let client = hurried().http2_only().build(&world.here);
    let told = Rc::new(RefCell::new(None));
    let note = told.clone();
    world.here.spawn(async move {
        page(&client, "http://server/").await.unwrap();
        *note.borrow_mut() = Some(page(&client, "http://server/").await.unwrap_err());
        client.close_idle();
    });
    world.sim.run_until(SECOND * 100).unwrap();
    assert_eq!(asked.get(), 2, "{what}");
    world.end();
    told.take().unwrap()
}

/// W1: nobody is called for what cannot be asked.
#[test]
fn an_address_that_is_no_request_is_told_before_anybody_is_called() {
    let mut world = world();
    world.always(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let client = Client::new(&world.here);
    let request = client.get(&format!("http://server/{}", "x".repeat(70_000)));
    drop(request.send().add_both(|response| assert!(web(response.unwrap_err()).is_unfit())));
    world.sim.run_until(SECOND * 10).unwrap();
    assert_eq!(world.visits.get(), 0);
    world.end();
}
