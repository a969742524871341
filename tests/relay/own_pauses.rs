//! zoogate itself stands still while its neighbours are well: nobody else is blamed for that.

use std::time::Duration;

use tokio::time::sleep;

use crate::support::fake::Fake;
use crate::support::frames;
use crate::support::pair::Pair;
use crate::support::ports;
use crate::support::sockets::{expect, send};
use crate::support::zoogate::Plan;

/// Session timeout, and a pause above two thirds of it.
const TIMEOUT: i32 = 6_000;
const PAUSE: Duration = Duration::from_millis(4_500);

#[tokio::test]
async fn a_process_that_was_stopped_says_so_and_blames_nobody() {
    let mut fake = Fake::start().await;
    let address = ports::free();
    let mut zoogate = Plan::before(&[fake.address()]).mirror(address, fake.address()).start().await;
    let mut impatient = Pair::attach_for(&mut fake, address, 0x0100_0000_0000_0901, TIMEOUT).await;
    let forgotten = Pair::attach_for(&mut fake, address, 0x0100_0000_0000_0902, TIMEOUT).await;
    send(&mut impatient.client, &frames::ping()).await;
    expect(&mut impatient.server, &frames::ping()).await;
    zoogate.freeze();
    sleep(PAUSE).await;
    drop((impatient.client, forgotten.server));
    zoogate.thaw();
    zoogate.counts("zoogate_connection_ends_total", &["reason=\"proxy_paused\""], 2).await;
    zoogate.logs("zoogate itself paused").await;
    assert_eq!(zoogate.metric("zoogate_own_pauses_total", &[]).await, 1, "all threads tell of one pause");
    let paused = zoogate.metric("zoogate_own_pause_seconds_total", &[]).await;
    assert!(paused >= PAUSE.as_secs(), "{paused} s");
    for end in zoogate.json("/api/connections?state=ended").await["connections"].as_array().expect("a list") {
        assert!(end["why"].as_str().is_some_and(|why| why.contains("zoogate itself")), "{end}");
    }
}
