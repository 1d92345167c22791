//! One batch, from its first attempt to its end.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Request, StatusCode, Uri};
use http_body::Body;
use http_body_util::{BodyExt as _, Full};
use tokio::sync::watch;
use tower::ServiceExt as _;
use tower_intake::stack::BoxedStandard;
use tower_intake_core::{
    BoxError, Classify as _, Outcome, Permanent, Redact, Refused, Replay, Reply, SendState, StatusTable,
    Stopped, error,
};

use crate::batch::Batch;

/// The stack around a client.
pub(crate) type Service = BoxedStandard<Full<Bytes>>;

/// Of what the server says when it refuses a batch, so much is read, and so many characters are kept.
const SAID_BYTES: usize = 4096;
const SAID_CHARS: usize = 200;

/// How batches are sent.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    pub(crate) service: Service,
    pub(crate) uri: Uri,
    pub(crate) key_header: HeaderName,
    pub(crate) id_header: HeaderName,
    pub(crate) table: StatusTable,
    /// Becomes true when the time is up.
    pub(crate) time_is_up: watch::Receiver<bool>,
}

/// What became of a batch.
#[derive(Debug)]
pub(crate) enum Ending {
    /// The server has acknowledged it.
    Delivered,
    GivenUp(GivenUp),
}

/// Why a batch was not delivered.
#[derive(Debug)]
pub(crate) struct GivenUp {
    pub(crate) reason: String,
    pub(crate) attempts: u32,
    pub(crate) status: Option<u16>,
    pub(crate) stopped: Option<Stopped>,
}

impl GivenUp {
    pub(crate) fn because(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), attempts: 0, status: None, stopped: None }
    }
}

impl Sender {
    /// Sends a batch until it is delivered, or given up.
    pub(crate) async fn send(mut self, batch: Batch) -> Ending {
        if *self.time_is_up.borrow() {
            return Ending::GivenUp(GivenUp::because("interrupted before it was sent"));
        }
        let request = match self.request(&batch) {
            Ok(request) => request,
            Err(error) => {
                return Ending::GivenUp(GivenUp::because(format!("no request can be made of it: {error}")));
            }
        };
        let Self { service, table, .. } = self;
        tokio::select! {
            // an answer that has come counts, though the time be up
            biased;
            ending = call(service, request, table) => ending,
            _ = self.time_is_up.wait_for(|up| *up) => Ending::GivenUp(GivenUp::because(
                "interrupted while it was in flight: it may have arrived; sent again under its batch id it does no harm",
            )),
        }
    }

    fn request(&self, batch: &Batch) -> Result<Request<Full<Bytes>>, http::Error> {
        // the id stands for the batch wherever it is met: at the server, in the audit trail, among the dead letters
        let id = HeaderValue::from_maybe_shared(batch.id.clone())?;
        Request::post(self.uri.clone())
            .header(CONTENT_TYPE, "application/x-ndjson")
            .header(&self.key_header, id.clone())
            .header(&self.id_header, id)
            // by the key the server knows a batch that it has seen, so sending it twice does what once does
            .extension(Replay::Safe)
            .body(Full::new(batch.body.clone()))
    }
}

async fn call(service: Service, request: Request<Full<Bytes>>, table: StatusTable) -> Ending {
    let reply = service.oneshot(request).await;
    let report = Reply::of(&reply).report().copied();
    let outcome = table.classify(Reply::of(&reply));
    let stopped = report.and_then(|report| report.stopped);
    Ending::GivenUp(match reply {
        Ok(_) if outcome == Outcome::Success => return Ending::Delivered,
        Ok(answer) => {
            let status = answer.status();
            GivenUp {
                reason: describe(status, &beginning(answer.into_body()).await),
                attempts: report.map_or(1, |report| report.attempts),
                status: Some(status.as_u16()),
                stopped,
            }
        }
        Err(error) => GivenUp {
            attempts: report.map_or_else(|| u32::from(!was_kept_back(&error)), |report| report.attempts),
            reason: Redact::text(&error::describe(&*error), 2 * SAID_CHARS).into_owned(),
            status: None,
            stopped,
        },
    })
}

/// What the server says first; that it may break off or never end is no matter here.
async fn beginning<B>(mut body: B) -> Vec<u8>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut said = Vec::new();
    while said.len() < SAID_BYTES
        && let Some(Ok(frame)) = body.frame().await
    {
        said.extend(frame.data_ref().into_iter().flat_map(|data| data.iter().take(SAID_BYTES)));
    }
    said
}

/// The status, and what the server says of it.
fn describe(status: StatusCode, said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    match said.trim() {
        "" => status.to_string(),
        said => format!("{status}: {}", Redact::text(said, SAID_CHARS)),
    }
}

/// Whether a layer of ours kept it from being sent.
fn was_kept_back(error: &BoxError) -> bool {
    error::find::<Refused>(&**error).is_some()
        || error::find::<Permanent>(&**error).is_some_and(|why| why.send_state() == SendState::NotSent)
}
