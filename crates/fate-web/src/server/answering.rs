//! One request, from hyper to the service, and its response back: with the limits, and with what becomes of a failure.

use super::error::{Kind, ServerError};
use super::host::{Host, Service};
use super::incoming::{Incoming, IncomingError};
use super::line::{Line, Ticket};
use bytes::Buf;
use fate::Failure;
use http::header::{CONNECTION, DATE};
use http::{HeaderValue, Request, Response, StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming as Arriving;
use pin_project_lite::pin_project;
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

/// The service, as hyper asks it for the requests of one line.
pub(super) struct Guarded<S> {
    host: Rc<Host<S>>,
    line: Rc<Line>,
}

impl<S> Guarded<S> {
    pub fn new(host: &Rc<Host<S>>, line: &Rc<Line>) -> Guarded<S> {
        Guarded { host: host.clone(), line: line.clone() }
    }

    /// The request as the service gets it; nothing if its body says that it is too long.
    fn admit(&self, request: Request<Arriving>) -> Option<Request<Incoming>> {
        let settings = &self.host.settings;
        if request.body().size_hint().lower() > settings.limits.body {
            return None;
        }
        let mut request =
            request.map(|incoming| Incoming::new(incoming, &settings.limits, &self.line, settings.patience.body));
        if settings.tells_peer {
            request.extensions_mut().insert(self.line.stream.peer());
        }
        Some(request)
    }
}

impl<S: Service> hyper::service::Service<Request<Arriving>> for Guarded<S> {
    type Response = Response<Answer<S::Body>>;
    type Error = Infallible;
    type Future = Answering<S, S::Future>;

    fn call(&self, request: Request<Arriving>) -> Answering<S, S::Future> {
        let (ticket, is_old) = (self.line.begin(), request.version() <= Version::HTTP_11);
        let state = match self.admit(request) {
            Some(request) => State::Asking { service: self.host.service.clone(), request: Some(request) },
            None => State::Refused { is_old },
        };
        Answering { state, ticket: Some(ticket), host: self.host.clone(), line: self.line.clone() }
    }
}

pin_project! {
    /// The response, on its way.
    pub(super) struct Answering<S, F> {
        #[pin]
        state: State<S, F>,
        ticket: Option<Ticket>,
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
        Refused { is_old: bool },
    }
}

impl<S: Service> Future for Answering<S, S::Future> {
    type Output = Result<Response<Answer<S::Body>>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let result = loop {
            let future = match this.state.as_mut().project() {
                StateNow::Refused { is_old } => {
                    let mut response = bare(StatusCode::PAYLOAD_TOO_LARGE);
                    if *is_old {
                        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                    }
                    break response;
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
        let ticket = this.ticket.take();
        let mut response = result.map(|body| Answer { body, _ticket: ticket });
        if let Some(calendar) = &this.host.calendar {
            response.headers_mut().entry(DATE).or_insert_with(|| calendar.date());
        }
        Poll::Ready(Ok(response))
    }
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
        _ticket: Option<Ticket>,
    }
}

impl<D: Buf, B: Body<Data = D>> Body for Answer<B> {
    type Data = D;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<D>, B::Error>>> {
        match self.project().body.as_pin_mut() {
            Some(body) => body.poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
