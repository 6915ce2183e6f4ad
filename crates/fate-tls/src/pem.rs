//! Certificates and keys, from the text in which they are kept.

use crate::TlsError;
use rustls::pki_types::pem::{Error, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The certificates in a text: at least one.
pub(crate) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => Err(missing("certificate")),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(TlsError::setup(format!("what was given is no text of certificates: {error}"))),
    }
}

/// The first private key in a text.
pub(crate) fn key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        Error::NoItemsFound if is_sealed(pem) => {
            TlsError::setup("the private key is sealed with a password: give it without")
        }
        Error::NoItemsFound => missing("private key"),
        error => TlsError::setup(format!("what was given is no text of a private key: {error}")),
    })
}

/// Mostly it is the name of a file that was given.
fn missing(what: &str) -> TlsError {
    TlsError::setup(format!("there is no {what} in what was given, which is to be the text of a PEM file"))
}

fn is_sealed(pem: &[u8]) -> bool {
    const MARK: &[u8] = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";
    pem.windows(MARK.len()).any(|window| window == MARK)
}
