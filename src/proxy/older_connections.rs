//! The older connections of a session whose client has come back.

use std::time::Duration;

use tokio::time::sleep;

use super::claims_out::ClaimKey;
use super::gateway::Gateway;
use super::roll::{Told, Word};

/// How often, a millisecond apart, an older connection of the session is looked for that has yet to end.
const TRIES: u32 = 50;

/// Ends the older connections of a session's client, so that nothing that they still hold reaches a server behind the
/// new claim. Where one name stands for several servers it is not known which of them carries what, and the connections
/// are left as they would be without zoogate.
pub(super) async fn end_older_connections(gateway: &Gateway, key: ClaimKey) {
    for _ in 0..TRIES {
        let mut carriers = gateway.observatory.carriers(key.session);
        carriers.retain(|(_, server)| !gateway.observatory.stands_for_many(*server));
        let mut ending = carriers.iter().filter(|(connection, _)| {
            // One that has just attached is known a moment before its relay can be told.
            gateway.tell(*connection, Word::Superseded, Some(key)) != Told::NotMeant
        });
        if ending.next().is_none() {
            return;
        }
        sleep(Duration::from_millis(1)).await;
    }
}
