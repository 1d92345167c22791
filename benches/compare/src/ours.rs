use http::{Response, Uri};
use http_body::Body;
use tower::ServiceBuilder;
use tower_intake_audit::AuditLayer;
use tower_intake_auth::{AuthLayer, Bearer, Origins};
use tower_intake_breaker::{BreakerLayer, Circuit};
use tower_intake_gate::{Gate, GateLayer};
use tower_intake_retry::{HeldBody, RetryLayer, RetryPolicy};
use tower_intake_retry_count::RetryCountLayer;
use tower_service::Service;

use crate::bare::Post;
use crate::stacks::Inner;

pub(crate) fn three<S, B>(inner: S) -> impl Service<Post, Response = Response<HeldBody<B>>>
where
    S: Inner<B>,
    B: Body,
{
    ServiceBuilder::new()
        .layer(RetryLayer::new(RetryPolicy::default()))
        .layer(GateLayer::new(Gate::per_authority()))
        .layer(BreakerLayer::new(Circuit::per_authority()))
        .service(inner)
}

/// The standard stack without timeouts; no event is taken, as no subscriber listens.
pub(crate) fn all<S, B>(
    uri: &Uri,
    inner: S,
) -> impl Service<Post, Response = Response<HeldBody<B>>> + use<S, B>
where
    S: Inner<B>,
    B: Body,
{
    ServiceBuilder::new()
        .layer(AuditLayer::operation())
        .layer(RetryLayer::new(RetryPolicy::default()))
        .layer(RetryCountLayer::new())
        .layer(AuditLayer::attempt())
        .layer(GateLayer::new(Gate::per_authority()))
        .layer(BreakerLayer::new(Circuit::per_authority()))
        .layer(auth(uri))
        .service(inner)
}

fn auth(uri: &Uri) -> AuthLayer<Bearer> {
    let bearer = Bearer::new("a-token-of-some-length-0123456789").expect("a token");
    let origins = Origins::only([uri.clone()]).expect("an origin");
    AuthLayer::new(bearer, origins)
}
