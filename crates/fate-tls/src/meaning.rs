//! What an error of rustls means, in words that tell somebody who knows nothing of it. Its own are the source of ours.

use crate::Phase;
use rustls::{CertificateError, Error};
use std::borrow::Cow;

/// What it means, depending on when it happened.
pub(crate) fn of(error: &Error, phase: Phase) -> Cow<'static, str> {
    match error {
        Error::InvalidCertificate(_) if phase == Phase::Setup => "a certificate that was given cannot be read",
        Error::InvalidCertificate(error) => of_certificate(error),
        Error::NoCertificatesPresented => "no certificate was shown",
        Error::InconsistentKeys(_) => "the key is not that of the certificate",
        Error::NoApplicationProtocol => "there is no protocol that both sides speak",
        Error::PeerIncompatible(_) => "the two sides have too little in common to agree",
        Error::AlertReceived(alert) => return format!("the other side refuses: {alert:?}").into(),
        Error::General(words) if phase == Phase::Setup => {
            return format!("the private key cannot be used: {words}").into();
        }
        Error::General(words) => return words.clone().into(),
        _ if phase == Phase::Setup => return error.to_string().into(),
        _ => "it breaks the rules",
    }
    .into()
}

fn of_certificate(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "the certificate has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the certificate is not valid yet"
        }
        CertificateError::UnknownIssuer => "nobody who is believed vouches for the certificate",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the certificate is for another host"
        }
        _ => "the certificate is not believed",
    }
}
