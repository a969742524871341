//! The mailbox of one connection: the strongest command so far, and how to wake whoever carries the connection.

use std::future::poll_fn;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use super::relay_command::RelayCommand;
use crate::lock::lock;

/// One end of a connection's mailbox. A client has one from its claim on, whoever carries it.
#[derive(Clone, Debug)]
pub(crate) struct RelayHandle(Arc<RelayMailbox>);

#[derive(Debug)]
struct RelayMailbox {
    command: AtomicU8,
    waker: Mutex<Waker>,
}

impl RelayHandle {
    /// An empty mailbox that wakes nobody yet.
    pub(crate) fn new() -> Self {
        let (command, waker) = (AtomicU8::new(RelayCommand::GoOn as u8), Mutex::new(Waker::noop().clone()));
        Self(Arc::new(RelayMailbox { command, waker }))
    }

    /// The strongest command so far.
    #[inline]
    pub(crate) fn command(&self) -> RelayCommand {
        RelayCommand::of(self.0.command.load(Ordering::Relaxed))
    }

    /// Has this task woken by commands from now on, in the place of any other. The command is to be read afterwards.
    pub(crate) fn wakes(&self, waker: &Waker) {
        lock(&self.0.waker).clone_from(waker);
    }

    /// Forgets a check that was made.
    pub(crate) fn checked(&self) {
        // Only a check is taken back: an end that was commanded meanwhile must stay.
        let (check, go_on) = (RelayCommand::CheckServer as u8, RelayCommand::GoOn as u8);
        let _ = self.0.command.compare_exchange(check, go_on, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Sends a command.
    pub(crate) fn send(&self, command: RelayCommand) {
        if self.0.command.fetch_max(command as u8, Ordering::Relaxed) < command as u8 {
            lock(&self.0.waker).wake_by_ref();
        }
    }

    /// Waits until an operator wants the connection to end.
    pub(crate) async fn disconnected(&self) {
        poll_fn(|cx| {
            self.wakes(cx.waker());
            if self.command().disconnects() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}
