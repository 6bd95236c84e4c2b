//! Time on a core.

use std::time::Duration;

/// Time that this thread has spent on a core: what a busy machine takes away is not in it.
pub(crate) fn on_core() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let first = stat.split(' ').next();
    let nanos = first.and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.unwrap_or_default())
}
