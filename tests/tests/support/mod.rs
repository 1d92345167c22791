//! What the tests that cross crates share.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub, unused_imports)] // each file of tests uses a part of it

mod fake;
mod readiness;
mod shared_buffer;

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;

pub use fake::{Fake, Reply, Seen, after, failure, lost, status, with};
pub use readiness::Ready;
pub use shared_buffer::SharedBuffer;

/// More than anything here takes on a busy machine; only a hang is longer.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub fn request(method: &str, uri: &str) -> Request<Full<Bytes>> {
    Request::builder().method(method).uri(uri).body(Full::from("{\"n\":1}")).unwrap()
}
