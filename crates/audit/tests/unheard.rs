//! Whether anybody listens. Alone in its file: `tracing` remembers for the whole process who once did.

use tower_intake_audit::TracingSink;
use tower_intake_core::Sink;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;

#[test]
fn c_audit_traced_is_enabled_only_if_somebody_listens() {
    assert!(!TracingSink.is_enabled());
    tracing::subscriber::with_default(registry(), || assert!(TracingSink.is_enabled()));
    // who wants warnings alone is told how a call failed
    let warnings = registry().with(LevelFilter::WARN);
    tracing::subscriber::with_default(warnings, || assert!(TracingSink.is_enabled()));
    let errors = registry().with(LevelFilter::ERROR);
    tracing::subscriber::with_default(errors, || assert!(!TracingSink.is_enabled()));
    assert!(!TracingSink.is_enabled());
}
