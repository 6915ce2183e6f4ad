//! HTTP/2 by the byte (RFC 9113), for servers that say what none should.

use crate::rig::Line;

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RESET: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const GO_AWAY: u8 = 7;
pub const WINDOW: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// `:status: 200`, packed.
pub const OK: &[u8] = &[0x88];

/// A frame that came.
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
}

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

impl Line {
    /// Greets a client that speaks HTTP/2.
    pub async fn begin_two(&mut self) -> fate::Result {
        let mut preface = [0; 24];
        self.stream.read_exact(&mut preface).await?;
        self.say(frame(SETTINGS, 0, 0, &[])).await
    }

    /// The next frame.
    pub async fn hear_frame(&mut self) -> fate::Result<Frame> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        self.stream.read_exact(&mut vec![0; length]).await?;
        let frame =
            Frame { kind: head[3], flags: head[4], stream: u32::from_be_bytes([head[5], head[6], head[7], head[8]]) };
        if frame.kind == SETTINGS && frame.flags == 0 {
            self.say(self::frame(SETTINGS, 1, 0, &[])).await?;
        }
        Ok(frame)
    }

    /// The stream of the next request.
    pub async fn hear_two(&mut self) -> fate::Result<u32> {
        loop {
            let frame = self.hear_frame().await?;
            if frame.kind == HEADERS {
                return Ok(frame.stream);
            }
        }
    }

    /// Hears a body to its end.
    pub async fn hear_end(&mut self) -> fate::Result {
        loop {
            let frame = self.hear_frame().await?;
            if frame.kind == DATA && frame.flags & END_STREAM != 0 {
                return Ok(());
            }
        }
    }
}
