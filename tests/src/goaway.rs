//! A GOAWAY frame of HTTP/2, to the byte.

use bytes::{BufMut, Bytes, BytesMut};

/// What a GOAWAY frame says (RFC 9113 §6.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct GoAway {
    code: u32,
    below: bool,
}

impl GoAway {
    /// GOAWAY(NO_ERROR) whose last stream id lies below the request: the proof that it was not processed.
    pub fn unprocessed() -> Self {
        Self { code: 0, below: true }
    }

    /// GOAWAY(NO_ERROR) whose last stream id includes the request, which then never gets an answer: it may have
    /// been processed.
    pub fn perhaps_processed() -> Self {
        Self { code: 0, below: false }
    }

    /// Another error code (RFC 9113 §7).
    pub fn code(mut self, code: u32) -> Self {
        self.code = code;
        self
    }

    pub(crate) fn frame(self, stream: u32) -> Bytes {
        let last = if self.below { stream.saturating_sub(2) } else { stream };
        let mut frame = BytesMut::with_capacity(17);
        frame.put_uint(8, 3); // length
        frame.put_u8(7); // GOAWAY
        frame.put_u8(0); // flags
        frame.put_u32(0); // the connection's stream
        frame.put_u32(last);
        frame.put_u32(self.code);
        frame.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_to_the_byte() {
        let frame = GoAway::unprocessed().frame(5);
        assert_eq!(&frame[..], [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0]);
        assert_eq!(GoAway::unprocessed().frame(1)[12], 0);
        assert_eq!(GoAway::perhaps_processed().code(11).frame(1)[12..], [1, 0, 0, 0, 11]);
    }
}
