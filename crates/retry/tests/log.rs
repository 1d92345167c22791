//! What a subscriber hears. One test in a process of its own: tracing caches who listens.
#![allow(clippy::unwrap_used)] // helpers of tests

mod support;

use support::*;
use tower_intake_core::Random;
use tower_intake_retry::RetryPolicy;

#[tokio::test(start_paused = true)]
async fn c_ra_07_one_warning_names_the_escaped_value() {
    let log = Lines::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let server = server(|n| if n == 1 { with(429, "retry-after", "so\ton") } else { status(200) });
    let policy = RetryPolicy::builder().random(Random::seeded(1)).build().unwrap();
    send(&mut server.with(policy), get()).await.unwrap();
    let lines = log.0.lock().unwrap().clone();
    let warnings: Vec<_> = lines.iter().filter(|line| line.starts_with("WARN")).collect();
    assert_eq!(warnings.len(), 1, "{lines:?}");
    assert!(warnings[0].contains(r"so\ton"), "{warnings:?}");
    assert!(lines.iter().any(|line| line.starts_with("DEBUG") && line.contains("throttled")), "{lines:?}");
}

/// Keeps events as lines.
#[derive(Clone, Debug, Default)]
struct Lines(std::sync::Arc<std::sync::Mutex<Vec<String>>>);

impl tracing::Subscriber for Lines {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        struct Text(String);
        impl tracing::field::Visit for Text {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                self.0.push_str(&format!(" {field}={value:?}"));
            }
            fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
                self.0.push_str(&format!(" {field}={value}"));
            }
        }
        let mut text = Text(event.metadata().level().to_string());
        event.record(&mut text);
        self.0.lock().unwrap().push(text.0);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}
