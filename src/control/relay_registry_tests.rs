//! What the registry delivers to whom.

use super::*;
use crate::ids::SessionId;

fn enter(registry: &Arc<RelayRegistry>, number: u64, server: u16, holder: SessionHolder) -> RegisteredConnection {
    registry.enter(ConnectionId(number), ServerId(server), holder, RelayHandle::new())
}

fn key(proof: u64) -> ClaimKey {
    ClaimKey { session: SessionId(7), proof }
}

#[test]
fn a_command_reaches_those_it_is_for_and_a_stronger_one_stays() {
    use RelayCommand::{CheckServer, EndWhenIdle, GoOn};

    let registry = Arc::default();
    let [first, second, claim] =
        [(1, 0, SessionHolder::Mirrored), (2, 1, SessionHolder::Mirrored), (3, 1, SessionHolder::Claiming)]
            .map(|(number, server, holder)| enter(&registry, number, server, holder));
    let commands = || [&first, &second, &claim].map(|one| one.handle().command());
    registry.check(ServerId(1));
    assert_eq!(commands(), [GoOn, CheckServer, GoOn], "a claim that waits is not checked by its relay");
    second.handle().checked();
    assert_eq!(commands(), [GoOn; 3]);
    registry.end(EndWhenIdle, 10);
    registry.check(ServerId(1));
    second.handle().checked();
    assert_eq!(commands(), [EndWhenIdle, EndWhenIdle, GoOn]);
}

#[test]
fn only_a_clients_own_pooled_connections_are_told_that_it_came_back() {
    use CommandDelivery::{Delivered, NotConcerned, NotHere};

    let registry = Arc::default();
    let own = enter(&registry, 1, 0, SessionHolder::Pooled(Some(key(5))));
    let mirrored = enter(&registry, 2, 0, SessionHolder::Mirrored);
    let claim = enter(&registry, 4, 0, SessionHolder::Claiming);
    let send = |number, proof| registry.send(ConnectionId(number), RelayCommand::Superseded, Some(key(proof)));
    assert_eq!((send(1, 6), send(2, 5), send(3, 5), send(4, 5)), (NotConcerned, NotConcerned, NotHere, NotHere));
    assert_eq!([&own, &mirrored, &claim].map(|one| one.handle().command()), [RelayCommand::GoOn; 3]);
    assert_eq!((send(1, 5), own.handle().command()), (Delivered, RelayCommand::Superseded));
    assert_eq!(registry.send(ConnectionId(2), RelayCommand::EndForLateClaim, None), NotConcerned);
    claim.relayed(SessionHolder::Pooled(Some(key(5))), Waker::noop());
    assert_eq!((send(4, 5), registry.proof(ConnectionId(4))), (Delivered, Some(5)));
}

#[test]
fn a_session_that_was_given_late_is_its_clients_from_then_on() {
    use CommandDelivery::{Delivered, NotConcerned, NotHere};

    let registry = Arc::default();
    let _both = [(1, SessionHolder::Pooled(None)), (2, SessionHolder::Mirrored)]
        .map(|(number, holder)| enter(&registry, number, 0, holder));
    let send = |number| registry.send(ConnectionId(number), RelayCommand::Superseded, Some(key(5)));
    assert_eq!((send(1), send(2)), (NotConcerned, NotConcerned));
    for number in [1, 2, 3] {
        registry.hold(ConnectionId(number), key(5));
    }
    assert_eq!((send(1), send(2), send(3)), (Delivered, NotConcerned, NotHere));
    registry.hold(ConnectionId(1), key(6));
    assert_eq!(registry.proof(ConnectionId(1)), Some(5), "it is given once");
}

#[test]
fn ends_are_commanded_to_so_many_at_a_time() {
    let registry = Arc::default();
    let all: Vec<_> = (0..10).map(|number| enter(&registry, number, 0, SessionHolder::Mirrored)).collect();
    let told = |command| all.iter().filter(|one| one.handle().command() == command).count();
    registry.end(RelayCommand::EndWhenIdle, 4);
    assert_eq!(told(RelayCommand::EndWhenIdle), 4);
    registry.end(RelayCommand::EndWhenIdle, 4);
    assert_eq!(told(RelayCommand::EndWhenIdle), 8);
    registry.end(RelayCommand::EndAtBoundary, usize::MAX);
    assert_eq!(told(RelayCommand::EndAtBoundary), 10);
    drop(all);
    assert_eq!((registry.len(), registry.lock().connections.len()), (0, 0));
}

#[test]
fn an_operators_wish_reaches_every_kind_of_connection_and_is_answered_by_its_end() {
    let registry = Arc::default();
    let holders = [SessionHolder::Claiming, SessionHolder::Pooled(None), SessionHolder::Mirrored];
    for (number, holder) in (1..).zip(holders) {
        let one = enter(&registry, number, 0, holder);
        let [mut first, mut second] = [(); 2].map(|()| registry.disconnect(ConnectionId(number)).unwrap());
        assert_eq!(one.handle().command(), RelayCommand::DisconnectAtBoundary);
        registry.disconnect_now(ConnectionId(number));
        assert_eq!(one.handle().command(), RelayCommand::DisconnectNow);
        assert!(first.try_recv().is_err());
        one.disconnected_at(DisconnectPoint::Deadline);
        assert_eq!(
            (first.try_recv(), second.try_recv()),
            (Ok(DisconnectPoint::Deadline), Ok(DisconnectPoint::Deadline))
        );
    }
    assert!(registry.disconnect(ConnectionId(1)).is_none(), "it has gone");
    assert!(registry.lock().awaited.is_empty());
    let one = enter(&registry, 9, 0, SessionHolder::Mirrored);
    let mut unanswered = registry.disconnect(ConnectionId(9)).unwrap();
    drop(one);
    assert_eq!(unanswered.try_recv(), Err(oneshot::error::TryRecvError::Closed), "it ended for another reason");
}
