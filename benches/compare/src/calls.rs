use http_body::Body;
use tokio::runtime::Runtime;
use tower_service::Service;

use crate::bare::{Bare, Post, request, uri};
use crate::stacks::{Visit, visit};

/// So many calls of one stack around the bare service, one after the other.
pub type Calls = Box<dyn FnMut(u64)>;

/// The loop over the stack called `name`; `None` if there is none.
pub fn calls(name: &str) -> Option<Calls> {
    let runtime = runtime()?;
    let handle = runtime.handle().clone();
    // tower's rate limit is made only within a runtime
    let _entered = handle.enter();
    visit(name, &uri(), Bare, Loop(runtime))
}

fn runtime() -> Option<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_time().build().ok()
}

struct Loop(Runtime);

impl Visit for Loop {
    type Output = Calls;

    fn visit<S, B>(self, mut service: S) -> Calls
    where
        S: Service<Post, Response = http::Response<B>> + 'static,
        B: Body + 'static,
    {
        Box::new(move |calls| {
            let uri = uri();
            self.0.block_on(async {
                for _ in 0..calls {
                    if std::future::poll_fn(|cx| service.poll_ready(cx)).await.is_ok() {
                        let _ = std::hint::black_box(service.call(request(&uri)).await);
                    }
                }
            });
        })
    }
}
