//! Every connection of a running proxy, as it can be commanded.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Semaphore, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

use super::claim_key::ClaimKey;
use super::relay_command::{CommandDelivery, RelayCommand};
use super::relay_registry::RelayRegistry;
use crate::ids::ConnectionId;
use crate::session::connection_end::DisconnectPoint;

/// How long a connection that an operator wants to end may take to reach a frame boundary.
pub(crate) const BOUNDARY_WITHIN: Duration = Duration::from_secs(1);
/// How long its end is waited for after that. Only a worker that stands still takes any time then.
pub(crate) const END_WITHIN: Duration = Duration::from_secs(5);
/// Disconnects under way at one time; further ones are refused.
pub(crate) const DISCONNECTS_AT_ONCE: usize = 16;
/// Between two of them: this many clients a second that come back do not harm an ensemble.
pub(crate) const DISCONNECTS_APART: Duration = Duration::from_millis(10);

/// How a connection ended that an operator wanted to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DisconnectOutcome {
    /// By that wish, there.
    Disconnected(DisconnectPoint),
    /// For another reason, before the wish had ended it.
    EndedItself,
}

impl DisconnectOutcome {
    /// Its name in JSON and logs.
    pub fn label(self) -> &'static str {
        match self {
            Self::Disconnected(point) => point.label(),
            Self::EndedItself => "by_itself",
        }
    }
}

/// Why a connection was not ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DisconnectError {
    /// No open connection has the number.
    #[error("no open connection has this number")]
    NotOpen,
    /// As many as allowed are being ended.
    #[error("{DISCONNECTS_AT_ONCE} connections are being ended already")]
    TooMany,
    /// It was told to end and has not.
    #[error("it was told to end and has not: its worker stands still")]
    StillOpen,
}

/// The way from an operator to the connections of a proxy.
#[derive(Debug)]
pub struct ConnectionControl {
    registries: Vec<Arc<RelayRegistry>>,
    under_way: Arc<Semaphore>,
    /// When the next disconnect may begin.
    next: Mutex<Instant>,
    boundary_within: Duration,
    end_within: Duration,
}

impl ConnectionControl {
    /// For a proxy of this many workers that carries nothing yet.
    pub fn new(workers: usize) -> Self {
        Self {
            registries: (0..workers).map(|_| Arc::default()).collect(),
            under_way: Arc::new(Semaphore::new(DISCONNECTS_AT_ONCE)),
            next: Mutex::new(Instant::now()),
            boundary_within: BOUNDARY_WITHIN,
            end_within: END_WITHIN,
        }
    }

    /// The connections of each worker.
    pub(crate) fn registries(&self) -> &[Arc<RelayRegistry>] {
        &self.registries
    }

    /// Sends a command to one pooled connection, wherever it is carried; see [`RelayRegistry::send`].
    pub(crate) fn send(&self, number: ConnectionId, command: RelayCommand, key: Option<ClaimKey>) -> CommandDelivery {
        let mut sent = self.registries.iter().map(|registry| registry.send(number, command, key));
        sent.find(|sent| *sent != CommandDelivery::NotHere).unwrap_or(CommandDelivery::NotHere)
    }

    /// What the client of a pooled connection proves that its session is its own by ([`ClaimKey::proof`]); None where
    /// that is not known.
    pub(crate) fn proof(&self, number: ConnectionId) -> Option<u64> {
        self.registries.iter().find_map(|registry| registry.proof(number))
    }

    /// Ends a connection: at its next frame boundary, or after [`BOUNDARY_WITHIN`] wherever it stands. It is ended
    /// even if nobody waits for the outcome any more.
    ///
    /// # Errors
    /// [`DisconnectError`]; with all but `StillOpen` nothing has happened.
    pub async fn disconnect(self: &Arc<Self>, number: ConnectionId) -> Result<DisconnectOutcome, DisconnectError> {
        let permit = Arc::clone(&self.under_way).try_acquire_owned().map_err(|_| DisconnectError::TooMany)?;
        let control = Arc::clone(self);
        let ending = tokio::spawn(async move {
            let _permit = permit;
            control.take_turn().await;
            control.end(number).await
        });
        ending.await.unwrap_or(Err(DisconnectError::StillOpen))
    }

    async fn take_turn(&self) {
        let mut next = self.next.lock().await;
        sleep_until(*next).await;
        *next = Instant::now() + DISCONNECTS_APART;
    }

    async fn end(&self, number: ConnectionId) -> Result<DisconnectOutcome, DisconnectError> {
        let told = self.registries.iter().find_map(|registry| Some((registry, registry.disconnect(number)?)));
        let (registry, mut ended) = told.ok_or(DisconnectError::NotOpen)?;
        let mut outcome = timeout(self.boundary_within, &mut ended).await;
        if outcome.is_err() {
            registry.disconnect_now(number);
            outcome = timeout(self.end_within, &mut ended).await;
        }
        match outcome {
            Ok(Ok(point)) => Ok(DisconnectOutcome::Disconnected(point)),
            Ok(Err(oneshot::error::RecvError { .. })) => Ok(DisconnectOutcome::EndedItself),
            Err(_) => Err(DisconnectError::StillOpen),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{RelayHandle, SessionHolder};
    use super::*;
    use crate::control::RegisteredConnection;
    use crate::ids::ServerId;

    /// One that waits for less than an operator's does.
    fn quick(workers: usize) -> Arc<ConnectionControl> {
        let times = Duration::from_millis(50);
        Arc::new(ConnectionControl { boundary_within: times, end_within: times, ..ConnectionControl::new(workers) })
    }

    fn enter(control: &ConnectionControl, worker: usize, number: u64) -> RegisteredConnection {
        let (number, holder) = (ConnectionId(number), SessionHolder::Pooled(None));
        control.registries[worker].enter(number, ServerId(0), holder, RelayHandle::new())
    }

    #[tokio::test]
    async fn a_connection_that_reaches_no_boundary_is_ended_by_time_though_nobody_waits() {
        let control = quick(2);
        let one = enter(&control, 1, 7);
        let asked = tokio::spawn({
            let control = Arc::clone(&control);
            async move { control.disconnect(ConnectionId(7)).await }
        });
        one.handle().disconnected().await;
        assert_eq!(one.handle().command(), RelayCommand::DisconnectAtBoundary);
        asked.abort();
        while one.handle().command() != RelayCommand::DisconnectNow {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test]
    async fn the_outcome_is_how_it_ended() {
        let control = quick(2);
        assert_eq!(control.disconnect(ConnectionId(7)).await, Err(DisconnectError::NotOpen));
        for (ends, expected) in [
            (Some(DisconnectPoint::Boundary), Ok(DisconnectOutcome::Disconnected(DisconnectPoint::Boundary))),
            (None, Ok(DisconnectOutcome::EndedItself)),
        ] {
            let one = enter(&control, 1, 7);
            let ending = async {
                one.handle().disconnected().await;
                if let Some(point) = ends {
                    one.disconnected_at(point);
                }
                drop(one);
            };
            assert_eq!(tokio::join!(control.disconnect(ConnectionId(7)), ending).0, expected);
        }
        let stuck = enter(&control, 0, 8);
        assert_eq!(control.disconnect(ConnectionId(8)).await, Err(DisconnectError::StillOpen));
        drop(stuck);
    }

    #[tokio::test]
    async fn so_many_are_ended_at_once_and_each_some_time_after_the_last() {
        let control = quick(1);
        let stuck: Vec<_> = (0..=DISCONNECTS_AT_ONCE as u64).map(|number| enter(&control, 0, number)).collect();
        let began = Instant::now();
        let all: Vec<_> = (0..=DISCONNECTS_AT_ONCE as u64)
            .map(|number| {
                let control = Arc::clone(&control);
                tokio::spawn(async move { control.disconnect(ConnectionId(number)).await })
            })
            .collect();
        let told = || stuck.iter().filter(|one| one.handle().command() != RelayCommand::GoOn).count();
        while told() < DISCONNECTS_AT_ONCE {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(began.elapsed() >= DISCONNECTS_APART * (DISCONNECTS_AT_ONCE as u32 - 1));
        let mut outcomes = Vec::new();
        for one in all {
            outcomes.push(one.await.unwrap());
        }
        let refused = outcomes.iter().filter(|outcome| **outcome == Err(DisconnectError::TooMany)).count();
        assert_eq!((refused, told()), (1, DISCONNECTS_AT_ONCE), "{outcomes:?}");
    }
}
