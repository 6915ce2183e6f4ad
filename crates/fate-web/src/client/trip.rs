//! A request on its way: from an address to the header of a response, by as many hops as it is sent elsewhere.

use super::connecting::{Made, connect};
use super::credentials::basic;
use super::error::{Deadline, Kind, WebError};
use super::one::One;
use super::patience::{Alarm, within};
use super::phase::Phase;
use super::pool::Host;
use super::received::Received;
use super::redirect::{self, Elsewhere};
use super::response::Response;
use super::route::{Route, authority, target};
use super::sent::{Outgoing, Progress, RequestBody};
use super::settings::Settings;
use super::shared::Shared;
use super::source::Source;
use super::two::Use;
use super::unpacker::ACCEPTED;
use fate::{Fate, Instant, Permit};
use fate_tls::TlsError;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request, Version};
use std::cell::Cell;
use std::error::Error;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;
use url::Url;

/// So often a request is tried again that met a connection which the other side had just closed.
const TRIES: usize = 8;

/// So often, in the time that the header may take, is it looked how much of the request has left meanwhile.
const LOOKS: u32 = 4;

/// But no more often than this.
const SOON: Duration = Duration::from_millis(1);

/// What is asked for.
pub(super) struct Wish {
    pub method: Method,
    pub headers: HeaderMap,
    pub body: RequestBody,
}

/// A request on its way.
pub(super) struct Trip {
    pub fate: Fate,
    pub shared: Rc<Shared>,
    /// Where it goes at present.
    pub url: Url,
    pub phase: Cell<Phase>,
    /// When it must be over.
    end: Option<Instant>,
}

/// What it is sent by.
enum Line {
    One(One, Permit),
    Two(Use),
}

/// The header of a response, and where its body comes from.
type Answer = (http::response::Parts, Source);

impl Trip {
    pub fn new(fate: &Fate, shared: &Rc<Shared>, url: Url) -> Trip {
        let end = shared.settings.total.map(|total| fate.now() + total);
        Trip { fate: fate.clone(), shared: shared.clone(), url, phase: Cell::new(Phase::Address), end }
    }

    pub fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    pub fn time_is_up(&self, deadline: Deadline) -> WebError {
        WebError::new(Kind::Timeout(deadline), self.phase.get(), &self.url)
    }

    /// Goes all the way.
    pub async fn go(mut self, mut wish: Wish) -> Result<Response, WebError> {
        // Before the first hop, so that what is secret among them is forgotten with the rest.
        for (name, value) in &self.shared.settings.headers {
            wish.headers.entry(name).or_insert_with(|| value.clone());
        }
        for hops in 0.. {
            let left = self.end.map(|end| end - self.fate.now());
            let replay = wish.body.again();
            let answer = within(&self.fate, left, self.hop(&mut wish)).await;
            let (head, source) = answer.unwrap_or_else(|| Err(self.time_is_up(Deadline::Total)))?;
            if let Some(jar) = &self.shared.jar {
                jar.keep(&self.fate, &self.url, &head.headers);
            }
            let elsewhere = redirect::find(&self, &wish.method, &head, hops)?;
            let Some(elsewhere) = elsewhere else { return Ok(self.arrive(&wish.method, head, source)) };
            self.turn(&mut wish, replay, elsewhere)?;
            source.discard(&self.fate);
        }
        unreachable!("there is an end to numbers, but nobody counts that far")
    }

    /// Goes elsewhere from here on.
    fn turn(&mut self, wish: &mut Wish, replay: Option<RequestBody>, elsewhere: Elsewhere) -> Result<(), WebError> {
        if elsewhere.becomes_get {
            wish.method = Method::GET;
            wish.body = RequestBody::default();
            redirect::forget_body(&mut wish.headers);
        } else {
            let words = "it is sent elsewhere, and its body can be sent once only";
            wish.body = replay.ok_or_else(|| WebError::new(Kind::Redirect(words), Phase::Header, &self.url))?;
        }
        if elsewhere.is_foreign {
            redirect::forget_secrets(&mut wish.headers);
        }
        self.url = elsewhere.url;
        Ok(())
    }

    fn arrive(self, method: &Method, mut head: http::response::Parts, source: Source) -> Response {
        let settings = &self.shared.settings;
        let body = Received::plain(&self.fate, &self.url, source, settings.idle, self.end);
        let body = if settings.unpacks && method != Method::HEAD {
            body.unpacked(&mut head.headers, settings.unpacked_limit)
        } else {
            body
        };
        Response::new(head, self.url, body, settings.page_limit)
    }

    /// One request, one response.
    async fn hop(&self, wish: &mut Wish) -> Result<Answer, WebError> {
        self.phase.set(Phase::Address);
        let route = Route::to(&self.url, &self.settings().proxies)?;
        let host = self.shared.pool.host(&self.fate, &route, self.settings());
        for tries in 0.. {
            // Nobody is called for what makes no sense.
            target(&self.url, false)?;
            let (line, may_be_stale) = self.line(&route, &host).await?;
            self.phase.set(Phase::Send);
            let (is_two, watch, tag) = match &line {
                Line::One(one, _) => (false, one.watch(), None),
                Line::Two(by) => (true, by.watch(), Some(by.tag())),
            };
            let (progress, replay) = (Progress::new(&self.fate, watch, is_two), wish.body.again());
            let body = Outgoing::new(std::mem::take(&mut wish.body), &progress, tag);
            let request = self.request(&route, wish, body, is_two)?;
            let Lost { error, unsent, refusal } = match self.ask(line, &host, request, &progress).await? {
                Ok(answer) => return Ok(answer),
                Err(lost) => lost,
            };
            // It was never sent, or not looked at; or it can be sent twice, and the other side had just closed.
            let (unsent, is_refused) = (unsent.map(Outgoing::into_body), is_refused(&error));
            let again = unsent.or(replay.filter(|_| is_refused || wish.method.is_idempotent()));
            match again.filter(|_| tries < TRIES && (is_refused || may_be_stale && is_lost(&error))) {
                Some(body) => wish.body = body,
                None => return Err(WebError::of_answer(error, refusal, self.phase.get(), &self.url)),
            }
        }
        unreachable!("there is an end to tries")
    }

    /// Something to send it by; and whether the other side may have closed it by now.
    async fn line(&self, route: &Route, host: &Rc<Host>) -> Result<(Line, bool), WebError> {
        self.phase.set(Phase::Queue);
        if let Some(by) = self.share(host).await {
            return Ok((Line::Two(by), true));
        }
        let token = host.token(&self.url).await?;
        if let Some(by) = self.share(host).await {
            return Ok((Line::Two(by), true));
        }
        if let Some(one) = self.shared.pool.take(host, self.fate.now()) {
            return Ok((Line::One(one, token), true));
        }
        let tls = if route.key.is_secret { Some(self.shared.tls(&self.url)?) } else { None };
        let permit = host.permit(&self.url).await?;
        let made = connect(self, route, &self.shared.pool, tls).await;
        match made.inspect_err(|error| host.fail(error))? {
            Made::One(one) => {
                host.lift();
                Ok((Line::One(one, token), false))
            }
            Made::Two(two) => {
                two.keep(permit);
                host.share(&two, self.fate.now());
                match two.begin_use(&self.fate).await {
                    Some(by) => Ok((Line::Two(by), false)),
                    None => Err(WebError::new(Kind::Interrupted, Phase::Send, &self.url)),
                }
            }
        }
    }

    /// The connection that all share, if there is one, once the other side takes another request on it.
    async fn share(&self, host: &Host) -> Option<Use> {
        loop {
            let two = host.shared(self.fate.now())?;
            if let Some(by) = two.begin_use(&self.fate).await {
                return Some(by);
            }
        }
    }

    fn request(&self, route: &Route, wish: &Wish, body: Outgoing, is_two: bool) -> Result<Request<Outgoing>, WebError> {
        let mut request = Request::new(body);
        *request.method_mut() = wish.method.clone();
        *request.uri_mut() = target(&self.url, is_two || route.is_proxied_openly())?;
        *request.version_mut() = if is_two { Version::HTTP_2 } else { Version::HTTP_11 };
        *request.headers_mut() = self.headers(route, wish, is_two);
        Ok(request)
    }

    fn headers(&self, route: &Route, wish: &Wish, is_two: bool) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(wish.headers.len() + 8);
        if !is_two && let Ok(host) = HeaderValue::try_from(authority(&self.url)) {
            headers.insert(header::HOST, host);
        }
        headers.extend(wish.headers.clone());
        let mut usual = |name: HeaderName, value: Option<HeaderValue>| {
            if let Some(value) = value {
                headers.entry(name).or_insert(value);
            }
        };
        usual(header::ACCEPT, Some(HeaderValue::from_static("*/*")));
        let wants_packed = self.settings().unpacks && !wish.headers.contains_key(header::RANGE);
        usual(header::ACCEPT_ENCODING, wants_packed.then(|| HeaderValue::from_static(ACCEPTED)));
        usual(header::USER_AGENT, Some(HeaderValue::from_static(concat!("fate-web/", env!("CARGO_PKG_VERSION")))));
        usual(header::AUTHORIZATION, basic(&self.url));
        usual(header::COOKIE, self.shared.jar.as_ref().and_then(|jar| jar.find(&self.fate, &self.url)));
        let proxy = route.proxy.as_ref().filter(|_| route.is_proxied_openly());
        usual(header::PROXY_AUTHORIZATION, proxy.and_then(|proxy| proxy.authorization.clone()));
        headers
    }

    /// Sends a request, and waits for the header of the response. What was lost on the way is told apart from time that
    /// is up.
    async fn ask(
        &self,
        line: Line,
        host: &Rc<Host>,
        request: Request<Outgoing>,
        progress: &Rc<Progress>,
    ) -> Result<Result<Answer, Lost>, WebError> {
        match line {
            Line::One(mut one, token) => {
                let answer = self.wait_for_header(progress, one.ask(request)).await?;
                Ok(answer.map_err(|error| lost(error, one.refusal())).map(|response| {
                    let (head, incoming) = response.into_parts();
                    (head, Source::one(one, token, host, &self.shared.pool, incoming))
                }))
            }
            Line::Two(by) => {
                let (mut sender, mut asking) = (by.sender(), by.asking(&self.fate, progress));
                let answer = self.wait_for_header(progress, sender.try_send_request(request)).await;
                let answer = answer.inspect_err(|_| by.doubt())?;
                asking.note_answer();
                drop(asking);
                Ok(answer.map_err(|error| lost(error, by.refusal())).map(|response| {
                    let (head, incoming) = response.into_parts();
                    (head, Source::Two { incoming, by })
                }))
            }
        }
    }

    /// Waits, but no longer than the deadline while the other side neither takes more of the request nor answers. The
    /// time in which the program itself makes more of the body does not count. What the kernel has taken counts as
    /// taken: how much of that is still under way nobody knows here.
    async fn wait_for_header<T>(&self, progress: &Progress, answer: impl Future<Output = T>) -> Result<T, WebError> {
        let mut answer = pin!(answer);
        let limit = self.settings().header;
        let mut alarm = Alarm::after(&self.fate, limit.map(|limit| limit / LOOKS));
        poll_fn(|context| {
            let answered = answer.as_mut().poll(context);
            self.phase.set(if progress.is_done() { Phase::Header } else { Phase::Send });
            if let Poll::Ready(answer) = answered {
                return Poll::Ready(Ok(answer));
            }
            while alarm.poll(&self.fate, context).is_ready() {
                // It is moved only when it goes off: a body that flows costs nothing.
                let (is_under_way, now) = (progress.look(), self.fate.now());
                let Some(limit) = limit else { break };
                let end = progress.waits_since().unwrap_or(now) + limit;
                if end <= now {
                    return Poll::Ready(Err(self.time_is_up(Deadline::Header)));
                }
                alarm = Alarm::at(Some(if is_under_way { end.min(now + (limit / LOOKS).max(SOON)) } else { end }));
            }
            Poll::Pending
        })
        .await
    }
}

/// What went wrong.
struct Lost {
    error: hyper::Error,
    /// The body, if not a byte of the request was sent.
    unsent: Option<Outgoing>,
    refusal: Option<TlsError>,
}

fn lost(mut error: hyper::client::conn::TrySendError<Request<Outgoing>>, refusal: Option<TlsError>) -> Lost {
    let unsent = error.take_message().map(Request::into_body);
    Lost { error: error.into_error(), unsent, refusal }
}

/// Whether the other side had closed, rather than said something odd.
fn is_lost(error: &hyper::Error) -> bool {
    error.is_incomplete_message()
        || error.is_canceled()
        || error.is_closed()
        || error.source().is_some_and(is_of_the_wire)
}

/// Whether the other side says that it has not looked at the request (RFC 9113, section 8.7).
fn is_refused(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<h2::Error>());
    cause.is_some_and(|cause| cause.is_remote() && cause.reason() == Some(h2::Reason::REFUSED_STREAM))
}

fn is_of_the_wire(error: &(dyn Error + 'static)) -> bool {
    // What this side found wrong with what came is no loss.
    let is_lost = |error: &h2::Error| error.is_go_away() && error.is_remote() || error.is_io();
    error.is::<std::io::Error>()
        || error.downcast_ref().is_some_and(is_lost)
        || error.source().is_some_and(is_of_the_wire)
}
