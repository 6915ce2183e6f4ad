//! HTTP/2 by the frame: what no proper client says.

use super::scene::say;
use fate::TcpStream;

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 1;
pub const ACK: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// `GET http://a/`, packed.
pub const GET: &[u8] = &[0x82, 0x84, 0x86, 0x41, 1, b'a'];
/// `POST http://a/`, packed.
pub const POST: &[u8] = &[0x83, 0x84, 0x86, 0x41, 1, b'a'];

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The beginning of a connection whose streams have so much of a window.
pub fn beginning(window: u32) -> Vec<u8> {
    let mut words = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    let mut setting = vec![0, 4];
    setting.extend(window.to_be_bytes());
    words.extend(frame(SETTINGS, 0, 0, &setting));
    words
}

pub fn get(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, GET)
}

/// A frame that came.
#[derive(Debug)]
pub struct Seen {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

/// Waits for a frame; nothing at the end.
pub async fn next(stream: &TcpStream) -> fate::Result<Option<Seen>> {
    let mut head = [0; 9];
    if stream.read_exact(&mut head).await.is_err() {
        return Ok(None);
    }
    let [high, middle, low, kind, flags, number @ ..] = head;
    let mut payload = vec![0; u32::from_be_bytes([0, high, middle, low]) as usize];
    stream.read_exact(&mut payload).await?;
    Ok(Some(Seen { kind, flags, stream: u32::from_be_bytes(number), payload }))
}

/// Waits for a frame that is none about the connection; those are answered.
pub async fn attend(stream: &TcpStream) -> fate::Result<Option<Seen>> {
    loop {
        match next(stream).await? {
            Some(Seen { kind: SETTINGS, flags: 0, .. }) => drop(say(stream, frame(SETTINGS, ACK, 0, &[])).await),
            Some(Seen { kind: PING, flags: 0, payload, .. }) => drop(say(stream, frame(PING, ACK, 0, &payload)).await),
            Some(Seen { kind: SETTINGS | PING | WINDOW_UPDATE, .. }) => {}
            seen => return Ok(seen),
        }
    }
}

/// Attends until the other side closes, and gives what was seen meanwhile.
pub async fn attend_all(stream: &TcpStream) -> fate::Result<Vec<Seen>> {
    let mut all = Vec::new();
    while let Some(seen) = attend(stream).await? {
        all.push(seen);
    }
    Ok(all)
}
