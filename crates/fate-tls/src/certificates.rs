//! The certificates of a server, and which of them a client is shown.

use crate::{TlsError, pem};
use rustls::SignatureScheme;
use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::sync::Arc;

/// Certificates with their keys. The first is shown to whoever asks for nobody, or for somebody who is not here.
#[derive(Debug, Default)]
pub(crate) struct Certificates(Vec<Arc<CertifiedKey>>);

impl Certificates {
    /// Adds one, with those that vouch for it, and its key.
    pub fn add(&mut self, chain: &[u8], key: &[u8], provider: &CryptoProvider) -> Result<(), TlsError> {
        let certified = CertifiedKey::from_der(pem::certificates(chain)?, pem::key(key)?, provider);
        self.0.push(Arc::new(certified.map_err(TlsError::setup)?));
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let usable = || self.0.iter().filter(|one| can_sign(one, hello.signature_schemes()));
        let name = hello.server_name().filter(|_| self.0.len() > 1);
        let name = name.and_then(|name| ServerName::try_from(name).ok());
        let shown = name.and_then(|name| usable().find(|one| is_for(one, &name))).or_else(|| usable().next());
        // If none is usable, any will do: that the two have too little in common is then said in those words.
        shown.or(self.0.first()).cloned()
    }
}

fn can_sign(one: &CertifiedKey, schemes: &[SignatureScheme]) -> bool {
    one.key.choose_scheme(schemes).is_some()
}

fn is_for(one: &CertifiedKey, name: &ServerName<'_>) -> bool {
    let parsed = one.end_entity_cert().and_then(ParsedCertificate::try_from);
    parsed.is_ok_and(|certificate| verify_server_name(&certificate, name).is_ok())
}
