//! The older connections of a session whose client has come back.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::control::{ClaimKey, CommandDelivery, RelayCommand};
use crate::proxy::shared::proxy_state::ProxyState;

/// Between the first two looks whether an older connection has ended; twice as long each time, up to [`LOOK_LATER`].
const LOOK_SOON: Duration = Duration::from_millis(1);
/// Between two looks at most: when thousands come back at once, their looks must not be what keeps the workers from it.
const LOOK_LATER: Duration = Duration::from_millis(16);

/// How long an older connection is waited for that does not end. A worker comes to what it was told within
/// milliseconds, within some hundred on a busy machine. One that has not in two seconds stands still, and what it holds
/// goes nowhere: the first thing that it will do is to drop that. To wait any longer would take the time in which a
/// session with a short timeout (4 s is the shortest that servers give by default) is to be claimed.
pub(crate) const OLDER_ENDS_WITHIN: Duration = Duration::from_secs(2);

/// Ends the older connections of a session's client, so that nothing that they still hold reaches a server behind the
/// new claim, and waits for that so long at most; returns how long it took. Where one name stands for several servers
/// it is not known which of them carries what, and the connections are left as they would be without zoogate.
pub(super) async fn end_older_connections(proxy: &ProxyState, key: ClaimKey, within: Duration) -> Duration {
    let (began, mut pause) = (Instant::now(), LOOK_SOON);
    loop {
        let mut carriers = proxy.state.carriers(key.session);
        carriers.retain(|(_, server)| !proxy.state.stands_for_many(*server));
        let mut ends = false;
        for (connection, _) in &carriers {
            // All of them are told. One that has just attached is known a moment before its relay can be.
            let told = proxy.control.send(*connection, RelayCommand::Superseded, Some(key));
            ends |= told != CommandDelivery::NotConcerned;
        }
        if !ends || began.elapsed() >= within {
            return began.elapsed();
        }
        sleep(pause).await;
        pause = (pause * 2).min(LOOK_LATER);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::control::{RelayHandle, SessionHolder};
    use crate::ids::{ServerId, SessionId};
    use crate::proxy::relay::live_sink::LiveSink;
    use crate::proxy::shared::proxy_state::tests::proxy;
    use crate::session::ConnectionLink;
    use crate::session::connection_end::{ConnectionCloser, ProxyClose};
    use crate::session::verdict::RouteReason;
    use crate::wire::JuteWriter;

    const SESSION: SessionId = SessionId(0x0100_0000_0000_0009);

    #[tokio::test]
    async fn a_claim_goes_up_when_all_older_connections_have_ended_however_slow_their_workers_are() {
        let proxy = Arc::new(proxy("servers = \"a:1,b:1\"\nlisten = [\"127.0.0.1:1\"]\nworkers = 1"));
        let attached = |server: ServerId, session: SessionId| {
            let (connection, client) = (proxy.next_connection(), ([127, 0, 0, 1], 4000 + server.0).into());
            let link = ConnectionLink { connection, client, server, routed: RouteReason::Spread };
            let mut inspector = LiveSink::inspect(&proxy, link, 0);
            let now = proxy.clock.now();
            let claim = JuteWriter::new().begin().int(0).long(0).int(30_000).long(session.0);
            let claim = claim.buffer(&if session.is_new() { [0; 16] } else { session.password() }).end();
            let answer = JuteWriter::new().begin().int(0).int(30_000).long(SESSION.0).buffer(&SESSION.password()).end();
            inspector.read_client(now, &claim.into_bytes());
            inspector.read_server(now, &answer.into_bytes());
            let key = inspector.sink().key().expect("a session that was given");
            let holder = SessionHolder::Pooled(Some(key));
            let registered = proxy.control.registries()[0].enter(connection, server, holder, RelayHandle::new());
            (inspector, registered, key)
        };
        let older = [attached(ServerId(0), SessionId(0)), attached(ServerId(1), SESSION)];
        let key = older[0].2;
        end_older_connections(&proxy, key, Duration::ZERO).await;
        for (_, registered, _) in &older {
            assert_eq!(registered.handle().command(), RelayCommand::Superseded, "it is told, and stands still");
        }
        let workers = older.map(|(mut inspector, registered, _)| {
            tokio::spawn(async move {
                sleep(Duration::from_millis(300)).await;
                inspector.close(ConnectionCloser::Proxy(ProxyClose::Superseded));
                (inspector, registered)
            })
        });
        end_older_connections(&proxy, key, OLDER_ENDS_WITHIN).await;
        assert!(proxy.state.carriers(SESSION).is_empty(), "the claim would overtake it");
        drop(workers);
    }
}
