//! A body by script.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use tokio::time::Sleep;
use tower_intake_core::BoxError;

pub enum Do {
    Send(&'static str),
    Trailers,
    Sleep(Duration),
    Fail,
    Hang,
}

#[derive(Default)]
pub struct Script {
    steps: VecDeque<Do>,
    sleep: Option<Pin<Box<Sleep>>>,
}

pub fn script(steps: impl IntoIterator<Item = Do>) -> Script {
    Script { steps: steps.into_iter().collect(), sleep: None }
}

impl http_body::Body for Script {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            if let Some(sleep) = &mut self.sleep {
                ready!(sleep.as_mut().poll(cx));
                self.sleep = None;
            }
            return Poll::Ready(match self.steps.pop_front() {
                Some(Do::Send(data)) => Some(Ok(Frame::data(data.into()))),
                Some(Do::Trailers) => {
                    let trailers = [("x-t".parse().unwrap(), "1".parse().unwrap())];
                    Some(Ok(Frame::trailers(HeaderMap::from_iter(trailers))))
                }
                Some(Do::Sleep(time)) => {
                    self.sleep = Some(Box::pin(tokio::time::sleep(time)));
                    continue;
                }
                Some(Do::Fail) => Some(Err(super::reset())),
                Some(Do::Hang) => {
                    self.steps.push_front(Do::Hang);
                    return Poll::Pending;
                }
                None => None,
            });
        }
    }

    fn is_end_stream(&self) -> bool {
        self.steps.is_empty() && self.sleep.is_none()
    }
}
