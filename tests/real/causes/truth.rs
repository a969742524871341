//! What is true of a scenario, and how what zoogate said of it compares.

use std::fmt;

use super::account::{ToldAccount, ToldCause};

/// How many incidents the fault may be told as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IncidentCount {
    /// None: it is no event for the ensemble's operator.
    None,
    /// None, or one: it concerns one client.
    Optional,
    /// It concerns one client, whose end counts; so many incidents at most are told beside it of what led to it.
    Beside(usize),
    /// One event is one incident.
    One,
    /// The same, and none where nobody lost anything by it.
    OneIfNoticed,
    /// One at least and so many at most: several things happen, one after the other.
    UpTo(usize),
}

impl IncidentCount {
    fn fits(self, count: usize, noticed: bool) -> bool {
        match self {
            Self::None => count == 0,
            Self::Optional => count <= 1,
            Self::Beside(most) => count <= most,
            Self::One => count == 1,
            Self::OneIfNoticed => count == usize::from(noticed),
            Self::UpTo(most) => (1..=most).contains(&count),
        }
    }
}

/// What is true of a fault.
#[derive(Debug, Clone, Copy)]
pub(super) struct FaultTruth {
    /// Codes that name the cause, the best one first.
    pub(super) right: &'static [&'static str],
    /// Codes that are true and say less than could be known.
    pub(super) vague: &'static [&'static str],
    /// Codes that are true of connections that end in its train.
    pub(super) train: &'static [&'static str],
    /// Who it began with.
    pub(super) first: &'static [&'static str],
    pub(super) incidents: IncidentCount,
}

impl FaultTruth {
    /// Whether a code is true of anything that the scenario has made happen.
    fn holds(&self, code: &str) -> bool {
        [self.right, self.vague, self.train].concat().contains(&code)
    }
}

/// What zoogate's account of a run is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Judgement {
    /// The cause is named.
    Right,
    /// What it says is true, and less than could be known.
    Vague,
    /// It names a cause that is not the one, or none.
    Wrong,
    /// The scenario did not come off: nothing is to be learned from it.
    Broken,
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Right => "right",
            Self::Vague => "vague",
            Self::Wrong => "WRONG",
            Self::Broken => "BROKEN",
        })
    }
}

/// A run's account, compared with the truth.
#[derive(Debug, Clone)]
pub(super) struct RunJudgement {
    pub(super) judgement: Judgement,
    /// The code that was compared; `nothing` where none was given.
    pub(super) code: String,
    pub(super) confidence: String,
    /// Who is said to have begun it, and whether that is so.
    pub(super) first: String,
    pub(super) first_right: bool,
    pub(super) incidents: usize,
    /// Whether the number of incidents is that of the events.
    pub(super) counted_right: bool,
    /// Untrue codes that were ever called certain.
    pub(super) wrongly_certain: Vec<String>,
}

impl FaultTruth {
    fn judge_code(&self, code: &str) -> Judgement {
        if self.right.contains(&code) {
            Judgement::Right
        } else if self.vague.contains(&code) {
            Judgement::Vague
        } else {
            Judgement::Wrong
        }
    }

    /// Compares an account with the truth.
    pub(super) fn judge(&self, account: &ToldAccount) -> RunJudgement {
        let told = self.main_cause(account);
        let untrue = account.ever_certain().into_iter().filter(|code| !self.holds(code)).collect();
        let incidents = account.incidents.len();
        let noticed = incidents > 0 || !account.ends.is_empty();
        let nothing_to_tell = self.incidents == IncidentCount::OneIfNoticed && !noticed;
        let judgement = match &told {
            Some(told) => self.judge_code(&told.code),
            None if nothing_to_tell => Judgement::Right,
            None => Judgement::Wrong,
        };
        let told = told.unwrap_or_else(ToldCause::nothing);
        RunJudgement {
            judgement,
            first_right: nothing_to_tell || self.first.contains(&told.first.as_str()),
            code: told.code,
            confidence: told.confidence,
            first: told.first,
            incidents,
            counted_right: self.incidents.fits(incidents, noticed),
            wrongly_certain: untrue,
        }
    }

    /// Of an event, its greatest incident; of what concerns one client, the worse of its connection's end and of an
    /// incident that was made of it.
    fn main_cause(&self, account: &ToldAccount) -> Option<ToldCause> {
        let incident = account.greatest_incident();
        let end = account.first_victim_end();
        match self.incidents {
            IncidentCount::One | IncidentCount::OneIfNoticed | IncidentCount::UpTo(_) => incident.or(end),
            IncidentCount::Beside(_) => end,
            IncidentCount::None | IncidentCount::Optional => {
                let both = [end, incident].into_iter().flatten();
                both.max_by_key(|told| self.judge_code(&told.code))
            }
        }
    }
}

#[test]
fn an_account_is_compared_with_the_truth() {
    let truth = FaultTruth {
        right: &["server_frozen"],
        vague: &["slow_server"],
        train: &["client_left"],
        first: &["server"],
        incidents: IncidentCount::One,
    };
    let told = |code: &str, confidence: &str| ToldAccount::of_incidents(&[(code, confidence, "server", 1)]);
    let judged = |account: &ToldAccount| truth.judge(account).judgement;
    assert_eq!(judged(&told("server_frozen", "certain")), Judgement::Right);
    assert_eq!(judged(&told("slow_server", "likely")), Judgement::Vague);
    assert_eq!(judged(&told("client_left", "certain")), Judgement::Wrong);
    assert_eq!(judged(&ToldAccount::default()), Judgement::Wrong);
    let unnoticed = FaultTruth { incidents: IncidentCount::OneIfNoticed, ..truth }.judge(&ToldAccount::default());
    assert_eq!((unnoticed.judgement, unnoticed.counted_right), (Judgement::Right, true));
    assert!(truth.judge(&told("client_left", "certain")).wrongly_certain.is_empty());
    assert_eq!(truth.judge(&told("server_stopped", "certain")).wrongly_certain, ["server_stopped"]);
    assert!(truth.judge(&told("server_stopped", "likely")).wrongly_certain.is_empty());
    let two =
        ToldAccount::of_incidents(&[("server_stopped", "weak", "server", 1), ("server_frozen", "weak", "server", 3)]);
    let judged = truth.judge(&two);
    assert_eq!((judged.judgement, judged.counted_right, judged.first_right), (Judgement::Right, false, true));
    let beside = FaultTruth { incidents: IncidentCount::Beside(2), ..truth }.judge(&two);
    assert_eq!((beside.judgement, beside.counted_right), (Judgement::Wrong, true), "no end was told");
}
