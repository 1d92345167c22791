use std::sync::{Arc, Weak};

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::door::Door;

/// Sees to it that someone keeps the time of `door` until it is open: one task a door, and not one timer a
/// waiter. So it does not matter which of the waiting futures is being polled: one that nobody polls holds
/// nobody up. It does not keep the door: when nobody has it any more there is nobody to keep the time for.
///
/// Returns false outside a runtime; then the door is remembered until somebody comes from inside one.
pub(crate) fn spawn(door: &Arc<Door>) -> bool {
    let driver = Driver { door: Arc::downgrade(door), changed: Arc::clone(door.changed()), done: false };
    match Handle::try_current() {
        Ok(runtime) => {
            runtime.spawn(driver.run());
            true
        }
        // dropping the driver says so
        Err(_) => false,
    }
}

struct Driver {
    door: Weak<Door>,
    changed: Arc<Notify>,
    done: bool,
}

impl Driver {
    async fn run(mut self) {
        while let Some(alarm) = self.door.upgrade().and_then(|door| door.tick()) {
            // a change that came before we listen has left its mark: it ends the wait at once
            let _ = timeout_at(Instant::from_std(alarm), self.changed.notified()).await;
        }
        self.done = true;
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if !self.done
            && let Some(door) = self.door.upgrade()
        {
            door.abandoned();
        }
    }
}
