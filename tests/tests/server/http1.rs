//! What is recorded, answered and held back over HTTP/1.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tower_intake_tests::{Answer, Latch, Moment, Routes, Script, Server, answer_fn, sequence};

use crate::wire::{End, GET, LAST, POST, SHORT, SOON, read_all, shown, talk};

#[tokio::test]
async fn a_request_is_recorded_as_it_came() {
    let server = Server::start(Answer::ok().body("hi").without_date()).await.unwrap();
    let request =
        "POST /p%20q?x=1&y=%26 HTTP/1.1\r\nhOsT: h:1\r\nX-A: 1\r\nx-a:  2 \r\nContent-Length: 5\r\n\r\n";
    let request = request.replace("\r\nX-A", "\r\nConnection: close\r\nX-A");
    let seen = talk(&server, &format!("{request}hello")).await;
    assert_eq!(seen.text, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi");
    assert_eq!(seen.end, End::Fin);
    let recorded = &server.wait_for_ended(1, SOON).await.unwrap()[0];
    assert_eq!((recorded.seq, recorded.connection, recorded.on_connection), (0, 0, 0));
    assert_eq!((recorded.method.as_str(), recorded.version), ("POST", http::Version::HTTP_11));
    assert_eq!((recorded.path(), recorded.query()), ("/p%20q", Some("x=1&y=%26")));
    assert_eq!(recorded.query_value("y").as_deref(), Some("&"));
    assert_eq!(recorded.authority.as_deref(), Some("h:1"));
    assert_eq!(recorded.raw_head, request);
    assert_eq!(recorded.header_all("X-a"), ["1", "2"]);
    assert_eq!((recorded.text().as_str(), recorded.body_complete), ("hello", true));
    assert_eq!((recorded.answered, recorded.abandoned), (Some(200), false));
    assert!(recorded.at >= server.started() && recorded.ended.unwrap() >= recorded.at);
    assert_eq!((server.connections(), server.max_in_flight()), (1, 1));
}

#[tokio::test]
async fn a_connection_is_kept_and_a_chunked_body_read() {
    let server = Server::start(answer_fn(|request| Answer::ok().body(request.body.clone()))).await.unwrap();
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    for chunk in ["one", "two"] {
        let head = "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n";
        stream.write_all(format!("{head}{chunk}\r\n0\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = [0; 512];
        let n = stream.read(&mut answer).await.unwrap();
        assert!(String::from_utf8_lossy(&answer[..n]).ends_with(&format!("\r\n\r\n{chunk}")));
    }
    let requests = server.requests();
    assert_eq!((requests[1].connection, requests[1].on_connection), (0, 1));
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn expect_continue_is_obeyed_unless_answered_early() {
    let request = "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi";
    let seen = shown(Answer::ok().without_date().then_close(), request).await;
    assert_eq!(seen.text, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    let seen = shown(Answer::new(417).without_date().early().then_close(), request).await;
    assert_eq!(seen.text, "HTTP/1.1 417 Expectation Failed\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(seen.end, End::Fin);
}

#[tokio::test]
async fn heads_say_what_the_script_says() {
    let answer = Answer::new(599)
        .reason("Odd")
        .date("Thu, 01 Jan 1970 00:00:00 GMT")
        .header("X-A", "1")
        .header("x-a", [0xff])
        .interim(103, &[("link", "</a>")])
        .connection_close();
    let seen = shown(answer, GET).await;
    assert_eq!(
        seen.text,
        "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 599 Odd\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\
         X-A: 1\r\nx-a: \u{fffd}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    );
    assert_eq!(seen.end, End::Fin);
    assert!(shown(Answer::ok(), LAST).await.text.contains("\r\ndate: "));
    assert!(shown(Answer::new(429).retry_after(7), LAST).await.text.contains("\r\nretry-after: 7\r\n"));
    assert!(!shown(Answer::new(204), LAST).await.text.contains("content-length"));
    let head =
        shown(Answer::ok().body("abc"), "HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await.text;
    assert!(head.ends_with("content-length: 3\r\n\r\n"), "{head}");
    let two =
        shown(Answer::ok().header("Content-Length", "9").header("content-length", "x"), LAST).await.text;
    assert_eq!(two.to_lowercase().matches("content-length").count(), 2);
}

#[tokio::test]
async fn delays_and_latches_hold_answers_back() {
    let begin = Instant::now();
    let server = Server::start(Answer::ok().delay(SHORT).then_close()).await.unwrap();
    talk(&server, GET).await;
    assert!(begin.elapsed() >= SHORT);

    let latch = Latch::new();
    let server = Server::start(Answer::ok().held_by(&latch).then_close()).await.unwrap();
    let clients = async {
        let (one, two) = tokio::join!(talk(&server, GET), talk(&server, GET));
        assert!(one.text.starts_with("HTTP/1.1 200") && two.text.starts_with("HTTP/1.1 200"));
    };
    let opener = async {
        server.wait_for_requests(2, SOON).await.unwrap();
        assert_eq!(server.in_flight(), 2);
        latch.open();
    };
    tokio::join!(clients, opener);
    assert_eq!((server.in_flight(), server.max_in_flight()), (0, 2));
}

#[tokio::test]
async fn sequences_routes_and_other_scripts() {
    let routes = Routes::new()
        .at("/a", sequence([Answer::new(503), Answer::close(Moment::Head), Answer::new(201)]))
        .under("/static/", Answer::new(202));
    let server = Server::start(routes).await.unwrap();
    let status = |path: &'static str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        let server = &server;
        async move { talk(server, &request).await.text.get(9..12).unwrap_or("-").to_owned() }
    };
    for (path, expected) in
        [("/a", "503"), ("/a", "-"), ("/a?x", "201"), ("/a", "201"), ("/static/x", "202"), ("/b", "404")]
    {
        assert_eq!(status(path).await, expected, "{path}");
    }
    server.set_script(Answer::new(418));
    assert_eq!(status("/a").await, "418");
    let then = sequence([Answer::close(Moment::Accepted)]).then(Answer::new(203));
    server.set_script(then);
    assert_eq!((status("/").await.as_str(), status("/").await.as_str()), ("-", "203"));
}

#[tokio::test]
async fn a_server_stops_and_comes_back() {
    let server = Server::start(Answer::ok()).await.unwrap();
    let addr = server.addr();
    let mut idle = TcpStream::connect(addr).await.unwrap();
    server.wait_for_connections(1, SOON).await.unwrap();
    server.close_connections();
    assert_eq!(read_all(&mut idle, SOON).await.end, End::Fin);
    assert!(talk(&server, LAST).await.text.starts_with("HTTP/1.1 200"));
    assert!(server.wait_for_requests(2, SHORT).await.unwrap_err().to_string().contains("for 2, saw 1"));
    server.shutdown().await;
    assert_eq!(TcpStream::connect(addr).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    let server = Server::builder().addr(addr).start(Answer::new(201)).await.unwrap();
    assert!(talk(&server, LAST).await.text.starts_with("HTTP/1.1 201"));
}

#[tokio::test]
async fn bodies_can_be_forgotten() {
    let echo = answer_fn(|request| Answer::ok().body(request.body.clone()).then_close());
    let server = Server::builder().forget_bodies().start(echo).await.unwrap();
    assert!(talk(&server, POST).await.text.ends_with("hello"));
    let recorded = &server.requests()[0];
    assert!(recorded.body.is_empty() && recorded.body_complete);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_flight_is_never_counted_twice() {
    let server = Server::start(Answer::ok().body("x")).await.unwrap();
    for _ in 0..200 {
        talk(&server, LAST).await;
    }
    assert_eq!((server.request_count(), server.max_in_flight()), (200, 1));
    assert!(server.requests().iter().all(|request| !request.abandoned));
}

#[tokio::test]
async fn own_scripts_and_shared_ones() {
    struct Odd;
    impl Script for Odd {
        fn answer(&self, request: &tower_intake_tests::Recorded) -> Answer {
            if request.seq % 2 == 1 { Answer::new(500) } else { Answer::ok() }
        }
    }
    let server = Server::start(std::sync::Arc::new(Odd)).await.unwrap();
    assert!(talk(&server, LAST).await.text.starts_with("HTTP/1.1 200"));
    assert!(talk(&server, LAST).await.text.starts_with("HTTP/1.1 500"));
}
