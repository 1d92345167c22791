//! What it refuses.

use crate::driver::raw;

/// The one line on stderr of a document that is refused.
async fn refused(document: &str) -> String {
    let output = raw(document).await;
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{document}: {stderr}");
    assert_eq!(stderr.trim_end().lines().count(), 1, "one line: {stderr}");
    assert!(output.stdout.is_empty(), "{document}");
    stderr
}

/// Mistakes: exit 2, and the one line names the key.
#[tokio::test]
async fn bad_input_names_the_key() {
    let base = "\"base_url\":\"http://127.0.0.1:1\"";
    let cases = [
        ("not json", "stdin"),
        ("[]", "stdin"),
        ("", "stdin"),
        ("{\"requests\":[]}", "base_url"),
        (&*format!("{{{base}}}"), "requests"),
        (&*format!("{{{base},\"requests\":[],\"surplus\":1}}"), "surplus"),
        (&*format!("{{{base},\"requests\":[{{\"path\":\"/\",\"surplus\":1}}]}}"), "requests[0].surplus"),
        (&*format!("{{{base},\"requests\":[{{}}]}}"), "path"),
        (&*format!("{{{base},\"requests\":[{{\"path\":\"/\",\"method\":\"GE T\"}}]}}"), "requests[0].method"),
        (
            &*format!("{{{base},\"requests\":[{{\"path\":\"/\",\"headers\":{{\"a b\":\"c\"}}}}]}}"),
            "requests[0].headers",
        ),
        (
            &*format!("{{{base},\"requests\":[{{\"path\":\"/\",\"headers\":{{\"a\":\"\\n\"}}}}]}}"),
            "requests[0].headers.a",
        ),
        (&*format!("{{{base},\"requests\":[{{\"path\":\"/\",\"after\":\"soon\"}}]}}"), "requests[0].after"),
        (&*format!("{{{base},\"requests\":[],\"concurrency\":0}}"), "concurrency"),
        (&*format!("{{{base},\"requests\":[],\"stack\":{{\"retry\":{{\"max_tries\":1}}}}}}"), "max_tries"),
        (
            &*format!("{{{base},\"requests\":[],\"stack\":{{\"retry\":{{\"backoff\":{{\"factor\":0}}}}}}}}"),
            "stack.retry.backoff.factor",
        ),
        (
            &*format!("{{{base},\"requests\":[],\"stack\":{{\"pool\":{{\"max_connections\":0}}}}}}"),
            "stack.pool.max_connections",
        ),
        (&*format!("{{{base},\"requests\":[],\"auth\":{{\"bearer\":{{\"token\":\"\"}}}}}}"), "auth.bearer"),
        (&*format!("{{{base},\"requests\":[],\"auth\":{{}}}}"), "auth"),
        ("{\"base_url\":\"127.0.0.1\",\"requests\":[]}", "base_url"),
    ];
    for (document, key) in cases {
        let line = refused(document).await;
        assert!(line.contains(key), "{document}: {line}");
    }
}
