//! Who is believed to vouch for others.

use crate::{TlsError, pem};
use rustls::RootCertStore;
use std::sync::Arc;

/// Whom to believe.
#[derive(Clone, Default)]
pub(crate) struct Roots {
    /// Texts of certificates.
    given: Vec<Vec<u8>>,
    /// Whether these alone.
    is_exclusive: bool,
}

impl Roots {
    pub fn add(&mut self, pem: &[u8]) {
        self.given.push(pem.to_vec());
    }

    /// Nobody whom the platform believes.
    pub fn leave_platform(&mut self) {
        self.is_exclusive = true;
    }

    /// Reads them. Blocks on the platform's, which are files.
    pub fn read(&self) -> Result<Arc<RootCertStore>, TlsError> {
        let mut store = RootCertStore::empty();
        for pem in &self.given {
            for certificate in pem::certificates(pem)? {
                store.add(certificate).map_err(TlsError::setup)?;
            }
        }
        if !self.is_exclusive {
            add_platform(&mut store)?;
        }
        Ok(Arc::new(store))
    }
}

/// Some of a platform's roots are odd, and are not taken; it is an error if none is left.
fn add_platform(store: &mut RootCertStore) -> Result<(), TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let (taken, _odd) = store.add_parsable_certificates(found.certs);
    if taken > 0 {
        return Ok(());
    }
    let why = found.errors.first().map_or_else(String::new, |error| format!(" ({error})"));
    Err(TlsError::setup(format!("the platform has no roots{why}: install them, or give others")))
}
