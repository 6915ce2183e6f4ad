//! Somebody who vouches for others, for as long as a test takes.

#![allow(dead_code, reason = "each test uses the part that it needs")]

use rcgen::{
    BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PKCS_ED25519, SignatureAlgorithm, date_time_ymd,
};
use std::ops::Range;

/// An authority: a certificate by which it is known, and the means to vouch for others.
pub struct Authority {
    pub pem: String,
    keys: &'static SignatureAlgorithm,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, as PEM.
#[derive(Clone)]
pub struct Identity {
    pub chain: String,
    pub key: String,
}

impl Authority {
    /// With keys whose signatures are always of one length, so that a history is the same each time.
    pub fn new(name: &str) -> Authority {
        Authority::with_keys(name, &PKCS_ED25519)
    }

    /// With keys of a certain kind.
    pub fn with_keys(name: &str, keys: &'static SignatureAlgorithm) -> Authority {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate_for(keys).unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Authority { pem, keys, issuer: Issuer::new(params, key) }
    }

    /// A certificate for these hosts.
    pub fn vouch(&self, names: &[&str]) -> Identity {
        self.sign(params(names))
    }

    /// One that is good from the beginning of one year to that of another.
    pub fn vouch_in(&self, years: Range<i32>, names: &[&str]) -> Identity {
        let mut params = params(names);
        (params.not_before, params.not_after) = (date_time_ymd(years.start, 1, 1), date_time_ymd(years.end, 1, 1));
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> Identity {
        let key = KeyPair::generate_for(self.keys).unwrap();
        let chain = params.signed_by(&key, &self.issuer).unwrap().pem();
        Identity { chain, key: key.serialize_pem() }
    }
}

/// A certificate that vouches for itself.
pub fn self_signed(names: &[&str]) -> Identity {
    let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let chain = params(names).self_signed(&key).unwrap().pem();
    Identity { chain, key: key.serialize_pem() }
}

fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
    CertificateParams::new(names).unwrap()
}
