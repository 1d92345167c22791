use tower::ServiceBuilder;
use tower_intake_audit::AuditLayer;
use tower_intake_auth::{AuthLayer, Credentials, Origins};
use tower_intake_breaker::{BreakerLayer, Circuit};
use tower_intake_gate::{Gate, GateLayer};
use tower_intake_retry::RetryLayer;
use tower_intake_retry_count::RetryCountLayer;
use tower_layer::Stack;

/// The layers as methods of tower's [`ServiceBuilder`].
///
/// ```
/// use tower::ServiceBuilder;
/// use tower_intake::ServiceBuilderExt as _;
/// use tower_intake::gate::Gate;
/// use tower_intake::retry::RetryPolicy;
///
/// let gate = Gate::per_authority();
/// let builder = ServiceBuilder::new().retry(RetryPolicy::default()).retry_count().gate(gate);
/// # let _ = builder;
/// ```
pub trait ServiceBuilderExt<L>: sealed::Sealed {
    /// One audit event an operation, and its correlation id.
    fn audit_operation(self) -> ServiceBuilder<Stack<AuditLayer, L>>;

    /// One audit event an attempt.
    fn audit_attempt(self) -> ServiceBuilder<Stack<AuditLayer, L>>;

    /// Retries by `policy`.
    fn retry<P>(self, policy: P) -> ServiceBuilder<Stack<RetryLayer<P>, L>>;

    /// X-Retry-Count.
    fn retry_count(self) -> ServiceBuilder<Stack<RetryCountLayer, L>>;

    /// Waits at `gate`.
    fn gate(self, gate: Gate) -> ServiceBuilder<Stack<GateLayer, L>>;

    /// Refuses while `circuit` is open.
    fn breaker(self, circuit: Circuit) -> ServiceBuilder<Stack<BreakerLayer, L>>;

    /// Sends `credentials` to `origins`.
    fn auth<C: Credentials>(self, credentials: C, origins: Origins)
    -> ServiceBuilder<Stack<AuthLayer<C>, L>>;
}

impl<L> ServiceBuilderExt<L> for ServiceBuilder<L> {
    fn audit_operation(self) -> ServiceBuilder<Stack<AuditLayer, L>> {
        self.layer(AuditLayer::operation())
    }

    fn audit_attempt(self) -> ServiceBuilder<Stack<AuditLayer, L>> {
        self.layer(AuditLayer::attempt())
    }

    fn retry<P>(self, policy: P) -> ServiceBuilder<Stack<RetryLayer<P>, L>> {
        self.layer(RetryLayer::new(policy))
    }

    fn retry_count(self) -> ServiceBuilder<Stack<RetryCountLayer, L>> {
        self.layer(RetryCountLayer::new())
    }

    fn gate(self, gate: Gate) -> ServiceBuilder<Stack<GateLayer, L>> {
        self.layer(GateLayer::new(gate))
    }

    fn breaker(self, circuit: Circuit) -> ServiceBuilder<Stack<BreakerLayer, L>> {
        self.layer(BreakerLayer::new(circuit))
    }

    fn auth<C: Credentials>(
        self,
        credentials: C,
        origins: Origins,
    ) -> ServiceBuilder<Stack<AuthLayer<C>, L>> {
        self.layer(AuthLayer::new(credentials, origins))
    }
}

mod sealed {
    /// Only tower's own builder.
    pub trait Sealed {}

    impl<L> Sealed for tower::ServiceBuilder<L> {}
}
