//! Header frames without end.

use bytes::{BufMut, Bytes, BytesMut};

/// Bytes of header block in one frame.
const FRAME: usize = 16 << 10;
/// The head of a `200` that never comes to its END_HEADERS: a HEADERS frame, and the CONTINUATION frame that follows
/// it again and again.
pub(super) fn continuations(stream: u32) -> (Bytes, Bytes) {
    // HPACK (RFC 7541 §6.2.2): a literal without indexing, with a new name.
    let mut line = BytesMut::new();
    for text in ["x-filler", "filler"] {
        if line.is_empty() {
            line.put_u8(0);
        }
        line.put_u8(u8::try_from(text.len()).unwrap_or(0));
        line.put_slice(text.as_bytes());
    }
    let block = line.repeat(FRAME / line.len());
    // HEADERS; `:status: 200` is entry 8 of the static table.
    (frame(1, stream, &[0x88]), frame(9, stream, &block))
}

fn frame(kind: u8, stream: u32, payload: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(9 + payload.len());
    out.put_uint(payload.len() as u64, 3);
    out.put_u8(kind);
    out.put_u8(0); // no flag: neither END_HEADERS nor END_STREAM
    out.put_u32(stream);
    out.put_slice(payload);
    out.freeze()
}
