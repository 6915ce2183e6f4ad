//! What all connections of a server share: the service, hyper's settings, and whom to tell of errors.

use super::calendar::Calendar;
use super::error::ServerError;
use super::incoming::Incoming;
use super::line::Line;
use super::patience::{HEADERS, Limits, Patience};
use super::runner::Runner;
use fate::{Failure, Fate};
use fate_tls::TlsServer;
use http::{Request, Response};
use http_body::Body;
use hyper::server::conn::{http1, http2};
use std::error::Error;
use std::rc::Rc;

/// How many requests a connection may share at once.
const STREAMS: u32 = 200;

/// So much of a body may come over HTTP/2 before it is read; and so little, because that much may be sent before we are heard.
const WINDOW: u64 = 256 << 10;
const LEAST_WINDOW: u64 = (1 << 16) - 1;

/// More headers than this `http` cannot hold; and where hyper is told a number, it makes room for as many.
const MOST_HEADERS: usize = 24_576;

/// Any tower service that a server can ask.
pub(super) trait Service:
    tower_service::Service<Request<Incoming>, Response = Response<Self::Body>, Error: Into<Failure>> + Clone + 'static
{
    type Body: Body<Error: Into<Box<dyn Error + Send + Sync>>> + 'static;
}

impl<S, B> Service for S
where
    S: tower_service::Service<Request<Incoming>, Response = Response<B>, Error: Into<Failure>> + Clone + 'static,
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>> + 'static,
{
    type Body = B;
}

/// Who is told of errors.
pub(super) type OnError = Rc<dyn Fn(&Fate, &ServerError)>;

/// All that is said of a server.
#[derive(Clone, Default)]
pub(super) struct Settings {
    pub patience: Patience,
    pub limits: Limits,
    pub tls: Option<TlsServer>,
    pub on_error: Option<OnError>,
    pub tells_peer: bool,
}

pub(super) struct Host<S> {
    pub service: S,
    pub settings: Settings,
    pub http1: http1::Builder,
    /// hyper knows what day it is, but not in a simulation.
    pub calendar: Option<Calendar>,
}

impl<S> Host<S> {
    pub fn new(fate: &Fate, service: S, settings: Settings) -> Host<S> {
        let is_simulated = fate.is_simulated();
        let Limits { header_bytes, headers, .. } = settings.limits;
        let mut http1 = http1::Builder::new();
        http1.max_header_size(header_bytes).auto_date_header(!is_simulated);
        // Told the number it would take anyway, hyper fills a buffer for it at each request.
        if headers != HEADERS {
            http1.max_headers(headers.min(MOST_HEADERS));
        }
        let calendar = is_simulated.then(|| Calendar::new(fate));
        Host { service, settings, http1, calendar }
    }

    /// hyper's settings for a connection of HTTP/2, whose tasks are counted. Pings of its own it has none: they would stand behind what
    /// the other side takes slowly. That it is gone is found out by the system, or when something is to be written.
    pub fn http2(&self, line: &Rc<Line>) -> http2::Builder<Runner> {
        let mut http2 = http2::Builder::new(Runner::of(line));
        let header_bytes = u32::try_from(self.settings.limits.header_bytes).unwrap_or(u32::MAX);
        http2.max_header_list_size(header_bytes).auto_date_header(self.calendar.is_none());
        let window = window(self.settings.limits);
        http2.max_concurrent_streams(STREAMS).initial_stream_window_size(window);
        // What nobody reads of one body holds no other up.
        http2.initial_connection_window_size(STREAMS * window);
        // A body that comes after its answer is reset, and nobody is to blame. What is asked to have it reset is counted here.
        http2.max_local_error_reset_streams(None);
        http2
    }

    /// Tells of an error, if somebody wants to know.
    pub fn complain(&self, fate: &Fate, error: &ServerError) {
        if let Some(on_error) = &self.settings.on_error {
            on_error(fate, error);
        }
    }
}

/// How much of a body may come before it is read: no more than a body may have.
fn window(limits: Limits) -> u32 {
    limits.body.clamp(LEAST_WINDOW, WINDOW) as u32
}
