//! What is wrong with the usage is said at once, by its name.

use tower_intake_tests::{Answer, Routes, Server, Tokens};

use crate::run::{Room, records};

#[tokio::test]
async fn bad_usage_is_exit_status_2_and_names_what_is_wrong() {
    let room = Room::new();
    let unknown = room.file("unknown.toml", "[retry]\nmax_tries = 5\n");
    let number = room.file("number.toml", "[retry]\nretry_after_jitter = 7.0\n");
    let unit = room.file("unit.toml", "attempt_timeout = 30\n");
    let rows: [(&[&str], &str); 11] = [
        (&["--config", &unknown], "max_tries"),
        (&["--config", &number], "retry.retry_after_jitter"),
        (&["--config", &unit], "duration with its unit"),
        (&["--config", "missing.toml"], "missing.toml"),
        (&["missing.ndjson"], "missing.ndjson"),
        (&["."], "directory"),
        (&["--to", "example.com"], "https://"),
        (&["--to", "http://me:secret@127.0.0.1:1/"], "INGEST_TOKEN"),
        (&["--concurrency", "0"], "--concurrency"),
        (&["--max-record-bytes", "500000"], "--batch-bytes"),
        (&["--no-such-option"], "--no-such-option"),
    ];
    for (args, name) in rows {
        let left = room.run(args).await;
        assert_eq!(left.code, Some(2), "{args:?}: {}", left.stderr);
        assert!(left.stderr.contains(name), "{args:?} should name {name}: {}", left.stderr);
        assert!(left.stdout.is_empty() && !left.stderr.contains("secret"));
    }
}

#[tokio::test]
async fn variables_speak_for_options() {
    let room = Room::new();
    let mut command = room.command(&[]);
    command.env("INGEST_BATCH_RECORDS", "many");
    let left = room.end(command.spawn().unwrap()).await;
    assert_eq!(left.code, Some(2));
    assert!(left.stderr.contains("--batch-records"), "{}", left.stderr);

    let left = room.run(&["--help"]).await;
    assert_eq!(left.code, Some(0));
    for word in ["INGEST_CONCURRENCY", "INGEST_TOKEN", "Exit status", "Ctrl-C", "hostile", "NDJSON"] {
        assert!(left.stdout.contains(word), "{word} is not in the help");
    }
}

#[tokio::test]
async fn secrets_come_by_the_environment_and_are_shown_nowhere() {
    let server = Server::start(Answer::ok()).await.unwrap();
    let room = Room::new();
    let input = room.file("in.ndjson", records(0..3));
    let mut command = room.command(&[&input, "--to", &server.url()]);
    command.env("INGEST_TOKEN", "s3cret");
    let left = room.end(command.spawn().unwrap()).await;
    assert_eq!(left.code, Some(0), "{}", left.stderr);
    assert_eq!(server.requests()[0].header("authorization"), Some("Bearer s3cret"));
    for text in [&left.stdout, &left.stderr, &left.audit] {
        assert!(!text.contains("s3cret"));
    }

    // not in plain http to another machine
    let mut command = room.command(&[&input, "--to", "http://192.0.2.1/"]);
    command.env("INGEST_TOKEN", "s3cret");
    let left = room.end(command.spawn().unwrap()).await;
    assert_eq!(left.code, Some(2));
    assert!(left.stderr.contains("https") && !left.stderr.contains("s3cret"), "{}", left.stderr);
}

#[tokio::test]
async fn tokens_are_fetched_by_either_grant() {
    for grant in ["oauth2", "json"] {
        let tokens = Tokens::new(std::time::Duration::from_secs(60)).client("me", "key");
        let routes = Routes::new().at("/token", tokens.endpoint()).otherwise(tokens.guard(Answer::ok()));
        let server = Server::start(routes).await.unwrap();
        let room = Room::new();
        let (input, token_url) = (room.file("in.ndjson", records(0..3)), server.url_of("/token"));
        let url = server.url();
        let mut command = room.command(&[
            &input,
            "--to",
            &url,
            "--token-url",
            &token_url,
            "--client-id",
            "me",
            "--grant",
            grant,
            "--json",
        ]);
        command.env("INGEST_CLIENT_SECRET", "key");
        let left = room.end(command.spawn().unwrap()).await;
        assert_eq!((left.code, left.counts(["delivered", "tokens"])), (Some(0), [3, 1]), "{}", left.stderr);
        assert_eq!((tokens.issued(), tokens.rejected()), (1, 0));
    }
}

#[tokio::test]
async fn the_table_is_for_people() {
    let server = Server::start(Answer::ok()).await.unwrap();
    let room = Room::new();
    let input = room.file("in.ndjson", records(0..3));
    let left = room.run(&[&input, "--to", &server.url()]).await;
    let row = |name: &str, value: &str| {
        left.stdout.lines().any(|line| line.trim_start().starts_with(name) && line.contains(value))
    };
    assert!(row("records read", " 3") && row("delivered", " 3") && row("retries", " 0"), "{}", left.stdout);
    assert!(left.stdout.contains("out/dead-letters.ndjson") && left.stdout.contains("out/audit.ndjson"));
    assert!(left.stdout.trim_end().ends_with("Every record is accounted for."));
}
