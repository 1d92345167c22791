//! The scripted server over HTTP/2, seen by the h2 client.

use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use h2::{Error, Reason};
use http::{Request, Response};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tower_intake_tests::{Answer, GoAway, Latch, Moment, Script, Server, answer_fn, sequence};

const SOON: Duration = Duration::from_secs(5);

struct Client {
    send: SendRequest<Bytes>,
    connection: JoinHandle<Result<(), Error>>,
}

async fn connect(server: &Server) -> Client {
    let stream = TcpStream::connect(server.addr()).await.unwrap();
    // A small bound on heads, so that a flood of them is cut off soon.
    let mut builder = h2::client::Builder::new();
    let (send, connection) = builder.max_header_list_size(16 << 10).handshake(stream).await.unwrap();
    Client { send, connection: tokio::spawn(connection) }
}

async fn start(script: impl Script) -> (Server, Client) {
    let server = Server::builder().http2().start(script).await.unwrap();
    let client = connect(&server).await;
    (server, client)
}

impl Client {
    /// Sends a POST of `hello`, and reads the head of the answer.
    async fn head(&self) -> Result<Response<h2::RecvStream>, Error> {
        let mut send = self.send.clone().ready().await?;
        let request = Request::post("http://h/p?q=1").header("x-a", "1").header("x-a", "2").body(()).unwrap();
        let (answer, mut body) = send.send_request(request, false)?;
        body.send_data("hello".into(), true)?;
        timeout(SOON, answer).await.unwrap()
    }

    async fn whole(&self) -> Result<(u16, String), Error> {
        let (head, mut body) = self.head().await?.into_parts();
        let mut text = Vec::new();
        while let Some(data) = timeout(SOON, body.data()).await.unwrap() {
            let data = data?;
            body.flow_control().release_capacity(data.len())?;
            text.extend_from_slice(&data);
        }
        Ok((head.status.as_u16(), String::from_utf8_lossy(&text).into_owned()))
    }
}

#[tokio::test]
async fn a_request_is_recorded_and_answered() {
    let script = answer_fn(|request| {
        let answer = Answer::new(201).header("x-b", "1").header("x-b", "2").header("connection", "close");
        answer
            .body(request.body.clone())
            .pieces(2, Duration::from_millis(1))
            .interim(103, &[("link", "</a>")])
    });
    let (server, client) = start(script).await;
    let head = client.head().await.unwrap();
    assert_eq!(head.headers().get_all("x-b").iter().count(), 2);
    assert_eq!(head.headers()["content-length"], "5");
    assert!(head.headers().contains_key("date") && !head.headers().contains_key("connection"));
    assert_eq!(client.whole().await.unwrap(), (201, "hello".to_owned()));
    let requests = server.wait_for_ended(2, SOON).await.unwrap();
    assert_eq!(requests[1].version, http::Version::HTTP_2);
    assert_eq!((requests[1].connection, requests[1].on_connection), (0, 1));
    assert_eq!((requests[1].path(), requests[1].query()), ("/p", Some("q=1")));
    assert_eq!(requests[1].authority.as_deref(), Some("h"));
    assert_eq!(requests[1].header_all("x-a"), ["1", "2"]);
    assert_eq!((requests[1].text().as_str(), requests[1].answered), ("hello", Some(201)));
}

#[tokio::test]
async fn a_long_body_obeys_the_window() {
    let (_server, client) = start(Answer::ok().body("x".repeat(300_000))).await;
    assert_eq!(client.whole().await.unwrap().1.len(), 300_000);
}

#[tokio::test]
async fn streams_are_refused_and_reset() {
    let cut = Answer::ok().body("abcdef").cut_body_at(3);
    let (server, client) =
        start(sequence([Answer::refused_stream(), Answer::reset_stream(2), cut, Answer::ok()])).await;
    for reason in [Reason::REFUSED_STREAM, Reason::INTERNAL_ERROR] {
        let error = client.head().await.unwrap_err();
        assert_eq!((error.reason(), error.is_remote(), error.is_reset()), (Some(reason), true, true));
    }
    assert_eq!(client.whole().await.unwrap_err().reason(), Some(Reason::INTERNAL_ERROR));
    assert_eq!(client.whole().await.unwrap().0, 200);
    assert_eq!(server.connections(), 1);
    let ended = server.wait_for_ended(4, SOON).await.unwrap();
    assert!(ended.iter().all(|request| !request.abandoned), "{ended:?}");
}

#[tokio::test]
async fn goaway_proves_what_was_not_processed() {
    for (frame, processed) in [(GoAway::unprocessed(), false), (GoAway::perhaps_processed(), true)] {
        let latch = Latch::new();
        let script = sequence([Answer::ok().held_by(&latch).body("held"), Answer::go_away(frame)]);
        let (server, client) = start(script).await;
        let first = client.head();
        let second = async {
            server.wait_for_requests(1, SOON).await.unwrap();
            let patience = if processed { Duration::from_millis(40) } else { SOON };
            let second = timeout(patience, client.whole()).await;
            latch.open();
            second
        };
        let (first, second) = tokio::join!(first, second);
        assert_eq!(first.unwrap().status(), 200, "the stream below goes on");
        match second {
            Ok(Err(error)) if !processed => {
                assert_eq!((error.reason(), error.is_go_away()), (Some(Reason::NO_ERROR), true));
                assert!(error.is_remote());
            }
            Err(_) if processed => {} // it waits for an answer that never comes
            other => panic!("{frame:?}: {other:?}"),
        }
    }
    let (_server, client) = start(Answer::go_away(GoAway::unprocessed().code(11))).await;
    assert_eq!(client.head().await.unwrap_err().reason(), Some(Reason::ENHANCE_YOUR_CALM));
}

#[tokio::test]
async fn connections_end_at_every_moment() {
    for moment in [Moment::Head, Moment::Request] {
        let (server, client) = start(Answer::close(moment)).await;
        assert!(client.head().await.unwrap_err().is_io());
        assert!(!server.requests()[0].abandoned);
        let (_server, client) = start(Answer::reset(moment)).await;
        let error = client.head().await.unwrap_err();
        assert_eq!(error.get_io().unwrap().kind(), std::io::ErrorKind::ConnectionReset);
        let _ = client.connection.await;
    }
    for moment in [Moment::Accepted, Moment::FirstByte] {
        let (server, client) = start(Answer::close(moment)).await;
        assert!(client.head().await.is_err());
        assert_eq!(server.request_count(), 0);
    }
}

#[tokio::test]
async fn garbage_and_floods_and_hanging() {
    let (_server, client) = start(Answer::raw("this is not a frame of HTTP/2 at all")).await;
    assert!(client.head().await.is_err());
    let (_server, client) = start(Answer::endless_headers()).await;
    assert!(client.head().await.is_err());
    let (server, client) = start(Answer::hang(Moment::Request)).await;
    assert!(timeout(Duration::from_millis(20), client.head()).await.is_err());
    assert!(server.wait_for_ended(1, SOON).await.unwrap()[0].abandoned, "the client reset its stream");
    assert_eq!(server.open_connections(), 1);
}

#[tokio::test]
async fn a_goodbye_in_good_order() {
    let (server, client) = start(Answer::ok().body("last").connection_close()).await;
    assert_eq!(client.whole().await.unwrap(), (200, "last".to_owned()));
    timeout(SOON, client.connection).await.unwrap().unwrap().unwrap();
    let client = connect(&server).await;
    assert_eq!(client.whole().await.unwrap().1, "last");
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn early_answers_and_stream_bounds() {
    let server =
        Server::builder().http2().max_concurrent_streams(1).start(Answer::new(413).early()).await.unwrap();
    let client = connect(&server).await;
    assert_eq!(client.whole().await.unwrap().0, 413);
    assert_eq!(client.whole().await.unwrap().0, 413);
    assert_eq!(server.max_in_flight(), 1);
    let client = TcpStream::connect(server.addr()).await.unwrap();
    client.writable().await.unwrap();
    client.try_write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    timeout(SOON, async {
        while server.malformed().is_empty() {
            tokio::task::yield_now().await
        }
    })
    .await
    .unwrap();
}
