//! What all handles of one client have in common.

use super::error::{Kind, WebError};
use super::jar::Jar;
use super::phase::Phase;
use super::pool::Pool;
use super::settings::{Settings, Versions};
use fate::Fate;
use fate_tls::TlsClient;
use std::cell::OnceCell;
use std::rc::Rc;
use std::time::Duration;
use url::Url;

/// What all handles of one client have in common. Holds no [`Fate`].
pub(super) struct Shared {
    pub settings: Settings,
    pub pool: Rc<Pool>,
    pub jar: Option<Jar>,
    tls: OnceCell<TlsClient>,
}

impl Shared {
    pub fn new(fate: &Fate, settings: Settings, jar: Option<Jar>) -> Rc<Shared> {
        let pool = Pool::new(fate, &settings);
        Rc::new(Shared { settings, pool, jar, tls: OnceCell::new() })
    }

    /// Whom to believe, and what to offer. The platform's roots are read when they are first needed.
    pub fn tls(&self, url: &Url) -> Result<TlsClient, WebError> {
        if let Some(tls) = self.tls.get() {
            return Ok(tls.clone());
        }
        let given = match &self.settings.tls {
            Some(tls) => tls.clone(),
            None => TlsClient::new().map_err(|error| WebError::new(Kind::Failed, Phase::Tls, url).because(error))?,
        };
        let offered: &[&str] = match self.settings.versions {
            Versions::Either => &["h2", "http/1.1"],
            Versions::One => &["http/1.1"],
            Versions::Two => &["h2"],
        };
        // The deadline is this client's, and told as that.
        let tls = given.with_alpn(offered).with_handshake_deadline(Duration::MAX);
        Ok(self.tls.get_or_init(|| tls).clone())
    }
}
