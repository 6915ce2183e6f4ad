//! What a client is set up with.

use super::proxies::Proxies;
use fate_tls::TlsClient;
use http::HeaderMap;
use std::time::Duration;

/// What a client is set up with, once it is.
pub(super) struct Settings {
    pub total: Option<Duration>,
    pub connect: Option<Duration>,
    pub tls_limit: Option<Duration>,
    pub header: Option<Duration>,
    pub idle: Option<Duration>,
    pub connections_per_host: usize,
    pub keep_idle: Duration,
    pub most_idle: usize,
    pub redirects: usize,
    pub allows_downgrade: bool,
    pub page_limit: usize,
    pub unpacked_limit: u64,
    pub unpacks: bool,
    pub headers: HeaderMap,
    pub proxies: Proxies,
    pub tls: Option<TlsClient>,
    pub versions: Versions,
}

/// Which versions of HTTP are spoken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Versions {
    /// HTTP/1.1, and HTTP/2 with those who agree to it by TLS.
    Either,
    One,
    /// HTTP/2 with everybody, agreed upon or not.
    Two,
}

const SECOND: Duration = Duration::from_secs(1);

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            total: Some(SECOND * 300),
            connect: Some(SECOND * 10),
            tls_limit: Some(SECOND * 10),
            header: Some(SECOND * 30),
            idle: Some(SECOND * 30),
            connections_per_host: 6,
            keep_idle: SECOND * 90,
            most_idle: 100,
            redirects: 10,
            allows_downgrade: false,
            page_limit: 64 << 20,
            unpacked_limit: 1 << 30,
            unpacks: true,
            headers: HeaderMap::new(),
            proxies: Proxies::default(),
            tls: None,
            versions: Versions::Either,
        }
    }
}
