//! One request, from hyper to the service, and its response back: with the limits, and with what becomes of a failure.

use super::error::{Kind, ServerError};
use super::host::{Host, Service};
use super::incoming::{Incoming, IncomingError};
use super::line::{Line, Ticket};
use super::manners::objection;
use bytes::Buf;
use fate::Failure;
use http::header::{CONNECTION, CONTENT_LENGTH, COOKIE, DATE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming as Arriving;
use pin_project_lite::pin_project;
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

/// The service, as hyper asks it for the requests of one line.
pub(super) struct Guarded<S> {
    host: Rc<Host<S>>,
    line: Rc<Line>,
}

impl<S> Guarded<S> {
    pub fn new(host: &Rc<Host<S>>, line: &Rc<Line>) -> Guarded<S> {
        Guarded { host: host.clone(), line: line.clone() }
    }

    /// What is answered without the service, because the request is no proper one, or its body says that it is too long.
    fn refuse(&self, request: &Request<Arriving>, is_old: bool) -> Option<StatusCode> {
        if let Some((status, words)) = objection(request) {
            self.host.complain(self.line.fate(), &ServerError::new(Kind::BadRequest, &self.line, words));
            return Some(status);
        }
        // hyper counts those of HTTP/1.1.
        if !is_old && are_too_many(request.headers(), self.host.settings.limits.headers) {
            self.host.complain(self.line.fate(), &ServerError::bare(Kind::HeaderTooLarge, &self.line));
            return Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        }
        let is_too_long = request.body().size_hint().lower() > self.host.settings.limits.body;
        is_too_long.then_some(StatusCode::PAYLOAD_TOO_LARGE)
    }

    /// Gives the service the request at once, if it takes it.
    fn ask(&self, request: Request<Arriving>) -> State<S, S::Future>
    where
        S: Service,
    {
        let mut service = self.host.service.clone();
        // Most services are ready always. One that is not is asked again, by whoever waits; one that has failed is not.
        match service.poll_ready(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(())) => State::Waiting { future: service.call(self.admit(request)) },
            Poll::Ready(Err(error)) => State::Failed { failure: Some(error.into()) },
            Poll::Pending => State::Asking { service, request: Some(self.admit(request)) },
        }
    }

    /// The request as the service gets it.
    fn admit(&self, request: Request<Arriving>) -> Request<Incoming> {
        let settings = &self.host.settings;
        let mut request =
            request.map(|incoming| Incoming::new(incoming, &settings.limits, &self.line, settings.patience.body));
        if settings.tells_peer {
            request.extensions_mut().insert(self.line.stream.peer());
        }
        if let Some(certificates) = self.line.certificates.get() {
            request.extensions_mut().insert(certificates.clone());
        }
        request
    }
}

impl<S: Service> hyper::service::Service<Request<Arriving>> for Guarded<S> {
    type Response = Response<Answer<S::Body>>;
    type Error = Infallible;
    type Future = Answering<S, S::Future>;

    fn call(&self, request: Request<Arriving>) -> Answering<S, S::Future> {
        let (ticket, is_old) = (self.line.begin(), request.version() <= Version::HTTP_11);
        let is_head = *request.method() == Method::HEAD;
        let state = match self.refuse(&request, is_old) {
            Some(status) => State::Refused { status, is_old },
            // Should it panic it ends the task that asks it: here that of the connection, which is for this request alone.
            None if !self.line.is_shared() => self.ask(request),
            None => State::Asking { service: self.host.service.clone(), request: Some(self.admit(request)) },
        };
        Answering { state, ticket: Some(ticket), is_head, host: self.host.clone(), line: self.line.clone() }
    }
}

pin_project! {
    /// The response, on its way.
    pub(super) struct Answering<S, F> {
        #[pin]
        state: State<S, F>,
        ticket: Option<Ticket>,
        is_head: bool,
        host: Rc<Host<S>>,
        line: Rc<Line>,
    }
}

pin_project! {
    #[project = StateNow]
    enum State<S, F> {
        /// The service may not be ready yet.
        Asking { service: S, request: Option<Request<Incoming>> },
        Waiting { #[pin] future: F },
        /// The service is not asked.
        Refused { status: StatusCode, is_old: bool },
        /// The service takes no request any more.
        Failed { failure: Option<Failure> },
    }
}

impl<S: Service> Future for Answering<S, S::Future> {
    type Output = Result<Response<Answer<S::Body>>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let result = loop {
            let future = match this.state.as_mut().project() {
                StateNow::Refused { status, is_old } => {
                    let mut response = bare(*status);
                    if *is_old {
                        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                    }
                    break response;
                }
                StateNow::Failed { failure } => {
                    break failed(this.host, this.line, failure.take().expect("it is told once"));
                }
                StateNow::Waiting { future } => {
                    break match ready!(future.poll(context)) {
                        Ok(response) => response.map(Some),
                        Err(error) => failed(this.host, this.line, error.into()),
                    };
                }
                StateNow::Asking { service, request } => match ready!(service.poll_ready(context)) {
                    Ok(()) => service.call(request.take().expect("it is asked once")),
                    Err(error) => break failed(this.host, this.line, error.into()),
                },
            };
            this.state.set(State::Waiting { future });
        };
        let mut ticket = this.ticket.take();
        ticket.iter_mut().for_each(Ticket::answer);
        let mut response = result.map(|body| Answer { body, ticket });
        if this.line.is_shared() {
            strip(&mut response, *this.is_head);
        } else if this.line.is_draining() {
            // hyper can only be told after it has begun to read, and may have answered by then.
            response.headers_mut().entry(CONNECTION).or_insert(HeaderValue::from_static("close"));
        }
        if let Some(calendar) = &this.host.calendar {
            response.headers_mut().entry(DATE).or_insert_with(|| calendar.date());
        }
        Poll::Ready(Ok(response))
    }
}

/// Whether there are more headers than so many. HTTP/2 may have cut the cookies into pieces (RFC 9113, 8.2.3), which are one header.
fn are_too_many(headers: &HeaderMap, most: usize) -> bool {
    let pieces = || headers.get_all(COOKIE).iter().count().saturating_sub(1);
    headers.len() > most && headers.len() - pieces() > most
}

/// Takes the body off where there may be none (RFC 9110, 9.3.2), which hyper does with HTTP/1.1, and leaves to others with HTTP/2; but
/// says to who asked for the head alone how long it would have been.
fn strip<B: Body>(response: &mut Response<Answer<B>>, is_head: bool) {
    let has_none = matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if !has_none && !is_head {
        return;
    }
    if let Some(length) = response.body().size_hint().exact().filter(|length| !has_none && *length > 0) {
        response.headers_mut().entry(CONTENT_LENGTH).or_insert_with(|| length.into());
    }
    response.body_mut().body = None;
}

/// A response that has nothing to say but this.
fn bare<B>(status: StatusCode) -> Response<Option<B>> {
    let mut response = Response::new(None);
    *response.status_mut() = status;
    response
}

/// The service has failed: with what the other side has done wrong, or by its own fault.
fn failed<S, B>(host: &Host<S>, line: &Line, failure: Failure) -> Response<Option<B>> {
    if let Some(status) = IncomingError::status_for(failure.error()) {
        return bare(status);
    }
    host.complain(line.fate(), &ServerError::new(Kind::Service, line, failure.into_error()));
    bare(StatusCode::INTERNAL_SERVER_ERROR)
}

pin_project! {
    /// The body of a response, on its way. The request is answered when it is dropped.
    pub(super) struct Answer<B> {
        #[pin]
        body: Option<B>,
        ticket: Option<Ticket>,
    }
}

impl<D: Buf, B: Body<Data = D>> Body for Answer<B> {
    type Data = D;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<D>, B::Error>>> {
        let this = self.project();
        let Some(body) = this.body.as_pin_mut() else { return Poll::Ready(None) };
        let polled = body.poll_frame(context);
        if let Some(ticket) = this.ticket {
            ticket.offer(matches!(polled, Poll::Ready(Some(Ok(_)))));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
