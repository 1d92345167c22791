use std::time::Duration;

use bytes::Buf as _;
use http_body::Body;
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout_at};
use tower_intake_core::{BoxError, Phase, TimedOut};

/// So many characters of a body are shown.
const SHOWN: usize = 512;

/// So many bytes hold them, whatever characters they are.
const KEPT: usize = 4 * SHOWN;

/// The body of a failure only tells more: it is waited for no longer than this.
const FAILURE: Duration = Duration::from_secs(1);

/// The begin of `body`, and whether all of it came before `deadline`. What is not shown is not kept.
pub(crate) async fn whole<B>(body: B, deadline: Option<(Instant, Duration)>) -> (String, Result<(), BoxError>)
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let mut kept = Vec::new();
    let ended = match deadline {
        None => read(body, &mut kept, usize::MAX).await,
        Some((end, after)) => timeout_at(end, read(body, &mut kept, usize::MAX))
            .await
            .unwrap_or_else(|_| Err(TimedOut::new(Phase::Deadline, after).into())),
    };
    (shown(&kept), ended)
}

/// The begin of `body`, as far as it comes soon.
pub(crate) async fn begin<B>(body: B) -> String
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let mut kept = Vec::new();
    // its end tells nothing: the answer is a failure already
    let _ = timeout_at(Instant::now() + FAILURE, read(body, &mut kept, KEPT)).await;
    shown(&kept)
}

async fn read<B>(body: B, kept: &mut Vec<u8>, enough: usize) -> Result<(), BoxError>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let mut body = std::pin::pin!(body);
    while kept.len() < enough
        && let Some(frame) = body.frame().await
    {
        if let Ok(mut data) = frame.map_err(Into::into)?.into_data() {
            let more = data.remaining().min(KEPT - kept.len());
            kept.extend_from_slice(&data.copy_to_bytes(more));
        }
    }
    Ok(())
}

fn shown(kept: &[u8]) -> String {
    String::from_utf8_lossy(kept).chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use bytes::Bytes;
    use http_body::Frame;
    use http_body_util::Full;

    use super::*;

    /// Never ends, always has more.
    struct Endless;

    impl Body for Endless {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"0123456789")))))
        }
    }

    /// Never ends, never has anything.
    struct Silent;

    impl Body for Silent {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }
    }

    #[tokio::test]
    async fn an_endless_body_of_a_failure_ends() {
        assert_eq!(begin(Endless).await.len(), SHOWN);
        let start = Instant::now();
        assert_eq!(begin(Silent).await, "");
        assert!(start.elapsed() >= FAILURE);
    }

    #[tokio::test]
    async fn a_deadline_ends_a_body_that_stalls() {
        let after = Duration::from_millis(10);
        let (text, ended) = whole(Silent, Some((Instant::now() + after, after))).await;
        assert_eq!(text, "");
        assert!(ended.unwrap_err().is::<TimedOut>());
    }

    #[tokio::test]
    async fn the_first_characters_are_shown_whole() {
        let text = "\u{1F600}".repeat(600);
        let (shown, ended) = whole(Full::<Bytes>::from(text), None).await;
        assert!(ended.is_ok());
        assert_eq!(shown, "\u{1F600}".repeat(SHOWN));
    }
}
