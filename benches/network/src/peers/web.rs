//! A greeting over HTTP/1.1, by hyper: on Fate, and on tokio.

use super::fate::run;
use super::tokio;
use crate::contender::Setting;
use fate::Fate;
use fate_web::{Outgoing, Server};
use http::Response;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;

const GREETING: &[u8] = b"Hello, World!";

pub fn serve_fate(setting: Setting) -> io::Result<()> {
    let fate = Fate::new()?;
    let listener = fate.listen_tcp((Ipv4Addr::LOCALHOST, 0))?;
    setting.announce(listener.local_addr().port())?;
    Server::new().serve(&fate, listener, async |_| Response::new(Outgoing::from(GREETING)));
    run(&fate)
}

/// hyper as it is.
pub fn serve_hyper(setting: Setting) -> io::Result<()> {
    serve_by(setting, http1::Builder::new())
}

/// hyper told to send answers to requests that came together together, which it calls experimental: an answer before a request
/// of which only a part has come then waits for the rest.
pub fn serve_hyper_gathering(setting: Setting) -> io::Result<()> {
    let mut http1 = http1::Builder::new();
    http1.pipeline_flush(true);
    serve_by(setting, http1)
}

fn serve_by(setting: Setting, http1: http1::Builder) -> io::Result<()> {
    tokio::serve_by(setting, |stream| {
        let greet =
            service_fn(async |_| Result::<_, Infallible>::Ok(Response::new(Full::new(Bytes::from_static(GREETING)))));
        ::tokio::spawn(http1.serve_connection(TokioIo::new(stream), greet))
    })
}
