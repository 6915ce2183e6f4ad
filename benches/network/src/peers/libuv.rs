//! libuv: its echo is in `libuv.c`; this is the door to it.

#![allow(unsafe_code, reason = "libuv is a C library")]

use crate::contender::Setting;
use std::io;
use std::os::fd::IntoRawFd;

// SAFETY: this is the signature in `libuv.c`; whatever the number is, libuv refuses it with an error if it cannot listen.
unsafe extern "C" {
    safe fn bench_echo(descriptor: libc::c_int);
}

pub fn serve(setting: Setting) -> io::Result<()> {
    let listener = setting.listen()?;
    listener.set_nonblocking(true)?;
    bench_echo(listener.into_raw_fd());
    Ok(())
}
