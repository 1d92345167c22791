use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower::ServiceBuilder;
use tower_intake::audit::AuditLayer;
use tower_intake::auth::{AuthLayer, Bearer, Origins};
use tower_intake::breaker::{BreakerLayer, Circuit};
use tower_intake::gate::{Gate, GateLayer};
use tower_intake::limit::{AdaptiveLimitLayer, Limit};
use tower_intake::retry::{AttemptTimeoutLayer, DeadlineLayer, RetryLayer, RetryPolicy};
use tower_intake::retry_count::RetryCountLayer;
use tower_service::Service;

use crate::bare::{Bare, Pending};

/// Every stack, in the order of the table.
pub const NAMES: [&str; 13] = [
    "bare",
    "retry-count",
    "gate",
    "breaker",
    "auth",
    "audit-operation",
    "audit-attempt",
    "limit",
    "deadline",
    "retry",
    "all",
    "bare-pending",
    "timeout-pending",
];

/// Does something with a service, whatever its type.
pub trait Visit {
    /// With this one.
    fn visit<S>(self, service: S)
    where
        S: Service<Request<Full<Bytes>>>;
}

/// Gives `visitor` the stack called `name`; an unknown name is no stack.
///
/// # Panics
/// Where the constants here are not what the constructors take.
pub fn visit(name: &str, visitor: impl Visit) {
    let stack = ServiceBuilder::new();
    match name {
        "bare" => visitor.visit(Bare),
        "retry-count" => visitor.visit(stack.layer(RetryCountLayer::new()).service(Bare)),
        "gate" => visitor.visit(stack.layer(GateLayer::new(Gate::per_authority())).service(Bare)),
        "breaker" => visitor.visit(stack.layer(BreakerLayer::new(Circuit::per_authority())).service(Bare)),
        "auth" => visitor.visit(stack.layer(auth()).service(Bare)),
        "audit-operation" => visitor.visit(stack.layer(AuditLayer::operation()).service(Bare)),
        "audit-attempt" => visitor.visit(stack.layer(AuditLayer::attempt()).service(Bare)),
        "limit" => visitor.visit(stack.layer(AdaptiveLimitLayer::new(limit())).service(Bare)),
        "bare-pending" => visitor.visit(Pending),
        "timeout-pending" => {
            let timeout = AttemptTimeoutLayer::new(Duration::from_secs(30));
            visitor.visit(stack.layer(timeout).service(Pending));
        }
        "deadline" => visitor.visit(stack.layer(DeadlineLayer::new(Duration::from_secs(30))).service(Bare)),
        "retry" => visitor.visit(stack.layer(RetryLayer::new(RetryPolicy::default())).service(Bare)),
        "all" => visitor.visit(
            stack
                .layer(AuditLayer::operation())
                .layer(RetryLayer::new(RetryPolicy::default()))
                .layer(RetryCountLayer::new())
                .layer(AuditLayer::attempt())
                .layer(GateLayer::new(Gate::per_authority()))
                .layer(BreakerLayer::new(Circuit::per_authority()))
                .layer(auth())
                .service(Bare),
        ),
        _ => {}
    }
}

fn auth() -> AuthLayer<Bearer> {
    let bearer = Bearer::new("a-token-of-some-length-0123456789").expect("a token");
    AuthLayer::new(bearer, Origins::only(["http://127.0.0.1:8080"]).expect("an origin"))
}

fn limit() -> Limit {
    Limit::fixed(64).expect("more than 0")
}
