//! A thread that asks, so that keys are answered while an answer is awaited.

use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;

use anyhow::{Context as _, bail};

use super::admin_round;
use crate::cli::admin_client::AdminClient;
use crate::top::{PollQuestions, PollRound};

/// A thread that asks one round after the other. It ends with the process, or when this is dropped.
pub(super) struct AdminPoller {
    questions: Sender<PollQuestions>,
    rounds: Receiver<PollRound>,
    /// Whether a round is under way: there is at most one.
    is_asking: bool,
}

impl AdminPoller {
    /// Starts the thread; it asks nothing yet.
    pub(super) fn start(client: AdminClient<'static>) -> anyhow::Result<Self> {
        let (questions, asked) = channel::<PollQuestions>();
        let (answered, rounds) = channel();
        let ask_all = move || {
            for questions in asked {
                if answered.send(admin_round::ask(&client, &questions)).is_err() {
                    break;
                }
            }
        };
        thread::Builder::new().name("poller".to_owned()).spawn(ask_all).context("cannot start a thread")?;
        Ok(Self { questions, rounds, is_asking: false })
    }

    /// Begins a round, unless one is under way.
    pub(super) fn ask(&mut self, questions: &PollQuestions) -> bool {
        let begins = !self.is_asking && self.questions.send(questions.clone()).is_ok();
        self.is_asking |= begins;
        begins
    }

    /// The round that is over, if one is.
    ///
    /// # Errors
    /// The thread is gone.
    pub(super) fn answer(&mut self) -> anyhow::Result<Option<PollRound>> {
        match self.rounds.try_recv() {
            Ok(round) => {
                self.is_asking = false;
                Ok(Some(round))
            }
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => bail!("the thread that asks the admin address has ended"),
        }
    }
}
