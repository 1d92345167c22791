//! Prints, for each stack, its name, the allocations a call and the bytes of a call's future.
#![allow(clippy::print_stdout)]

use tower_intake_benches::{NAMES, Visit, request, visit};
use tower_service::Service;

const CALLS: u32 = 6_400;

fn main() {
    for name in NAMES {
        visit(name, Count { name });
    }
}

struct Count {
    name: &'static str,
}

impl Visit for Count {
    fn visit<S>(self, mut service: S)
    where
        S: Service<http::Request<http_body_util::Full<bytes::Bytes>>>,
    {
        let uri = http::Uri::from_static("http://127.0.0.1:8080/v1/batch");
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_time().build() else {
            return;
        };
        runtime.block_on(async move {
            let mut bytes = 0;
            let mut run = async |calls: u32| {
                for _ in 0..calls {
                    if std::future::poll_fn(|cx| service.poll_ready(cx)).await.is_ok() {
                        let future = service.call(request(&uri));
                        bytes = size_of_val(&future);
                        let _ = std::hint::black_box(future.await);
                    }
                }
            };
            // what is made once for all is not a call's cost
            run(64).await;
            let counted = counted(run(CALLS)).await;
            println!("{} {:.3} {bytes}", self.name, counted as f64 / f64::from(CALLS));
        });
    }
}

/// Allocations while `work` runs; it must not wait for anything but itself.
async fn counted(work: impl Future<Output = ()>) -> u64 {
    let mut work = std::pin::pin!(work);
    let mut total = 0;
    std::future::poll_fn(|cx| {
        let mut poll = std::task::Poll::Pending;
        total += allocation_counter::measure(|| poll = work.as_mut().poll(cx)).count_total;
        poll
    })
    .await;
    total
}
