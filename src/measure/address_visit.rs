//! Measures one address again and again for a time.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::word_exchange::{WordAnswer, WordOutcome, ask};
use crate::diagnose::{DetailAnswer, DetailWord, ServerDetails};
use crate::doctor::{AddressMeasurement, RoleSighting, most_connections_of_one, read_members};
use crate::session::probe_question::{ProbeQuestion, ProbeReply};
use crate::session::probe_result::{ProbeResult, ServerHealth, ServerRole};

/// Between two questions.
const PACE: Duration = Duration::from_millis(200);
/// Rounds at most, however long it is measured.
const MOST_ROUNDS: usize = 20_000;
/// Rounds in which the server is asked for its details: it may be several servers behind one address.
const DETAIL_ROUNDS: [usize; 3] = [0, 1, 4];

/// The measuring of one address.
pub(super) struct AddressVisit {
    measurement: AddressMeasurement,
    question: ProbeQuestion,
    begin: Instant,
}

impl AddressVisit {
    /// Nothing is asked yet; times are told from `begin`.
    pub(super) fn new(address: SocketAddr, begin: Instant) -> Self {
        Self { measurement: AddressMeasurement::new(address), question: ProbeQuestion::First, begin }
    }

    /// Measures for this time, once at least.
    pub(super) async fn run(mut self, time: Duration) -> AddressMeasurement {
        let end = Instant::now() + time;
        for round in 0..MOST_ROUNDS {
            let next = Instant::now() + PACE;
            self.probe().await;
            if DETAIL_ROUNDS.contains(&round) && self.tells_details() {
                self.ask_details().await;
            }
            if next >= end {
                break;
            }
            sleep_until(next).await;
        }
        self.measurement
    }

    /// What answers `ruok` alone takes other words for the length of a frame: it is not asked them.
    fn tells_details(&self) -> bool {
        self.measurement.serves() && self.question == ProbeQuestion::Usual
    }

    /// Asks until a result is seen: two questions more than one at most.
    async fn probe(&mut self) {
        for _ in 0..3 {
            let asked = self.begin.elapsed();
            let outcome = self.ask(self.question.word()).await;
            let answer = match outcome {
                WordOutcome::NoConnection(kind) => return self.failed(health_without_connection(kind)),
                // Its kernel accepted: the process stands still.
                WordOutcome::NoAnswer => return self.failed(ServerHealth::Unresponsive),
                WordOutcome::Closed => return self.failed(ServerHealth::HangingUp),
                WordOutcome::WaitsForTls => {
                    self.measurement.is_tls = true;
                    return self.failed(ServerHealth::HangingUp);
                }
                WordOutcome::Answered(answer) => answer,
            };
            match self.question.read(&answer.bytes) {
                ProbeReply::Next(question) => self.question = question,
                ProbeReply::Seen(result, question) => {
                    self.question = question;
                    return self.seen(result, &answer, asked);
                }
            }
        }
    }

    /// Asks one word and keeps how long connect and answer took.
    async fn ask(&mut self, word: &str) -> WordOutcome {
        let (connect, outcome) = ask(self.measurement.address, word).await;
        match connect {
            Some(time) => self.measurement.connects.times.push(time),
            None => self.measurement.connects.failures += 1,
        }
        match &outcome {
            WordOutcome::Answered(answer) => self.measurement.answers.times.push(answer.took),
            WordOutcome::NoAnswer | WordOutcome::Closed | WordOutcome::WaitsForTls => {
                self.measurement.answers.failures += 1;
            }
            WordOutcome::NoConnection(_) => {}
        }
        outcome
    }

    fn failed(&mut self, health: ServerHealth) {
        // What it told of its role stays with the time when it did.
        self.measurement.last = ProbeResult::of(health);
    }

    fn seen(&mut self, result: ProbeResult, answer: &WordAnswer, asked: Duration) {
        let measurement = &mut self.measurement;
        measurement.last = result;
        let refused = answer.bytes.windows(WHITELIST.len()).take(256).any(|piece| piece == WHITELIST);
        if refused {
            measurement.refused.insert(self.question.word());
        }
        measurement.is_tls = answer.bytes.starts_with(TLS_ALERT);
        let is_plain = result.role != ServerRole::Unknown || result.health == ServerHealth::NotServing;
        measurement.is_strange = !is_plain && !refused && self.question != ProbeQuestion::Only && !measurement.is_tls;
        if result.role == ServerRole::Unknown {
            return;
        }
        measurement.details.update(ServerDetails::read_srvr(&answer.bytes));
        measurement.sightings.push(RoleSighting {
            asked,
            answered: self.begin.elapsed(),
            role: result.role,
            zxid: result.zxid,
        });
    }

    async fn ask_details(&mut self) {
        for &word in DetailWord::ALL {
            // Refused once is refused: each question costs the server a connection and a line in its log.
            if self.measurement.refused.contains(word.word()) {
                continue;
            }
            let WordOutcome::Answered(answer) = self.ask(word.word()).await else { continue };
            match word.read(&answer.bytes, answer.is_whole) {
                DetailAnswer::Told(details) => self.told(word, details, &answer),
                DetailAnswer::Refused => {
                    self.measurement.refused.insert(word.word());
                }
                DetailAnswer::Nothing => {}
            }
        }
    }

    fn told(&mut self, word: DetailWord, details: ServerDetails, answer: &WordAnswer) {
        let measurement = &mut self.measurement;
        measurement.myids.extend(details.myid);
        match word {
            DetailWord::Conf => measurement.members = read_members(&answer.bytes).or(measurement.members),
            DetailWord::Cons if answer.is_whole => {
                measurement.most_of_one = Some(most_connections_of_one(&answer.bytes, answer.own_address));
            }
            DetailWord::Mntr | DetailWord::Cons => {}
        }
        measurement.details.update(details);
    }
}

/// How servers refuse a word.
const WHITELIST: &[u8] = b"is not executed because it is not in the whitelist";
/// A TLS record that holds an alert.
const TLS_ALERT: &[u8] = &[0x15, 0x03];

fn health_without_connection(kind: io::ErrorKind) -> ServerHealth {
    match kind {
        io::ErrorKind::ConnectionRefused => ServerHealth::Refusing,
        // Ended before this end knew that it stood: a server at its limit of connections does that. An end and a reset
        // behind it are told as a broken pipe.
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => {
            ServerHealth::HangingUp
        }
        _ => ServerHealth::Unreachable,
    }
}
