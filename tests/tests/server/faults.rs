//! Every fault over HTTP/1, to the byte.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_intake_tests::{Answer, BadRequest, Moment, Server, early_fn};

use crate::wire::{End, GET, LAST, POST, SHORT, SOON, Seen, read_all, shown, shown_open, talk};

#[tokio::test]
async fn bodies_are_framed_as_told() {
    let body = |answer: Answer| async move {
        let seen = shown(answer.without_date(), LAST).await;
        let (head, body) = seen.text.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned(), seen.end)
    };
    let (head, chunks, end) = body(Answer::ok().body("abcde").chunked().pieces(2, SHORT / 20)).await;
    assert!(head.ends_with("transfer-encoding: chunked"));
    assert_eq!((chunks.as_str(), end), ("2\r\nab\r\n2\r\ncd\r\n1\r\ne\r\n0\r\n\r\n", End::Fin));
    let (head, text, end) = body(Answer::ok().body("abc").until_close()).await;
    assert_eq!((head.as_str(), text.as_str(), end), ("HTTP/1.1 200 OK", "abc", End::Fin));
    let (head, text, end) = body(Answer::ok().body("abcde").cut_body_at(2)).await;
    assert!(head.ends_with("content-length: 5"));
    assert_eq!((text.as_str(), end), ("ab", End::Fin));
    let (_, text, end) = body(Answer::ok().body("abcde").chunked().cut_body_at(2)).await;
    assert_eq!((text.as_str(), end), ("5\r\nab", End::Fin));
    let (_, text, end) = body(Answer::ok().body("abcde").cut_body_at(2).then_reset()).await;
    assert!(matches!(end, End::Rst) && "ab".starts_with(&text));
    let seen = shown_open(Answer::ok().body("abcde").cut_body_at(2).keep_open(), LAST).await;
    assert!(seen.text.ends_with("\r\n\r\nab") && seen.end == End::Open, "{seen:?}");
    let (_, text, _) = body(Answer::ok().body("x".repeat(100_000))).await;
    assert_eq!(text.len(), 100_000);
}

#[tokio::test]
async fn connections_are_closed_and_reset_at_every_moment() {
    let nothing = |end| Seen { text: String::new(), end };
    for moment in [Moment::Accepted, Moment::FirstByte, Moment::Head, Moment::Request] {
        let server = Server::start(Answer::close(moment)).await.unwrap();
        assert_eq!(talk(&server, POST).await, nothing(End::Fin), "{moment:?}");
        assert_eq!(server.request_count(), usize::from(moment >= Moment::Head));
        let server = Server::start(Answer::reset(moment)).await.unwrap();
        assert_eq!(talk(&server, POST).await, nothing(End::Rst), "{moment:?}");
        let bodies: Vec<_> = server.requests().iter().map(|request| request.body_complete).collect();
        let expected: &[bool] = if moment < Moment::Head { &[] } else { &[moment == Moment::Request] };
        assert_eq!(bodies, expected);
    }
}

#[tokio::test]
async fn a_hanging_server_notices_that_the_client_goes() {
    for moment in [Moment::Accepted, Moment::FirstByte, Moment::Head, Moment::Request] {
        let server = Server::start(Answer::hang(moment)).await.unwrap();
        let mut stream = TcpStream::connect(server.addr()).await.unwrap();
        stream.write_all(POST.as_bytes()).await.unwrap();
        assert!(timeout(SHORT, stream.read_u8()).await.is_err());
        assert_eq!((server.open_connections(), server.in_flight()), (1, usize::from(moment >= Moment::Head)));
        drop(stream);
        timeout(SOON, async {
            while server.open_connections() > 0 {
                tokio::task::yield_now().await
            }
        })
        .await
        .unwrap();
        assert!(server.requests().iter().all(|request| request.abandoned && request.ended.is_some()));
    }
}

#[tokio::test]
async fn raw_and_endless_answers() {
    let seen = shown(Answer::raw("\0garbage"), GET).await;
    assert_eq!(seen, Seen { text: "\0garbage".to_owned(), end: End::Fin });
    assert_eq!(shown_open(Answer::raw("x").keep_open(), GET).await.end, End::Open);
    for answer in [Answer::endless_headers(), Answer::ok().endless_body("abc".repeat(1000))] {
        let server = Server::start(answer).await.unwrap();
        let mut stream = TcpStream::connect(server.addr()).await.unwrap();
        stream.write_all(GET.as_bytes()).await.unwrap();
        let mut bytes = vec![0; 8 << 20];
        timeout(SOON, stream.read_exact(&mut bytes)).await.unwrap().unwrap();
        drop(stream);
        assert!(server.wait_for_ended(1, SOON).await.unwrap()[0].abandoned);
    }
    let many = shown(Answer::ok().many_headers(3000), LAST).await.text;
    assert_eq!(many.matches("x-filler-").count(), 3000);
}

#[tokio::test]
async fn an_early_answer_comes_before_the_body_and_the_connection_goes_on() {
    let script = early_fn(
        |head| (head.path() == "/p").then(|| Answer::new(413).without_date().early()),
        Answer::ok().without_date(),
    );
    let server = Server::start(script).await.unwrap();
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    let (head, body) = POST.split_at(POST.len() - 5);
    stream.write_all(head.as_bytes()).await.unwrap();
    server.wait_for_ended(1, SOON).await.unwrap();
    assert!(read_all(&mut stream, SHORT * 2).await.text.starts_with("HTTP/1.1 413 "));
    assert_eq!(server.in_flight(), 0);
    assert!(!server.requests()[0].body_complete);
    stream.write_all(format!("{body}{LAST}").as_bytes()).await.unwrap();
    assert!(read_all(&mut stream, SOON).await.text.starts_with("HTTP/1.1 200 "));
    assert_eq!(server.requests()[0].text(), "hello");
}

#[tokio::test]
async fn what_is_not_http_is_named_and_refused() {
    let server = Server::start(Answer::ok()).await.unwrap();
    let long = format!("GET / HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n", "x".repeat(2 << 20));
    for (request, reason) in [
        ("GET /\r\n\r\n", BadRequest::RequestLine),
        ("GET / HTTP/1.1\r\n\r\n", BadRequest::Host),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n", BadRequest::Chunk),
    ] {
        let seen = talk(&server, request).await;
        assert!(seen.text.starts_with("HTTP/1.1 400 ") && seen.end == End::Fin, "{seen:?}");
        assert_eq!(server.malformed().last().unwrap().reason, reason);
    }
    let _ = talk(&server, &long).await;
    assert_eq!(server.malformed().last().unwrap().reason, BadRequest::TooLarge);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_recorded_so() {
    let server = Server::start(Answer::ok()).await.unwrap();
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    stream.write_all(&POST.as_bytes()[..POST.len() - 2]).await.unwrap();
    drop(stream);
    let recorded = &server.wait_for_ended(1, SOON).await.unwrap()[0];
    assert_eq!((recorded.text().as_str(), recorded.body_complete), ("hel", false));
    assert_eq!((recorded.answered, recorded.abandoned), (None, true));
}
