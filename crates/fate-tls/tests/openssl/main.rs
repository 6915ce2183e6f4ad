//! N11 on the real network, with a peer that nobody here wrote: OpenSSL's `s_client` and `s_server`, where they are installed.

#[path = "../authority/mod.rs"]
mod authority;
mod clients;
mod peer;
mod servers;
