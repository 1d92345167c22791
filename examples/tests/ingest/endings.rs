//! Runs that end before their time, or do not end by themselves.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::time::Instant;
use tower_intake_tests::{Answer, Moment, Server, answer_fn};

use crate::run::{Room, records};

const SOON: Duration = Duration::from_secs(10);

/// Answers all but the batch with the record 3.
async fn server_that_hangs() -> Server {
    let script = answer_fn(|request| match String::from_utf8_lossy(&request.body).contains("\"id\":3}") {
        true => Answer::hang(Moment::Request),
        false => Answer::ok(),
    });
    Server::start(script).await.unwrap()
}

#[cfg(unix)]
fn interrupt(child: &tokio::process::Child) {
    let id = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
}

#[cfg(unix)]
#[tokio::test]
async fn interrupted_it_dead_letters_what_is_in_flight_and_tells() {
    let server = server_that_hangs().await;
    let room = Room::new();
    let url = server.url();
    let args = ["-", "--to", &url, "--batch-records", "2", "--grace", "300ms", "--linger", "1h", "--json"];
    let (child, mut input) = room.start(&args);
    // the last record is alone in a batch that waits for another: it goes out when nothing more is read
    input.write_all(records(0..5).as_bytes()).await.unwrap();
    server.wait_for_requests(2, SOON).await.unwrap();
    let begin = Instant::now();
    interrupt(&child);
    let left = room.end(child).await;
    assert!(begin.elapsed() < Duration::from_secs(5));
    drop(input); // it was open all the time

    assert_eq!(left.code, Some(1), "the input was not read to its end: {}", left.stderr);
    assert_eq!(left.counts(["read", "delivered", "dead_lettered"]), [5, 3, 2], "{}", left.stderr);
    let lines: Vec<_> = left.dead_letters.iter().map(|letter| letter["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [3, 4]);
    assert!(left.dead_letters[0]["reason"].as_str().unwrap().contains("interrupted"));
    assert!(left.stderr.contains("not read to its end"));
    assert_eq!((&left.summary()["accounted"], &left.summary()["complete"]), (&true.into(), &false.into()));
    assert!(left.audit.contains("\"cancelled\"") && left.audit.contains("\"terminated\""));
}

#[cfg(unix)]
#[tokio::test]
async fn interrupted_twice_it_waits_no_more() {
    let server = server_that_hangs().await;
    let room = Room::new();
    let input = room.file("in.ndjson", records(3..4));
    let child = room.command(&[&input, "--to", &server.url(), "--grace", "1h", "--json"]).spawn().unwrap();
    server.wait_for_requests(1, SOON).await.unwrap();
    interrupt(&child);
    tokio::time::sleep(Duration::from_millis(100)).await;
    interrupt(&child);
    let left = room.end(child).await;
    // all was read before the first signal, and is accounted for
    assert_eq!((left.code, left.counts(["read", "dead_lettered"])), (Some(0), [1, 1]), "{}", left.stderr);
}

#[tokio::test]
async fn a_slow_producer_does_not_hold_up_what_it_has_given() {
    let server = Server::start(Answer::ok()).await.unwrap();
    let room = Room::new();
    let (child, mut input) = room.start(&["-", "--to", &server.url(), "--linger", "50ms", "--json"]);
    for id in 0..2 {
        input.write_all(records(id..id + 1).as_bytes()).await.unwrap();
        server.wait_for_requests(1 + id as usize, SOON).await.unwrap();
    }
    drop(input);
    let left = room.end(child).await;
    assert_eq!((left.code, left.counts(["batches", "delivered"])), (Some(0), [2, 2]), "{}", left.stderr);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_is_told_and_nothing_more_is_read() {
    let server = Server::start(Answer::new(400)).await.unwrap();
    let room = Room::new();
    let (input, url) = (records(0..100_000), server.url());
    let args = [
        "-",
        "--to",
        &url,
        "--batch-records",
        "10",
        "--concurrency",
        "1",
        "--json",
        "--dead-letters",
        "/dev/full",
    ];
    let left = room.run_with(input.as_bytes(), &args).await;
    assert_eq!(left.code, Some(1));
    assert!(left.stderr.contains("/dev/full") && left.stderr.contains("lines 1 to 10"), "{}", left.stderr);
    assert!(left.stderr.contains("neither delivered nor kept"));
    assert_eq!(left.summary()["accounted"], false);
    let [read, dead, lost] = left.counts(["read", "dead_lettered", "lost"]);
    assert!(dead == 0 && lost == read && read < 50_000, "{read} read, {lost} lost");

    let args = [&room.file("in.ndjson", records(0..3)), "--to", &url, "--audit", "/dev/full", "--json"];
    let left = room.run(&args).await;
    assert_eq!((left.code, left.counts(["dead_lettered"])), (Some(1), [3]));
    assert!(left.stderr.contains("audit events"), "{}", left.stderr);
}

#[cfg(unix)]
#[tokio::test]
async fn an_input_that_breaks_is_told_and_what_was_read_is_sent() {
    let server = Server::start(Answer::ok()).await.unwrap();
    let room = Room::new();
    // a process may open its own memory, and not read the beginning of it
    let left = room.run(&["/proc/self/mem", "--to", &server.url(), "--json"]).await;
    assert_eq!(left.code, Some(1), "{}", left.stderr);
    assert!(left.stderr.contains("the input broke"), "{}", left.stderr);
}
