//! Certificates and keys, from the text in which they are kept.

use crate::TlsError;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The certificates in a text: at least one.
pub(crate) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => {
            Err(TlsError::setup("there is no certificate in what was given"))
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(TlsError::setup(format!("what was given is no text of certificates: {error}"))),
    }
}

/// The first private key in a text.
pub(crate) fn key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(pem)
        .map_err(|error| TlsError::setup(format!("what was given is no text of a private key: {error}")))
}
