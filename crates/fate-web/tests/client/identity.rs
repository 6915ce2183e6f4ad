//! Who vouches for himself.

use fate_tls::{TlsClient, TlsServer};

/// Somebody with a certificate, of whom everybody may know.
pub struct Identity {
    pub certificate: String,
    pub key: String,
}

/// For a host of this name and in these years.
pub fn identity(host: &str, years: [i32; 2]) -> Identity {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new([host.to_owned()]).unwrap();
    let [from, to] = years.map(|year| rcgen::date_time_ymd(year, 1, 1));
    (params.not_before, params.not_after) = (from, to);
    Identity { certificate: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
}

impl Identity {
    pub fn good() -> Identity {
        identity("server", [1975, 4096])
    }

    pub fn server(&self, alpn: &[&str]) -> TlsServer {
        TlsServer::new(&self.certificate, &self.key).unwrap().with_alpn(alpn)
    }

    pub fn client(&self) -> TlsClient {
        TlsClient::builder().only_roots(&self.certificate).build().unwrap()
    }
}
