//! Settings for a client.

use super::Client;
use super::error::{Kind, WebError};
use super::jar::Jar;
use super::phase::Phase;
use super::proxies::Proxies;
use super::settings::{Settings, Versions};
use fate::Fate;
use fate_tls::TlsClient;
use http::{HeaderName, HeaderValue};
use std::time::Duration;

/// Settings for a [`Client`] that differs from what [`Client::new`] gives. Made by [`Client::builder`].
///
/// | deadline | from, to | unless told otherwise |
/// |---|---|---|
/// | [`total`](ClientBuilder::total) | from asking to the end of the body | 5 minutes |
/// | [`connect`](ClientBuilder::connect) | looking up, connecting, asking a proxy | 10 seconds |
/// | [`tls`](ClientBuilder::tls_deadline) | agreeing on encryption | 10 seconds |
/// | [`header`](ClientBuilder::header) | from the last of the request that was taken to the header of the response | 30 seconds |
/// | [`idle`](ClientBuilder::idle) | silence in the midst of the body, while it is waited for | 30 seconds |
///
/// `Duration::MAX` means never.
///
/// ```
/// use fate::sim::Sim;
/// use fate_web::{Client, Deadline, WebError};
/// use std::time::Duration;
///
/// let mut sim = Sim::new(1);
/// let (server, fate) = (sim.host("server"), sim.host("here"));
/// let listener = server.listen_tcp("0.0.0.0:80")?; // and nobody ever accepts
/// let client = Client::builder().header(Duration::from_secs(3)).build(&fate);
/// client.get("http://server/").send().add_both(|response| {
///     let failure = response.unwrap_err();
///     assert_eq!(failure.check::<WebError>().unwrap().deadline(), Some(Deadline::Header));
/// });
/// sim.run()?;
/// assert_eq!(sim.elapsed().as_secs(), 3 + 2); // and two in which the connection is closed in peace
/// # Ok::<(), fate::Failure>(())
/// ```
#[must_use = "settings do nothing by themselves"]
pub struct ClientBuilder {
    settings: Settings,
    proxies: Option<Proxies>,
    keeps_cookies: bool,
    /// The first thing that made no sense.
    mistake: Option<WebError>,
}

impl ClientBuilder {
    pub(super) fn new() -> ClientBuilder {
        ClientBuilder { settings: Settings::default(), proxies: None, keeps_cookies: false, mistake: None }
    }

    /// How long everything may take together, redirects and the body included.
    pub fn total(mut self, limit: Duration) -> ClientBuilder {
        self.settings.total = finite(limit);
        self
    }

    /// How long a name may take to be looked up, a connection to be made, and a proxy to pass it on.
    pub fn connect(mut self, limit: Duration) -> ClientBuilder {
        self.settings.connect = finite(limit);
        self
    }

    /// How long the two sides may take to agree on encryption.
    pub fn tls_deadline(mut self, limit: Duration) -> ClientBuilder {
        self.settings.tls_limit = finite(limit);
        self
    }

    /// How long the header of the response may take, once the request is sent; and how long the other side may take
    /// nothing of it meanwhile. Time in which the program has no more of the body to send does not count.
    pub fn header(mut self, limit: Duration) -> ClientBuilder {
        self.settings.header = finite(limit);
        self
    }

    /// How long nothing may come in the midst of the body, while somebody waits for it. Time in which nobody does
    /// counts for nothing but the [total](ClientBuilder::total).
    pub fn idle(mut self, limit: Duration) -> ClientBuilder {
        self.settings.idle = finite(limit);
        self
    }

    /// How many connections to a host may be open at once: six unless told otherwise. Requests beyond that wait for
    /// their turn, first come, first served. To a host that speaks HTTP/2 there is one, for all requests.
    pub fn connections_per_host(mut self, most: usize) -> ClientBuilder {
        self.settings.connections_per_host = most.max(1);
        self
    }

    /// How long a connection that nobody uses is kept: 90 seconds unless told otherwise, and zero for not at all. One
    /// that is older is closed when the client is next used. It never keeps a program going.
    pub fn keep_idle(mut self, limit: Duration) -> ClientBuilder {
        self.settings.keep_idle = limit;
        self
    }

    /// How many connections that nobody uses are kept, to all hosts together: 100 unless told otherwise. Of more, those
    /// are closed first that were not used for longest. All of them are closed when there is no descriptor left for a
    /// connection that is needed, and when a shutdown begins.
    pub fn most_idle(mut self, most: usize) -> ClientBuilder {
        self.settings.most_idle = most;
        self
    }

    /// How often a request may be sent elsewhere: ten times unless told otherwise. With zero, redirects are responses
    /// like others.
    pub fn redirects(mut self, most: usize) -> ClientBuilder {
        self.settings.redirects = most;
        self
    }

    /// Lets a redirect lead from `https` to `http`, where everybody on the way can read along.
    pub fn allow_downgrade(mut self) -> ClientBuilder {
        self.settings.allows_downgrade = true;
        self
    }

    /// How many bytes of body are kept when all of it is asked for ([`Response::bytes`](crate::Response::bytes),
    /// [`get_page`](crate::get_page)): 64 MiB unless told otherwise.
    pub fn page_limit(mut self, bytes: usize) -> ClientBuilder {
        self.settings.page_limit = bytes;
        self
    }

    /// How many bytes a body may be once it is unpacked, also if nobody keeps it: 1 GiB unless told otherwise.
    pub fn unpacked_limit(mut self, bytes: u64) -> ClientBuilder {
        self.settings.unpacked_limit = bytes;
        self
    }

    /// Leaves bodies as they come, packed or not, and asks for none that are packed.
    pub fn leave_packed(mut self) -> ClientBuilder {
        self.settings.unpacks = false;
        self
    }

    /// A header of every request that has not one of this name itself. What is none is told with the first request.
    pub fn header_of_all(mut self, name: &str, value: &str) -> ClientBuilder {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(value)) => drop(self.settings.headers.insert(name, value)),
            _ => self.note(name, "no header is like that"),
        }
        self
    }

    /// Keeps cookies, and sends them back (RFC 6265). They are kept in memory, for this client alone: fifty of a domain
    /// and 3000 of all at most. Then those go first that were of no use for longest: of that domain, or of the site that
    /// has most of all.
    ///
    /// There is no list of public suffixes: a server may set cookies for all of the domain above it, unless that is of
    /// one label, such as `org`; and what two hosts have in common in the last two labels of their names is a site.
    /// Cookies whose names begin with `__Host-` or `__Secure-` are kept only if they are set as that promises.
    pub fn cookies(mut self) -> ClientBuilder {
        self.keeps_cookies = true;
        self
    }

    /// Sends everything through this proxy, `http://host:port`, with a name and a password if it wants them: to `http`
    /// as it is, and to `https` by `CONNECT`, so that the proxy cannot read along. What the environment says is not
    /// heard.
    pub fn proxy(mut self, url: &str) -> ClientBuilder {
        let proxies = self.proxies.get_or_insert_default();
        if proxies.set_http(url).and_then(|()| proxies.set_https(url)).is_err() {
            self.note("the proxy", "not an address of a proxy that is spoken to by http");
        }
        self
    }

    /// Hosts that are spoken to without the proxy, with commas between them: `localhost,.example.org`.
    pub fn no_proxy_for(mut self, hosts: &str) -> ClientBuilder {
        self.proxies.get_or_insert_default().set_direct(hosts);
        self
    }

    /// Uses no proxy, whatever the environment says. Unless this or [`proxy`](ClientBuilder::proxy) was called,
    /// `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` are heard; in a simulation they are not.
    pub fn no_proxy(mut self) -> ClientBuilder {
        self.proxies = Some(Proxies::default());
        self
    }

    /// Whom to believe and who to be, for `https`. What it offers by ALPN and how long it may take are for this client
    /// to say.
    pub fn tls(mut self, tls: TlsClient) -> ClientBuilder {
        self.settings.tls = Some(tls);
        self
    }

    /// Speaks HTTP/1.1 with everybody.
    pub fn http1_only(mut self) -> ClientBuilder {
        self.settings.versions = Versions::One;
        self
    }

    /// Speaks HTTP/2 with everybody, also without encryption, where the two sides cannot agree on it beforehand (`h2c`
    /// by prior knowledge). Over TLS they can: who does not agree to it is not spoken to, and the error [is of
    /// TLS](crate::WebError::is_tls).
    pub fn http2_only(mut self) -> ClientBuilder {
        self.settings.versions = Versions::Two;
        self
    }

    /// The client.
    pub fn build(mut self, fate: &Fate) -> Client {
        self.settings.proxies = self.proxies.unwrap_or_else(|| Proxies::of_environment(fate));
        Client::of(fate, self.settings, self.keeps_cookies.then(Jar::default), self.mistake)
    }

    fn note(&mut self, place: &str, words: &'static str) {
        self.mistake.get_or_insert_with(|| WebError::of_place(Kind::Unfit(words), Phase::Address, place));
    }
}

fn finite(limit: Duration) -> Option<Duration> {
    (limit != Duration::MAX).then_some(limit)
}

impl std::fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientBuilder").finish_non_exhaustive()
    }
}
