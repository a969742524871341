//! Room for tests that open thousands of connections: one of them at a time.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::{Mutex, MutexGuard};

/// Descriptors that the other tests are left with.
const OTHERS: u64 = 2_000;

/// The only test of its kind that runs now.
pub(crate) struct Alone {
    _only: MutexGuard<'static, ()>,
    /// Descriptors that it may use.
    pub(crate) descriptors: u64,
    /// Descriptors that there are when nothing else runs.
    pub(crate) hard_limit: u64,
}

/// Waits for other crowds to leave, and raises this process's limit as far as the system allows.
pub(crate) async fn alone() -> Alone {
    static ONLY: Mutex<()> = Mutex::const_new(());
    let only = ONLY.lock().await;
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).expect("the limit that is allowed");
    let hard_limit = maximum.unwrap_or(u64::MAX);
    Alone { _only: only, descriptors: hard_limit.saturating_sub(OTHERS), hard_limit }
}
