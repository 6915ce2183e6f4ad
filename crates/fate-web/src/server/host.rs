//! What all connections of a server share: the service, hyper's settings, and whom to tell of errors.

use super::calendar::Calendar;
use super::error::ServerError;
use super::incoming::Incoming;
use super::patience::{HEADERS, Limits, Patience};
use fate::{Failure, Fate, HyperExecutor, HyperTimer};
use fate_tls::TlsServer;
use http::{Request, Response};
use http_body::Body;
use hyper::server::conn::{http1, http2};
use std::error::Error;
use std::rc::Rc;
use std::time::Duration;

/// How long a connection of several requests may be silent before the other side is asked whether it is there.
const SILENCE: Duration = Duration::from_secs(30);

/// How many requests a connection may share at once.
const STREAMS: u32 = 200;

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
    pub http2: http2::Builder<HyperExecutor>,
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
            http1.max_headers(headers);
        }
        let mut http2 = http2::Builder::new(HyperExecutor::new(fate));
        http2.max_header_list_size(u32::try_from(header_bytes).unwrap_or(u32::MAX)).auto_date_header(!is_simulated);
        http2.max_concurrent_streams(STREAMS);
        http2.timer(HyperTimer::new(fate)).keep_alive_interval(SILENCE).keep_alive_timeout(settings.patience.write);
        let calendar = is_simulated.then(|| Calendar::new(fate));
        Host { service, settings, http1, http2, calendar }
    }

    /// Tells of an error, if somebody wants to know.
    pub fn complain(&self, fate: &Fate, error: &ServerError) {
        if let Some(on_error) = &self.settings.on_error {
            on_error(fate, error);
        }
    }
}
