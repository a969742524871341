//! The runs of a bench, and what they come to: which cause was told for which.

use std::collections::BTreeMap;

use super::truth::{Judgement, RunJudgement};

/// One run of a scenario.
#[derive(Debug, Clone)]
pub(super) struct FaultRun {
    pub(super) scenario: &'static str,
    pub(super) round: usize,
    /// What it was played on.
    pub(super) played_on: String,
    /// None where it did not come off.
    pub(super) judged: Option<RunJudgement>,
    /// What zoogate said, or why the run did not come off.
    pub(super) told: String,
    /// From its beginning to its judgement, in seconds.
    pub(super) seconds: u64,
}

impl FaultRun {
    /// What it is worth.
    pub(super) fn judgement(&self) -> Judgement {
        self.judged.as_ref().map_or(Judgement::Broken, |judged| judged.judgement)
    }

    /// All that is wrong with it.
    pub(super) fn faults(&self) -> Vec<String> {
        let Some(judged) = &self.judged else { return vec!["did not come off".into()] };
        let mut faults = Vec::new();
        if judged.judgement != Judgement::Right {
            faults.push(format!("{} as {}", judged.judgement, judged.code));
        }
        if !judged.wrongly_certain.is_empty() {
            faults.push(format!("wrong at certain: {}", judged.wrongly_certain.join(", ")));
        }
        if !judged.counted_right {
            faults.push(format!("{} incidents", judged.incidents));
        }
        if !judged.first_right {
            faults.push(format!("first is {}", judged.first));
        }
        faults
    }

    /// One line for people, and all that was told where something is wrong.
    pub(super) fn line(&self) -> String {
        let faults = self.faults();
        let (code, confidence) = self.judged.as_ref().map_or(("-", "-"), |judged| (&*judged.code, &*judged.confidence));
        let told =
            if faults.is_empty() { String::new() } else { format!("\n    {}", self.told.replace('\n', "\n    ")) };
        format!(
            "{:<26} {:<6} {code} ({confidence}) {} | {} round {} {} s{told}",
            self.scenario,
            self.judgement(),
            faults.join("; "),
            self.played_on,
            self.round,
            self.seconds
        )
    }
}

/// What all runs come to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct BenchSum {
    pub(super) runs: usize,
    pub(super) right: usize,
    pub(super) vague: usize,
    pub(super) wrong: usize,
    pub(super) broken: usize,
    pub(super) wrongly_certain: usize,
    pub(super) miscounted: usize,
    pub(super) wrong_first: usize,
}

impl BenchSum {
    fn of<'a>(runs: impl Iterator<Item = &'a FaultRun>) -> Self {
        let mut sum = Self::default();
        for run in runs {
            sum.runs += 1;
            match run.judgement() {
                Judgement::Right => sum.right += 1,
                Judgement::Vague => sum.vague += 1,
                Judgement::Wrong => sum.wrong += 1,
                Judgement::Broken => sum.broken += 1,
            }
            if let Some(judged) = &run.judged {
                sum.wrongly_certain += usize::from(!judged.wrongly_certain.is_empty());
                sum.miscounted += usize::from(!judged.counted_right);
                sum.wrong_first += usize::from(!judged.first_right);
            }
        }
        sum
    }

    /// Of all runs.
    pub(super) fn of_all(runs: &[FaultRun]) -> Self {
        Self::of(runs.iter())
    }

    fn columns(&self) -> String {
        format!(
            "{:>4} {:>5} {:>5} {:>5} {:>6} {:>7} {:>6} {:>5}",
            self.runs,
            self.right,
            self.vague,
            self.wrong,
            self.broken,
            self.wrongly_certain,
            self.miscounted,
            self.wrong_first
        )
    }
}

/// A row for each scenario: how its runs were judged, and how often which cause was told.
pub(super) fn confusion_table(runs: &[FaultRun]) -> String {
    let mut by_scenario: BTreeMap<&str, Vec<&FaultRun>> = BTreeMap::new();
    for run in runs {
        by_scenario.entry(run.scenario).or_default().push(run);
    }
    let mut lines = vec![format!(
        "{:<26} {:>4} {:>5} {:>5} {:>5} {:>6} {:>7} {:>6} {:>5}  told",
        "scenario", "runs", "right", "vague", "wrong", "broken", "certain", "count", "first"
    )];
    for (scenario, runs) in by_scenario {
        let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
        for judged in runs.iter().filter_map(|run| run.judged.as_ref()) {
            *codes.entry(&judged.code).or_default() += 1;
        }
        let told: Vec<String> = codes.iter().map(|(code, count)| format!("{code} {count}")).collect();
        let sum = BenchSum::of(runs.iter().copied());
        lines.push(format!("{scenario:<26} {}  {}", sum.columns(), told.join(", ")));
    }
    lines.push(format!("{:<26} {}", "all", BenchSum::of_all(runs).columns()));
    lines.push(
        "certain: an untrue cause was called certain; count: not as many incidents as events; first: the wrong one is \
         said to have begun it"
            .into(),
    );
    lines.join("\n")
}

#[test]
fn a_table_counts_what_was_told() {
    let judged = |judgement, code: &str| RunJudgement {
        judgement,
        code: code.into(),
        confidence: "likely".into(),
        first: "server".into(),
        first_right: true,
        incidents: 1,
        counted_right: judgement != Judgement::Vague,
        wrongly_certain: Vec::new(),
    };
    let run = |judged| FaultRun {
        scenario: "frozen",
        round: 0,
        played_on: "here".into(),
        judged,
        told: "all of it".into(),
        seconds: 1,
    };
    let runs = [
        run(Some(judged(Judgement::Right, "server_frozen"))),
        run(Some(judged(Judgement::Vague, "slow_server"))),
        run(Some(judged(Judgement::Wrong, "client_left"))),
        run(None),
    ];
    let sum = BenchSum::of_all(&runs);
    let counts = [sum.runs, sum.right, sum.vague, sum.wrong, sum.broken, sum.wrongly_certain, sum.miscounted];
    assert_eq!(counts, [4, 1, 1, 1, 1, 0, 1]);
    let table = confusion_table(&runs);
    assert!(table.contains("client_left 1, server_frozen 1, slow_server 1"), "{table}");
    assert!(runs[0].faults().is_empty());
    assert_eq!(runs[1].faults(), ["vague as slow_server", "1 incidents"]);
    assert!(runs[3].line().contains("all of it"));
}
