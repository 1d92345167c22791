//! One accepted connection, up to the point where its protocol takes over.

use std::sync::Arc;

use tokio::net::TcpStream;

use crate::builder::Settings;
use crate::h1::{self, Link};
use crate::h2c;
use crate::journal::Journal;
use crate::moment::Moment;
use crate::shared::Shared;

/// Counts the connection as open while it lives.
struct Open<'a>(&'a Journal);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.disconnected();
    }
}

pub(crate) async fn serve(stream: TcpStream, id: u64, settings: Settings, shared: Arc<Shared>) {
    let _open = Open(&shared.journal);
    // Small writes are the tests' subject: none waits for another.
    let _ = stream.set_nodelay(true);
    let link = Link::new(stream);
    if let Some(answer) = shared.script().answer_connection(id, Moment::Accepted) {
        return h1::play_unasked(link, &answer).await;
    }
    if !link.first_byte().await {
        return;
    }
    if let Some(answer) = shared.script().answer_connection(id, Moment::FirstByte) {
        return h1::play_unasked(link, &answer).await;
    }
    if settings.http2 {
        h2c::serve(link.into_stream(), id, settings, &shared).await;
    } else {
        h1::serve(link, id, &shared).await;
    }
}
