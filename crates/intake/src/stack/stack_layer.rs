use http::header::HeaderName;
use tower_intake_audit::AuditLayer;
use tower_intake_auth::{AnyCredentials, AuthLayer, Credentials, Origins};
use tower_intake_breaker::{BreakerLayer, Circuit};
use tower_intake_core::{Random, Sink, StatusTable, WallClock};
use tower_intake_gate::{Gate, GateLayer};
#[cfg(feature = "limit")]
use tower_intake_limit::{AdaptiveLimitLayer, Limit};
use tower_intake_retry::{AttemptTimeoutLayer, CollectLayer, DeadlineLayer, IdempotencyKeyLayer, RetryLayer};
use tower_intake_retry_count::RetryCountLayer;

use crate::config::{Bound, ConfigError, RetryConfig, StackConfig};

/// The standard stack as one layer: made from a [`StackConfig`], in the standard order.
///
/// Layered around two clients, it gives two services that share gate, breaker and limit.
///
/// ```
/// use tower::ServiceBuilder;
/// use tower_intake::auth::{Bearer, Origins};
/// use tower_intake::config::StackConfig;
/// use tower_intake::stack::Stack;
///
/// let stack = Stack::new(&StackConfig::default())?
///     .credentials(Bearer::new("t0ken")?, Origins::only(["https://api.example.com"])?);
/// let gate = stack.gate().cloned();
/// # let client = tower::service_fn(|_: http::Request<()>| async { Ok::<_, std::convert::Infallible>(http::Response::new(())) });
/// let service = ServiceBuilder::new().layer(stack).service(client);
/// # let _ = (gate, service);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Stack<C = AnyCredentials> {
    pub(crate) audit_operation: Option<AuditLayer>,
    pub(crate) deadline: Option<DeadlineLayer>,
    pub(crate) idempotency_key: Option<IdempotencyKeyLayer>,
    pub(crate) retry: Option<RetryLayer>,
    pub(crate) retry_count: Option<RetryCountLayer>,
    pub(crate) audit_attempt: Option<AuditLayer>,
    pub(crate) gate: Option<GateLayer>,
    pub(crate) breaker: Option<BreakerLayer>,
    #[cfg(feature = "limit")]
    pub(crate) limit: Option<AdaptiveLimitLayer>,
    pub(crate) auth: Option<AuthLayer<C>>,
    pub(crate) timeout: AttemptTimeoutLayer,
    pub(crate) collect: Option<CollectLayer>,
    handles: Handles,
}

#[derive(Clone, Debug, Default)]
struct Handles {
    gate: Option<Gate>,
    circuit: Option<Circuit>,
    #[cfg(feature = "limit")]
    limit: Option<Limit>,
}

impl Stack {
    /// The stack that `config` describes, without credentials.
    ///
    /// # Errors
    /// A number that makes no sense, alone or beside another; the error names the field.
    pub fn new(config: &StackConfig) -> Result<Self, ConfigError> {
        Self::with(config, Random::from_os(), WallClock::system())
    }

    /// The same with randomness and wall clock of your own, for runs that can be repeated.
    ///
    /// # Errors
    /// As [`Stack::new`].
    #[allow(clippy::needless_pass_by_value)] // handles, given away like everywhere
    pub fn with(config: &StackConfig, random: Random, wall_clock: WallClock) -> Result<Self, ConfigError> {
        for (field, timeout) in [
            ("attempt_timeout", config.attempt_timeout),
            ("read_timeout", config.read_timeout),
            ("total_timeout", config.total_timeout),
        ] {
            if timeout == Bound::millis(0) {
                return Err(ConfigError::new(
                    field,
                    "0 leaves no time at all; leave it out, or `false` for no bound",
                ));
            }
        }
        let table = config.status.table().map_err(|error| error.within("status"))?;
        // what the gate shares with retry stands in retry's part, and has its default where that is off
        let shared = config.retry.on().cloned().unwrap_or_else(RetryConfig::default);
        let retry = config
            .retry
            .on()
            .map(|retry| retry.policy(table.clone(), random.clone(), wall_clock.clone()))
            .transpose()
            .map_err(|error| error.within("retry"))?;
        let gate = config
            .gate
            .on()
            .map(|gate| gate.gate(shared.max_retry_after, shared.honour(), table.clone(), wall_clock.clone()))
            .transpose()
            .map_err(|error| error.within("gate"))?;
        let circuit = config
            .breaker
            .on()
            .map(|breaker| {
                breaker.circuit(shared.max_retry_after, table.clone(), random.clone(), wall_clock.clone())
            })
            .transpose()
            .map_err(|error| error.within("breaker"))?;
        #[cfg(feature = "limit")]
        let limit = config
            .limit
            .on()
            .map(|limit| {
                let max = limit.fixed()?;
                Limit::fixed(max).map_err(|error| ConfigError::of("max", &error))
            })
            .transpose()
            .map_err(|error| error.within("limit"))?;
        #[cfg(not(feature = "limit"))]
        if config.limit.on().is_some() {
            return Err(ConfigError::new("limit", "needs the feature `limit` of tower-intake"));
        }
        let audit = |layer: AuditLayer| audit(config, layer, &table, &wall_clock);

        Ok(Self {
            audit_operation: audit(AuditLayer::operation())?,
            // where there is a retry layer, it cuts the call itself and returns what the server said last
            deadline: config.total_timeout.0.map(|total| {
                let layer = DeadlineLayer::new(total);
                if retry.is_some() { layer.set_only() } else { layer }
            }),
            idempotency_key: match config.idempotency_key.on() {
                None => None,
                Some(key) => {
                    Some(IdempotencyKeyLayer::new().header(header("idempotency_key.header", &key.header)?))
                }
            },
            retry: retry.map(RetryLayer::new),
            retry_count: match config.retry_count.on() {
                None => None,
                Some(count) => Some(
                    RetryCountLayer::new()
                        .header(header("retry_count.header", &count.header)?)
                        .send_zero(count.send_zero),
                ),
            },
            audit_attempt: audit(AuditLayer::attempt())?,
            gate: gate.clone().map(GateLayer::new),
            breaker: circuit.clone().map(BreakerLayer::new),
            #[cfg(feature = "limit")]
            limit: limit.clone().map(AdaptiveLimitLayer::new),
            auth: None,
            timeout: AttemptTimeoutLayer::new(config.attempt_timeout.0).read_timeout(config.read_timeout.0),
            collect: config
                .collect
                .on()
                .map(|collect| CollectLayer::new(usize::try_from(collect.max_bytes.0).unwrap_or(usize::MAX))),
            handles: Handles {
                gate,
                circuit,
                #[cfg(feature = "limit")]
                limit,
            },
        })
    }
}

impl<C> Stack<C> {
    /// With `credentials`, which go to `origins` and nowhere else.
    pub fn credentials<C2>(self, credentials: C2, origins: Origins) -> Stack<C2>
    where
        C2: Credentials,
    {
        self.auth(Some(AuthLayer::new(credentials, origins)))
    }

    /// With this auth layer, or none.
    pub fn auth<C2>(self, auth: Option<AuthLayer<C2>>) -> Stack<C2> {
        Stack {
            audit_operation: self.audit_operation,
            deadline: self.deadline,
            idempotency_key: self.idempotency_key,
            retry: self.retry,
            retry_count: self.retry_count,
            audit_attempt: self.audit_attempt,
            gate: self.gate,
            breaker: self.breaker,
            #[cfg(feature = "limit")]
            limit: self.limit,
            auth,
            timeout: self.timeout,
            collect: self.collect,
            handles: self.handles,
        }
    }

    /// Audit events go to `sink` instead of `tracing`.
    #[must_use]
    pub fn audit_sink(mut self, sink: impl Sink + Clone + 'static) -> Self {
        self.audit_operation = self.audit_operation.map(|layer| layer.sink(sink.clone()));
        self.audit_attempt = self.audit_attempt.map(|layer| layer.sink(sink));
        self
    }

    /// The gate's handle, if there is a gate.
    pub fn gate(&self) -> Option<&Gate> {
        self.handles.gate.as_ref()
    }

    /// The breaker's handle, if there is a breaker.
    pub fn circuit(&self) -> Option<&Circuit> {
        self.handles.circuit.as_ref()
    }

    /// The limit's handle, if there is a limit.
    #[cfg(feature = "limit")]
    pub fn limit(&self) -> Option<&Limit> {
        self.handles.limit.as_ref()
    }
}

fn audit(
    config: &StackConfig,
    layer: AuditLayer,
    table: &StatusTable,
    wall_clock: &WallClock,
) -> Result<Option<AuditLayer>, ConfigError> {
    let Some(audit) = config.audit.on() else {
        return Ok(None);
    };
    let header = header("audit.correlation_header", &audit.correlation_header)?;
    Ok(Some(layer.header(header).classify(table.clone()).wall_clock(wall_clock.clone())))
}

fn header(field: &str, name: &str) -> Result<HeaderName, ConfigError> {
    name.parse().map_err(|_| {
        ConfigError::new(field, format!("{name:?} is no header name; use letters, digits and `-`"))
    })
}
