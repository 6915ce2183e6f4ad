//! N11 on the real network, with a peer that nobody here wrote: OpenSSL's `s_client` and `s_server`, where they are installed. And
//! with roots that nobody here gave: the platform's.

#[path = "../authority/mod.rs"]
mod authority;
mod clients;
mod peer;
mod platform;
mod servers;
