//! Through whom a request goes.

use super::credentials::basic;
use fate::Fate;
use http::HeaderValue;
use std::env;
use std::rc::Rc;
use url::{Host, Url};

/// Which proxy is for whom.
#[derive(Clone, Default)]
pub(super) struct Proxies {
    http: Option<Rc<Proxy>>,
    https: Option<Rc<Proxy>>,
    /// Hosts that are spoken to without one.
    direct: Vec<Box<str>>,
}

/// One that is spoken to by HTTP.
pub(super) struct Proxy {
    pub url: Url,
    /// What it is told of who asks.
    pub authorization: Option<HeaderValue>,
}

/// Why something is no proxy for this client.
#[derive(Debug)]
pub(super) struct NotAProxy;

impl Proxy {
    fn parse(text: &str) -> Result<Rc<Proxy>, NotAProxy> {
        // `proxy:8080` is usual in the environment.
        let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let mut url = Url::parse(&whole).map_err(|_| NotAProxy)?;
        if url.scheme() != "http" || url.host().is_none() {
            return Err(NotAProxy);
        }
        let authorization = basic(&url);
        let _ = url.set_username("");
        let _ = url.set_password(None);
        Ok(Rc::new(Proxy { url, authorization }))
    }
}

impl Proxies {
    pub fn set_http(&mut self, text: &str) -> Result<(), NotAProxy> {
        self.http = Some(Proxy::parse(text)?);
        Ok(())
    }

    pub fn set_https(&mut self, text: &str) -> Result<(), NotAProxy> {
        self.https = Some(Proxy::parse(text)?);
        Ok(())
    }

    /// Hosts in a row, with commas between them.
    pub fn set_direct(&mut self, hosts: &str) {
        let names = hosts.split([',', ' ']).map(str::trim).filter(|name| !name.is_empty());
        self.direct = names.map(|name| name.to_ascii_lowercase().into()).collect();
    }

    /// What the environment says, which is none of a simulated host's business.
    pub fn of_environment(fate: &Fate) -> Proxies {
        if fate.is_simulated() { Proxies::default() } else { Proxies::read(|name| env::var(name).ok()) }
    }

    /// As curl reads them. `HTTP_PROXY` is not read: a server that runs programs sets it to what a visitor says.
    fn read(variable: impl Fn(&str) -> Option<String>) -> Proxies {
        let first = |names: &[&str]| names.iter().find_map(|name| variable(name).filter(|text| !text.is_empty()));
        let mut proxies = Proxies::default();
        // What is no proxy is passed over: the variable may be meant for others.
        let _ = first(&["http_proxy", "all_proxy", "ALL_PROXY"]).map(|text| proxies.set_http(&text));
        let _ = first(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]).map(|text| proxies.set_https(&text));
        proxies.set_direct(&first(&["no_proxy", "NO_PROXY"]).unwrap_or_default());
        proxies
    }

    /// Through whom a request for this address goes.
    pub fn find(&self, url: &Url) -> Option<&Rc<Proxy>> {
        let proxy = if url.scheme() == "https" { self.https.as_ref() } else { self.http.as_ref() }?;
        (!self.is_direct(url)).then_some(proxy)
    }

    fn is_direct(&self, url: &Url) -> bool {
        let Some(host) = url.host() else { return true };
        let port = url.port_or_known_default();
        self.direct.iter().any(|pattern| matches(pattern, &host, port))
    }
}

/// `*`, a name and all below it, with a leading dot or without, an address; each with a port or without.
fn matches(pattern: &str, host: &Host<&str>, port: Option<u16>) -> bool {
    if pattern == "*" {
        return true;
    }
    let (name, wanted) = split_port(pattern);
    if wanted.is_some() && wanted != port {
        return false;
    }
    let bare = name.trim_start_matches('.');
    match host {
        Host::Domain(domain) => {
            *domain == bare || domain.strip_suffix(bare).is_some_and(|rest| !bare.is_empty() && rest.ends_with('.'))
        }
        Host::Ipv4(address) => bare == address.to_string(),
        Host::Ipv6(address) => bare.trim_matches(['[', ']']) == address.to_string(),
    }
}

fn split_port(pattern: &str) -> (&str, Option<u16>) {
    let is_split = |name: &str| !name.contains(':') || name.ends_with(']');
    match pattern.rsplit_once(':') {
        Some((name, port)) if is_split(name) && port.parse::<u16>().is_ok() => (name, port.parse().ok()),
        _ => (pattern, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<String> {
        let text = match name {
            "http_proxy" => "proxy:3128",
            "HTTP_PROXY" => "http://evil/",
            "ALL_PROXY" => "http://Alice:secret@all:8080/",
            "no_proxy" => "localhost, .example.org,10.0.0.1:81,[::1]",
            _ => return None,
        };
        Some(text.to_owned())
    }

    /// W1: as curl does it.
    #[test]
    fn the_environment_names_a_proxy_for_each_scheme_and_hosts_that_need_none() {
        let proxies = Proxies::read(environment);
        let through = |url: &str| proxies.find(&url.parse().unwrap()).map(|proxy| proxy.url.to_string());
        assert_eq!(through("http://example.com/").as_deref(), Some("http://proxy:3128/"));
        assert_eq!(through("https://example.com/").as_deref(), Some("http://all:8080/"));
        let all = proxies.find(&"https://example.com/".parse().unwrap()).unwrap();
        assert_eq!(all.authorization.as_ref().unwrap(), "Basic QWxpY2U6c2VjcmV0");
        for direct in ["http://localhost/", "http://example.org/", "http://a.example.org/", "http://10.0.0.1:81/"] {
            assert_eq!(through(direct), None, "{direct}");
        }
        assert_eq!(through("http://[::1]:8080/"), None);
        for proxied in ["http://badexample.org/", "http://10.0.0.1/", "http://localhost.example.com/"] {
            assert!(through(proxied).is_some(), "{proxied}");
        }
        assert!(Proxies::read(|name| (name == "HTTP_PROXY").then(|| "http://evil/".into())).http.is_none());
        assert!(Proxies::read(|name| (name == "all_proxy").then(|| "socks5://there/".into())).http.is_none());
    }

    #[test]
    fn a_star_means_that_nobody_needs_one() {
        let mut proxies = Proxies::read(environment);
        proxies.set_direct("*");
        assert!(proxies.find(&"http://example.com/".parse().unwrap()).is_none());
    }
}
