//! What an error of hyper's proves about the request, seen over real sockets (CONTRACT §1, DESIGN §5.11).

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, Error, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use tower_intake_core::{BodyError, BoxError, Classify as _, Outcome, Reply, SendState, StatusTable};
use tower_intake_tests::{Answer, GoAway, Moment, Server, sequence};

type TestClient = Client<HttpConnector, Full<Bytes>>;

fn client(http2: bool) -> TestClient {
    Client::builder(TokioExecutor::new()).http2_only(http2).retry_canceled_requests(false).build_http()
}

fn post(url: &str) -> Request<Full<Bytes>> {
    Request::post(url).body(Full::from("{}")).unwrap()
}

async fn error(client: &TestClient, url: &str) -> Error {
    client.request(post(url)).await.expect_err("a fault, not an answer")
}

fn proves(error: &Error) -> (SendState, Outcome) {
    let reply = Reply::error(error);
    (reply.send_state(), StatusTable::default().classify(reply))
}

const UNSENT: (SendState, Outcome) = (SendState::NotSent, Outcome::Transient);
const IN_DOUBT: (SendState, Outcome) = (SendState::Ambiguous, Outcome::Transient);

#[tokio::test]
async fn connect_refused_is_not_sent() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    for http2 in [false, true] {
        let error = error(&client(http2), &url).await;
        assert_eq!(proves(&error), UNSENT, "{error:?}");
    }
}

#[tokio::test]
async fn an_unresolvable_host_is_not_sent() {
    let error = error(&client(false), "http://no-such-host.invalid/").await;
    assert_eq!(proves(&error), UNSENT, "{error:?}");
}

/// The server may have read everything and died: hyper's `is_incomplete_message` proves nothing.
#[tokio::test]
async fn closed_or_reset_once_the_request_was_under_way_is_in_doubt() {
    for moment in [Moment::FirstByte, Moment::Head, Moment::Request] {
        for fault in [Answer::close(moment), Answer::reset(moment)] {
            let server = Server::start(sequence([fault])).await.unwrap();
            let error = error(&client(false), &server.url()).await;
            assert_eq!(proves(&error), IN_DOUBT, "{moment:?}: {error:?}");
        }
    }
}

/// A server that closes on accept: the bytes may have left before the FIN was seen, so only what hyper calls
/// cancelled may count as unsent. Which of the two happens is a race, but `Answered` it never is.
#[tokio::test]
async fn closed_on_accept_is_never_more_than_in_doubt() {
    let server = Server::start(sequence([Answer::close(Moment::Accepted)])).await.unwrap();
    for _ in 0..20 {
        let error = error(&client(false), &server.url()).await;
        let (state, outcome) = proves(&error);
        assert!(matches!(state, SendState::NotSent | SendState::Ambiguous), "{error:?}");
        assert_eq!(outcome, Outcome::Transient);
        if state == SendState::NotSent {
            assert!(format!("{error:?}").contains("Canceled"), "{error:?}");
        }
    }
}

/// A kept-alive connection that the server has closed meanwhile: nothing of the second request was written,
/// hyper says cancelled and nests an incomplete message inside.
#[tokio::test]
async fn a_stale_connection_gives_not_sent_or_in_doubt_and_the_server_agrees() {
    let (mut unsent, mut doubt) = (0, 0);
    for _ in 0..20 {
        let server =
            Server::start(sequence([Answer::ok().body("a").then_close(), Answer::ok()])).await.unwrap();
        let client = client(false);
        let answer = client.request(post(&server.url())).await.unwrap();
        answer.into_body().collect().await.unwrap();
        let Err(error) = client.request(post(&server.url())).await else {
            continue; // the pool saw the close in time and made another connection
        };
        match proves(&error) {
            UNSENT => {
                unsent += 1;
                assert_eq!(server.request_count(), 1, "the server has seen a request that was not sent");
            }
            IN_DOUBT => doubt += 1,
            other => panic!("{other:?}: {error:?}"),
        }
    }
    println!("stale connections: {unsent} unsent, {doubt} in doubt");
}

#[tokio::test]
async fn garbage_in_place_of_an_answer_is_in_doubt() {
    let server = Server::start(Answer::raw("SSH-2.0-OpenSSH_9.6\r\n")).await.unwrap();
    let error = error(&client(false), &server.url()).await;
    assert_eq!(proves(&error), IN_DOUBT, "{error:?}");
}

#[tokio::test]
async fn endless_headers_end_in_an_error_and_not_in_memory() {
    for flood in [Answer::endless_headers(), Answer::ok().many_headers(1_000_000)] {
        let server = Server::start(flood).await.unwrap();
        let call = error(&client(false), &server.url()).await;
        assert_eq!(proves(&call), IN_DOUBT, "{call:?}");
    }
}

/// The head came: whoever reads the body inside the attempt says so with core's word.
#[tokio::test]
async fn a_truncated_body_is_answered() {
    let cut = Answer::ok().body("0123456789").cut_body_at(4);
    for answer in [cut.clone(), cut.chunked()] {
        let server = Server::start(answer).await.unwrap();
        let answer: Response<Incoming> = client(false).request(post(&server.url())).await.unwrap();
        let source = answer.into_body().collect().await.expect_err("six bytes are missing");
        let error = BodyError::new(StatusCode::OK, source);
        let reply = Reply::error(&error);
        assert_eq!(reply.send_state(), SendState::Answered);
        assert_eq!(StatusTable::default().classify(reply), Outcome::Transient);
    }
}

#[tokio::test]
async fn http2_says_what_was_not_processed() {
    let cases = [
        (Answer::refused_stream(), UNSENT),
        (Answer::go_away(GoAway::unprocessed()), UNSENT),
        (Answer::go_away(GoAway::unprocessed().code(2)), IN_DOUBT),
        (Answer::reset_stream(2), IN_DOUBT),
        (Answer::reset_stream(8), IN_DOUBT),
        (Answer::close(Moment::Request), IN_DOUBT),
    ];
    for (fault, expected) in cases {
        let name = format!("{fault:?}");
        let server = Server::builder().http2().start(sequence([fault])).await.unwrap();
        let client = client(true);
        let url = server.url();
        let call = tokio::time::timeout(Duration::from_secs(5), error(&client, &url));
        let error = call.await.unwrap_or_else(|_| panic!("{name}: neither an answer nor an error"));
        assert_eq!(proves(&error), expected, "{name}: {error:?}");
    }
}

/// A graceful GOAWAY that includes the request promises an answer; the connection dies before it comes.
#[tokio::test]
async fn http2_a_goaway_that_includes_the_request_is_in_doubt() {
    let going = Answer::go_away(GoAway::perhaps_processed());
    let server = Server::builder().http2().start(sequence([going])).await.unwrap();
    let (client, url) = (client(true), server.url());
    let (error, ()) = tokio::join!(error(&client, &url), async {
        server.wait_for_requests(1, Duration::from_secs(5)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        server.close_connections();
    });
    assert_eq!(proves(&error), IN_DOUBT, "{error:?}");
}

/// The mistake is on our side, and sending it again repeats it.
#[tokio::test]
async fn a_body_of_ours_that_failed_and_a_bad_uri_are_permanent() {
    let server = Server::start(Answer::ok()).await.unwrap();
    let frames = futures_util::stream::iter([
        Ok(http_body::Frame::data(Bytes::from_static(b"half"))),
        Err(BoxError::from("the file is gone")),
    ]);
    let request = Request::post(server.url()).body(StreamBody::new(frames)).unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    let error = client.request(request).await.unwrap_err();
    assert_eq!(StatusTable::default().classify(Reply::error(&error)), Outcome::Permanent, "{error:?}");

    let client: TestClient = self::client(false);
    let error = client.request(Request::get("/no/host").body(Full::default()).unwrap()).await.unwrap_err();
    assert_eq!(proves(&error).1, Outcome::Permanent, "{error:?}");
}
