//! Every record is accounted for, and the accounts are true.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tower_intake_tests::{Answer, Moment, Server, answer_fn, sequence};

use crate::run::{QUICK, Room, records};

const COUNTS: [&str; 4] = ["read", "delivered", "rejected", "dead_lettered"];

#[tokio::test]
async fn a_hostile_server_gets_every_record_once() {
    let room = Room::new();
    let input = room.file("in.ndjson", records(0..60));
    let config = room.file("stack.toml", QUICK.replace("max_retries = 3", "max_retries = 20"));
    let left =
        room.run(&[&input, "--batch-records", "4", "--seed", "3", "--json", "--config", &config]).await;
    assert_eq!(left.code, Some(0), "{}{}", left.stdout, left.stderr);
    assert_eq!(left.counts(COUNTS), [60, 60, 0, 0]);
    let names = ["server.records", "server.duplicates", "server.missing", "server.rate_violations"];
    assert_eq!(left.counts(names), [60, 0, 0, 0]);

    let names = ["batches", "batches_delivered", "traffic.attempts", "server.requests", "server.faults"];
    let [batches, delivered, attempts, requests, faults] = left.counts(names);
    assert_eq!((batches, delivered), (15, 15));
    assert!(faults > 0 && attempts > batches, "{}", left.stdout);
    // hyper sends again by itself what it had not begun to write; the server saw no more than that
    assert!(requests >= attempts, "{requests} requests, {attempts} attempts");
    let causes =
        ["throttled", "server", "transport", "token"].map(|cause| format!("traffic.retries.{cause}"));
    let retries: u64 = causes.iter().map(|cause| left.counts([cause.as_str()])[0]).sum();
    assert_eq!(retries, attempts - batches, "each attempt but the first of a batch is a retry for one cause");
    assert!(left.dead_letters.is_empty());
}

#[tokio::test]
async fn the_same_record_twice_in_the_input_is_no_fault() {
    let room = Room::new();
    let input = [records(0..6), records(2..4), "{\"no\":\"id\"}\n{\"no\":\"id\"}\n".to_owned()].concat();
    let config = room.file("stack.toml", QUICK);
    let left =
        room.run_with(input.as_bytes(), &["-", "--batch-records", "3", "--json", "--config", &config]).await;
    assert_eq!((left.code, left.counts(COUNTS)), (Some(0), [10, 10, 0, 0]), "{}", left.stderr);
}

/// Refuses the batch that holds the record 13.
fn superstitious() -> impl tower_intake_tests::Script {
    answer_fn(|request| match String::from_utf8_lossy(&request.body).contains("\"id\":13}") {
        true => Answer::new(400).body("unlucky\u{7}"),
        false => Answer::ok(),
    })
}

#[tokio::test]
async fn a_refused_batch_is_kept_record_by_record() {
    let server = Server::start(superstitious()).await.unwrap();
    let room = Room::new();
    let input = room.file("in.ndjson", records(0..25));
    let left = room.run(&[&input, "--to", &server.url_of("/v1"), "--batch-records", "10", "--json"]).await;
    assert_eq!((left.code, left.counts(COUNTS)), (Some(0), [25, 15, 0, 10]), "{}", left.stderr);
    assert_eq!(left.counts(["batches", "batches_delivered", "traffic.attempts"]), [3, 2, 3]);

    let seen = server.requests();
    let refused = seen.iter().find(|request| request.answered == Some(400)).unwrap();
    let key = refused.header("idempotency-key").unwrap();
    let expected: Vec<Value> = (10..20)
        .map(|id| {
            json!({
                "kind": "undelivered", "reason": "400 Bad Request: unlucky\\u{7}", "line": id + 1, "batch": key,
                "attempts": 1, "status": 400, "stopped": null, "record": { "id": id },
            })
        })
        .collect();
    assert_eq!(left.dead_letters, expected);

    let keys: BTreeSet<_> = seen.iter().map(|request| request.header("idempotency-key").unwrap()).collect();
    assert_eq!(keys.len(), 3);
    for request in &seen {
        assert_eq!(request.header("x-request-correlation-id"), request.header("idempotency-key"));
        assert_eq!(request.header("content-type"), Some("application/x-ndjson"));
    }
    assert!(left.audit.contains(key), "the batch is found in the audit trail");
}

#[tokio::test]
async fn a_batch_keeps_its_identity_and_bytes_over_its_retries() {
    let broken = Answer::ok().body("{\"received\":5}").cut_body_at(3);
    let answers = [Answer::new(503), Answer::reset(Moment::Request), broken, Answer::ok().body("{}")];
    let server = Server::start(sequence(answers)).await.unwrap();
    let room = Room::new();
    let (input, config) = (room.file("in.ndjson", records(0..5)), room.file("stack.toml", QUICK));
    let left = room.run(&[&input, "--to", &server.url(), "--config", &config, "--json"]).await;
    assert_eq!((left.code, left.counts(COUNTS)), (Some(0), [5, 5, 0, 0]), "{}", left.stderr);
    assert_eq!(left.counts(["traffic.retries.server", "traffic.retries.transport"]), [1, 2]);

    let seen = server.requests();
    assert_eq!(seen.len(), 4);
    for request in &seen {
        assert_eq!(request.body, records(0..5));
        assert_eq!(request.header("idempotency-key"), seen[0].header("idempotency-key"));
    }
    let counts: Vec<_> = seen.iter().map(|request| request.header("x-retry-count")).collect();
    assert_eq!(counts, [None, Some("1"), Some("2"), Some("3")]);
    let kinds =
        |kind| left.audit.lines().filter(|line| line.contains(&format!("\"kind\":\"{kind}\""))).count();
    assert_eq!((kinds("attempt"), kinds("operation")), (4, 1));
}

#[tokio::test]
async fn what_is_exhausted_is_dead_lettered_with_its_attempts() {
    let server = Server::start(Answer::new(503)).await.unwrap();
    let room = Room::new();
    let config = room.file("stack.toml", format!("breaker = false\n{QUICK}"));
    let stdin = records(0..2);
    let left =
        room.run_with(stdin.as_bytes(), &["-", "--to", &server.url(), "--config", &config, "--json"]).await;
    assert_eq!((left.code, left.counts(COUNTS)), (Some(0), [2, 0, 0, 2]), "{}", left.stderr);
    let about = |name: &str| left.dead_letters.iter().map(|letter| letter[name].clone()).collect::<Vec<_>>();
    assert_eq!(about("attempts"), [4, 4]);
    assert_eq!(about("stopped"), ["exhausted", "exhausted"]);
    assert_eq!(about("reason"), ["503 Service Unavailable", "503 Service Unavailable"]);
    assert_eq!(server.request_count(), 4);
}

#[tokio::test]
async fn lines_that_are_no_records_are_rejected_by_their_number() {
    let server = Server::start(Answer::ok()).await.unwrap();
    let room = Room::new();
    let long = format!("{{\"id\":\"{}\"}}\n", "x".repeat(5000));
    let lines: [&[u8]; 8] = [
        b"{\"id\":1}\r\n",
        b"\n",
        b"[1]\n",
        b"{\"id\":\n",
        long.as_bytes(),
        b"{\"id\":\"\xFF\"}\n",
        b"  {\"id\":2}\n",
        b"7",
    ];
    let args = ["-", "--to", &server.url(), "--max-record-bytes", "100", "--json"];
    let left = room.run_with(&lines.concat(), &args).await;
    assert_eq!((left.code, left.counts(COUNTS)), (Some(0), [7, 2, 5, 0]), "{}", left.stderr);
    assert_eq!(server.requests()[0].body, "{\"id\":1}\n{\"id\":2}\n");

    let about = |letter: &Value| (letter["kind"].clone(), letter["line"].clone());
    let seen: Vec<_> = left.dead_letters.iter().map(about).collect();
    assert_eq!(seen, [3, 4, 5, 6, 8].map(|line| (json!("rejected"), json!(line))));
    assert_eq!(left.dead_letters[0]["text"], "[1]");
    assert_eq!(left.dead_letters[3]["base64"], "eyJpZCI6Iv8ifQ==");
    let reason = left.dead_letters[2]["reason"].as_str().unwrap();
    assert!(reason.contains("longer than 100 bytes") && reason.contains("5009 bytes"), "{reason}");
    assert!(left.dead_letters.iter().all(|letter| letter.to_string().len() < 2000));
}
