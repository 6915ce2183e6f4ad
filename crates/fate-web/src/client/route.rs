//! Which way a request goes: what two requests have in common that can share a connection.

use super::error::{Kind, WebError};
use super::phase::Phase;
use super::proxies::{Proxies, Proxy};
use super::settings::{Settings, Versions};
use http::Uri;
use std::rc::Rc;
use url::{Position, Url};

/// Which way a request goes.
#[derive(Clone)]
pub(super) struct Route {
    pub key: RouteKey,
    pub proxy: Option<Rc<Proxy>>,
}

/// What two requests have in common that can share a connection.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct RouteKey {
    /// Whether what is said is encrypted.
    pub is_secret: bool,
    /// As in an address: of IPv6 in brackets.
    pub host: Box<str>,
    pub port: u16,
    /// Through whom.
    proxy: Option<Box<str>>,
}

impl Route {
    /// The way to the host of an address.
    pub fn to(url: &Url, proxies: &Proxies) -> Result<Route, WebError> {
        let unfit = |words| WebError::new(Kind::Unfit(words), Phase::Address, url);
        let is_secret = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return Err(unfit("neither http nor https")),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| unfit("there is no host in it"))?;
        let port = url.port_or_known_default().ok_or_else(|| unfit("there is no port in it"))?;
        let proxy = proxies.find(url).cloned();
        let through = match &proxy {
            // Whatever host it is for, the proxy takes it.
            Some(proxy) if !is_secret => return Ok(Route::through(proxy)),
            Some(proxy) => Some(proxy.url.as_str().into()),
            None => None,
        };
        Ok(Route { key: RouteKey { is_secret, host: host.into(), port, proxy: through }, proxy })
    }

    fn through(proxy: &Rc<Proxy>) -> Route {
        let host = proxy.url.host_str().unwrap_or_default().into();
        let port = proxy.url.port_or_known_default().unwrap_or(80);
        let key = RouteKey { is_secret: false, host, port, proxy: Some("".into()) };
        Route { key, proxy: Some(proxy.clone()) }
    }

    /// Whether a proxy is handed the request itself, and not only its bytes.
    pub fn is_proxied_openly(&self) -> bool {
        self.proxy.is_some() && !self.key.is_secret
    }

    /// Whom to connect to.
    pub fn first_stop(&self) -> (&str, u16) {
        match &self.proxy {
            Some(proxy) => (proxy.url.host_str().unwrap_or_default(), proxy.url.port_or_known_default().unwrap_or(80)),
            None => (&self.key.host, self.key.port),
        }
    }

    /// Whether it turns out only with the first connection which version is spoken.
    pub fn may_be_two(&self, settings: &Settings) -> bool {
        match settings.versions {
            Versions::Either => self.key.is_secret,
            Versions::One => false,
            Versions::Two => true,
        }
    }
}

/// What is asked for, as it stands in the first line of a request.
pub(super) fn target(url: &Url, is_whole: bool) -> Result<Uri, WebError> {
    let path = &url[Position::BeforePath..Position::AfterQuery];
    let text = if is_whole { format!("{}://{}{path}", url.scheme(), authority(url)) } else { path.to_owned() };
    let words = "the path is none of HTTP";
    Uri::try_from(text).map_err(|error| WebError::new(Kind::Unfit(words), Phase::Address, url).because(error))
}

/// Host and port, the port only if it is not the usual one.
pub(super) fn authority(url: &Url) -> &str {
    &url[Position::BeforeHost..Position::AfterPort]
}

/// Whether two addresses are of one origin (RFC 6454).
pub(super) fn is_same_origin(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme()
        && one.host_str() == other.host_str()
        && one.port_or_known_default() == other.port_or_known_default()
}
