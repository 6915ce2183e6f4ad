//! What the kernel does with a quiet send. A machine without io_uring has nothing to say about it.

use super::*;
use io_uring::types::Timespec;
use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_send_buffer_size};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

const OTHER: u64 = 7;

/// A connection with small buffers: one end for the io_uring, one for a peer.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    set_socket_recv_buffer_size(&listener, 4096).unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    set_socket_send_buffer_size(&near, 4096).unwrap();
    (near, listener.accept().unwrap().0)
}

/// Submits one send, waits for `want` completions, and tells all that have come: user data and result.
fn submit(ring: &mut IoUring, near: &TcpStream, bytes: &[u8], sends: Sends, want: usize) -> Vec<(u64, i32)> {
    let send = send(near.as_raw_fd(), bytes.as_ptr(), bytes.len() as u32, sends);
    // SAFETY: V1; the tests hold `bytes` until the io_uring is gone.
    unsafe { ring.submission().push(&send) }.unwrap();
    assert!(ring.submit_and_wait(want).unwrap() > 0);
    ring.completion().map(|entry| (entry.user_data(), entry.result())).collect()
}

/// Something else that will complete, later.
fn wait_for(ring: &mut IoUring, moment: &Timespec) {
    let timeout = opcode::Timeout::new(moment).build().user_data(OTHER);
    // SAFETY: the kernel has read the time when `enter` returns, and the callers hold it until then.
    unsafe { ring.submission().push(&timeout) }.unwrap();
}

#[test]
fn a_quiet_send_in_full_posts_nothing_and_does_not_end_the_wait() {
    let Ok(mut ring) = open() else { return };
    let (near, mut far) = pair();
    let moment = Timespec::new().nsec(1_000_000);
    wait_for(&mut ring, &moment);
    assert_eq!(submit(&mut ring, &near, &[1; 64], Sends::Quietly, 1), [(OTHER, -libc::ETIME)]);
    far.read_exact(&mut [0; 64]).unwrap();
}

#[test]
fn a_send_aloud_ends_the_wait_by_itself() {
    let Ok(mut ring) = open() else { return };
    let (near, _far) = pair();
    let moment = Timespec::new().sec(3600);
    wait_for(&mut ring, &moment);
    assert_eq!(submit(&mut ring, &near, &[1; 64], Sends::Aloud, 1), [(0, 64)]);
}

#[test]
fn a_quiet_send_to_a_peer_that_does_not_read_says_how_much_was_sent_and_at_last_that_nothing_was() {
    let Ok(mut ring) = open() else { return };
    let (near, mut far) = pair();
    let bytes = vec![1; 8 << 20];
    let mut sent = Vec::new();
    // More than once: what the first has filled may be on its way when the second comes. Hence V2.
    while !sent.ends_with(&[-libc::EAGAIN]) {
        let [(0, result)] = submit(&mut ring, &near, &bytes, Sends::Quietly, 0)[..] else { panic!("one completion") };
        assert!((result as usize) < bytes.len() || result == -libc::EAGAIN, "{result}");
        sent.push(result);
    }
    assert!(sent.len() > 1 && sent[0] > 0, "{sent:?}");
    near.shutdown(Shutdown::Write).unwrap();
    let arrived = far.read_to_end(&mut Vec::new()).unwrap();
    assert_eq!(arrived, sent.iter().filter(|sent| **sent > 0).map(|sent| *sent as usize).sum());
}

#[test]
fn a_quiet_send_to_a_peer_that_is_gone_says_so() {
    let Ok(mut ring) = open() else { return };
    let (mut near, far) = pair();
    // Unread bytes make the peer's closing a reset, which the first receive here reports and takes away.
    near.write_all(&[1]).unwrap();
    drop(far);
    assert!(near.read(&mut [0]).is_err());
    assert_eq!(submit(&mut ring, &near, &[1; 64], Sends::Quietly, 0), [(0, -libc::EPIPE)]);
}
