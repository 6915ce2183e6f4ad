//! TLS by hand, for what no well-behaved side does: rustls makes the bytes, and a test decides when they go, in what pieces, and
//! what else goes with them.

use crate::stage::{PORT, Stage};
use fate::TcpStream;
use fate_tls::rustls::crypto::cipher::{MessageEncrypter, OutboundChunks, OutboundPlainMessage};
use fate_tls::rustls::crypto::ring::{cipher_suite::TLS13_AES_128_GCM_SHA256, default_provider};
use fate_tls::rustls::pki_types::{CertificateDer, pem::PemObject};
use fate_tls::rustls::version::TLS13;
use fate_tls::rustls::{
    ClientConfig, ClientConnection, ConnectionTrafficSecrets, ContentType, ProtocolVersion, RootCertStore,
};
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use std::cell::OnceCell;
use std::io::{self, Read, Write};
use std::rc::Rc;
use std::sync::Arc;

/// A client.
pub struct Hand {
    pub stream: TcpStream,
    pub tls: ClientConnection,
}

impl Hand {
    pub fn new(config: Arc<ClientConfig>, stream: TcpStream) -> Hand {
        Hand { stream, tls: ClientConnection::new(config, "server".try_into().unwrap()).unwrap() }
    }

    /// What it has to say next.
    pub fn words(&mut self) -> Vec<u8> {
        let mut wire = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut wire).unwrap();
        }
        wire
    }

    /// Says it.
    pub async fn say(&mut self) -> io::Result<()> {
        let words = self.words();
        self.stream.write_all(&words).await
    }

    /// Hears what comes next. Says whether that was not the end.
    pub async fn hear(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        let count = self.stream.read(&mut buffer).await?;
        let mut wire = &buffer[..count];
        while !wire.is_empty() {
            self.tls.read_tls(&mut wire)?;
            self.tls.process_new_packets().map_err(io::Error::other)?;
        }
        Ok(count > 0)
    }

    /// Has the two sides agree.
    pub async fn agree(&mut self) -> io::Result<()> {
        while self.tls.is_handshaking() {
            self.say().await?;
            assert!(self.hear().await?, "the other side goes on");
        }
        self.say().await
    }

    /// Says this in secret.
    pub async fn tell(&mut self, words: &[u8]) -> io::Result<()> {
        self.tls.writer().write_all(words)?;
        self.say().await
    }

    /// Hears as many bytes in secret.
    pub async fn be_told(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut told = vec![0; count];
        let mut filled = 0;
        while filled < count {
            match self.tls.reader().read(&mut told[filled..]) {
                Ok(count) => filled += count,
                Err(_) => assert!(self.hear().await?, "there is more"),
            }
        }
        Ok(told)
    }

    /// From here on it forges, and hears nothing.
    pub fn forge(self) -> Forger {
        let secrets = self.tls.dangerous_extract_secrets().unwrap();
        let (number, ConnectionTrafficSecrets::Aes128Gcm { key, iv }) = secrets.tx else { panic!("another cipher") };
        let suite = TLS13_AES_128_GCM_SHA256.tls13().unwrap();
        Forger { stream: self.stream, encrypter: suite.aead_alg.encrypter(key, iv), number }
    }
}

/// Of ciphers it knows only the one for which [`Forger`] can forge.
pub fn config(stage: &Stage) -> Arc<ClientConfig> {
    let mut provider = default_provider();
    provider.cipher_suites.retain(|suite| *suite == TLS13_AES_128_GCM_SHA256);
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(stage.authority.pem.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(provider.into()).with_protocol_versions(&[&TLS13]).unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.enable_secret_extraction = true;
    config.into()
}

/// Who has agreed, and sends whatever it likes under the keys that were agreed on.
pub struct Forger {
    pub stream: TcpStream,
    encrypter: Box<dyn MessageEncrypter>,
    number: u64,
}

impl Forger {
    /// A record that the other side decrypts.
    pub fn record(&mut self, kind: ContentType, words: &[u8]) -> Vec<u8> {
        let payload = OutboundChunks::Single(words);
        let message = OutboundPlainMessage { typ: kind, version: ProtocolVersion::TLSv1_3, payload };
        let record = self.encrypter.encrypt(message, self.number).unwrap().encode();
        self.number += 1;
        record
    }

    pub async fn send(&mut self, kind: ContentType, words: &[u8]) -> io::Result<()> {
        let record = self.record(kind, words);
        self.stream.write_all(&record).await
    }
}

/// What became of the two: nothing of one that has not come to its end.
type Outcome<S, C> = Rc<(OnceCell<S>, OnceCell<C>)>;

/// A meeting of a server with one who speaks by hand, once they have agreed.
pub fn meet_by_hand<S: 'static, C: 'static>(
    stage: &mut Stage,
    there: impl AsyncFnOnce(TcpStream) -> S + 'static,
    here: impl AsyncFnOnce(Hand) -> C + 'static,
) -> (S, C) {
    let (listener, server, config) = (stage.listen(), stage.server(), config(stage));
    let outcome = Outcome::default();
    let seen = outcome.clone();
    stage.there.spawn(async move {
        let (stream, _) = server.accept(&listener).await.unwrap();
        assert!(seen.0.set(there(stream).await).is_ok());
    });
    let (fate, seen) = (stage.here.clone(), outcome.clone());
    stage.here.spawn(async move {
        let mut hand = Hand::new(config, fate.connect_tcp(PORT).await.unwrap());
        hand.agree().await.unwrap();
        assert!(seen.1.set(here(hand).await).is_ok());
    });
    stage.sim.run().unwrap();
    let (there, here) = Rc::into_inner(outcome).expect("both have ended");
    (there.into_inner().unwrap(), here.into_inner().unwrap())
}
