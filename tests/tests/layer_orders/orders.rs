//! All orders of six layers.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Audit,
    Retry,
    RetryCount,
    Gate,
    Breaker,
    Auth,
}

const KINDS: [Kind; 6] = [Kind::Audit, Kind::Retry, Kind::RetryCount, Kind::Gate, Kind::Breaker, Kind::Auth];

/// An order, outermost first.
pub(crate) type Order = Vec<Kind>;

pub(crate) fn orders() -> Vec<Order> {
    fn grow(order: &Order, left: &[Kind], all: &mut Vec<Order>) {
        if left.is_empty() {
            all.push(order.clone());
        }
        for (at, kind) in left.iter().enumerate() {
            let mut longer = order.clone();
            longer.push(*kind);
            let mut rest = left.to_vec();
            rest.remove(at);
            grow(&longer, &rest, all);
        }
    }
    let mut all = Vec::new();
    grow(&Vec::new(), &KINDS, &mut all);
    assert_eq!(all.len(), 720);
    all
}

/// Whether `inner` stands within retry, so that it sees each attempt.
pub(crate) fn in_retry(order: &Order, inner: Kind) -> bool {
    let place = |kind| order.iter().position(|known| *known == kind).unwrap();
    place(inner) > place(Kind::Retry)
}
