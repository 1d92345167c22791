//! A server, a client of it with short delays, and what was seen.

use serde_json::{Value, json};
use tower_intake::config::StackConfig;
use tower_intake_tests::{Answer, Server, sequence};

use crate::api::{Api, config};

/// Short, steady delays; the breaker out of the way.
fn quick() -> Value {
    json!({
        "retry": {"backoff": {"base": "20ms", "factor": 1.0, "jitter": "none"}, "retry_after_jitter": 0.0},
        "breaker": {"consecutive": 100},
    })
}

pub(crate) fn quick_with(more: &[(&str, Value)]) -> StackConfig {
    let mut settings = quick();
    for (key, value) in more {
        settings[*key] = value.clone();
    }
    config(settings)
}

pub(crate) async fn server<const N: usize>(answers: [Answer; N]) -> Server {
    Server::start(sequence(answers).then(Answer::ok().body("done"))).await.unwrap()
}

pub(crate) fn api(server: &Server) -> Api {
    Api::new(&server.url(), &config(quick()))
}

/// A header of every request, in order of arrival.
pub(crate) fn headers(server: &Server, name: &str) -> Vec<Option<String>> {
    server.requests().iter().map(|request| request.header(name).map(str::to_owned)).collect()
}

pub(crate) fn counts(server: &Server) -> Vec<String> {
    headers(server, "x-retry-count")
        .into_iter()
        .map(|count| count.unwrap_or_else(|| "-".to_owned()))
        .collect()
}
