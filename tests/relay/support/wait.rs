//! Waiting by asking again, with a deadline that only a broken run reaches.

use std::future::Future;
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};

/// Long enough for anything that a loaded machine does in the end.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

const STEP: Duration = Duration::from_millis(5);

/// Asks until there is an answer.
pub(crate) async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "waited {} s for {what}", PATIENCE.as_secs());
        sleep(STEP).await;
    }
}

/// Waits for something that happens in the end.
pub(crate) async fn within<T>(what: &str, happens: impl Future<Output = T>) -> T {
    let waited = timeout(PATIENCE, happens).await;
    waited.unwrap_or_else(|_| panic!("waited {} s for {what}", PATIENCE.as_secs()))
}
