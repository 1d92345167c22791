use std::fmt::{Debug, Display};

use http::{Response, Uri};
use http_body::Body;
use tower_service::Service;

use crate::bare::Post;
use crate::{ours, peers};

/// Every stack, in the order of the table.
pub const NAMES: [&str; 7] =
    ["bare", "tower", "resilience-three", "resilience", "http-resilience", "ours-three", "ours"];

/// The stack in words.
pub fn title(name: &str) -> &'static str {
    match name {
        "bare" => "bare service",
        "tower" => "tower: rate limit, retry, concurrency limit, timeout",
        "resilience-three" => "tower-resilience: retry, circuit breaker, rate limiter",
        "resilience" => "tower-resilience: retry, circuit breaker, rate limiter, bulkhead, time limiter",
        "http-resilience" => {
            "tower-http + tower-resilience, the work of ours: request id, trace, retry, retry count, trace, \
             rate limiter, circuit breaker, auth"
        }
        "ours-three" => "ours: retry, gate, breaker",
        "ours" => "ours: audit, retry, retry-count, audit, gate, breaker, auth",
        _ => "unknown",
    }
}

/// What a stack can stand on.
pub trait Inner<B>:
    Service<
        Post,
        Response = Response<B>,
        Error: Into<Box<dyn std::error::Error + Send + Sync>> + Debug + Display + Send,
        Future: Send,
    > + Clone
    + Send
    + 'static
{
}

impl<S, B> Inner<B> for S where
    S: Service<
            Post,
            Response = Response<B>,
            Error: Into<Box<dyn std::error::Error + Send + Sync>> + Debug + Display + Send,
            Future: Send,
        > + Clone
        + Send
        + 'static
{
}

/// Does something with a service, whatever its type.
pub trait Visit {
    /// What comes of it.
    type Output;

    /// With this one.
    fn visit<S, B>(self, service: S) -> Self::Output
    where
        S: Service<Post, Response = Response<B>> + 'static,
        B: Body + 'static;
}

/// Gives `visitor` the stack called `name` for `uri` around `inner`; `None` if there is none of that name.
pub fn visit<S, B, V>(name: &str, uri: &Uri, inner: S, visitor: V) -> Option<V::Output>
where
    S: Inner<B>,
    S::Error: 'static,
    S::Future: 'static,
    B: Body<Error: Display> + Send + 'static,
    V: Visit,
{
    Some(match name {
        "bare" => visitor.visit(inner),
        "tower" => visitor.visit(peers::tower(inner)),
        "resilience-three" => visitor.visit(peers::resilience_three(inner)),
        "resilience" => visitor.visit(peers::resilience(inner)),
        "http-resilience" => visitor.visit(peers::http_resilience(inner)),
        "ours-three" => visitor.visit(ours::three(inner)),
        "ours" => visitor.visit(ours::all(uri, inner)),
        _ => return None,
    })
}
