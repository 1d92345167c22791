//! Time a call, a layer each and all of them: `cargo bench -p tower-intake-benches`.
//!
//! Times of a shared machine; for figures that can be compared, `scripts/cost` counts instructions.
#![allow(missing_docs)]

use criterion::{Criterion, criterion_group, criterion_main};
use tower_intake_benches::{NAMES, Visit, request, visit};
use tower_service::Service;

struct Timed<'a> {
    criterion: &'a mut Criterion,
    name: &'static str,
}

impl Visit for Timed<'_> {
    fn visit<S>(self, mut service: S)
    where
        S: Service<http::Request<http_body_util::Full<bytes::Bytes>>>,
    {
        let uri = http::Uri::from_static("http://127.0.0.1:8080/v1/batch");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        self.criterion.bench_function(self.name, |bencher| {
            bencher.iter(|| {
                runtime.block_on(async {
                    if std::future::poll_fn(|cx| service.poll_ready(cx)).await.is_ok() {
                        let _ = std::hint::black_box(service.call(request(&uri)).await);
                    }
                });
            });
        });
    }
}

fn layers(criterion: &mut Criterion) {
    for name in NAMES {
        visit(name, Timed { criterion: &mut *criterion, name });
    }
}

criterion_group!(benches, layers);
criterion_main!(benches);
