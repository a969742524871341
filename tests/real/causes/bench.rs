//! Plays scenarios on ensembles that they share, two ensembles at a time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use super::account::ToldAccount;
use super::chance::SeededChance;
use super::combination::{ClientWay, ServerKind, combination};
use super::fault_scenario::FaultScenario;
use super::scene::FaultScene;
use super::table::FaultRun;
use crate::support::ensemble::Ensemble;

/// Ensembles at a time.
const LANES: usize = 2;

/// A scenario that is to be played.
#[derive(Debug, Clone, Copy)]
struct PlannedRun {
    scenario: &'static FaultScenario,
    way: ClientWay,
    round: usize,
}

/// What is to be played, by the kind of ensemble.
#[derive(Debug)]
pub(super) struct CauseBench {
    seed: u64,
    groups: Vec<(ServerKind, Vec<PlannedRun>)>,
}

impl CauseBench {
    /// Every scenario so many times, each time on another combination.
    pub(super) fn plan(seed: u64, scenarios: &[&'static FaultScenario], rounds: usize, day: usize) -> Self {
        let mut groups: Vec<(ServerKind, Vec<PlannedRun>)> = Vec::new();
        for round in 0..rounds {
            for (number, scenario) in scenarios.iter().enumerate() {
                // Seven has no factor in common with the number of combinations: rounds meet different ones.
                let (kind, way) = combination(number + 7 * round, day);
                let kind = kind.parting(scenario.elections);
                let planned = PlannedRun { scenario, way, round };
                match groups.iter_mut().find(|(known, _)| *known == kind) {
                    Some((_, runs)) => runs.push(planned),
                    None => groups.push((kind, vec![planned])),
                }
            }
        }
        Self { seed, groups }
    }

    /// Plays all of it.
    pub(super) fn play(&self) -> Vec<FaultRun> {
        let queue = Mutex::new(self.groups.iter());
        let done = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..LANES {
                scope.spawn(|| {
                    while let Some((kind, runs)) = { queue.lock().unwrap_or_else(PoisonError::into_inner).next() } {
                        for run in self.play_group(*kind, runs) {
                            done.lock().unwrap_or_else(PoisonError::into_inner).push(run);
                        }
                    }
                });
            }
        });
        done.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// One after the other on one ensemble; on a new one after a run that did not come off.
    fn play_group(&self, kind: ServerKind, planned: &[PlannedRun]) -> Vec<FaultRun> {
        let mut ensemble = None;
        planned
            .iter()
            .map(|planned| {
                let run = self.play_one(kind, &mut ensemble, *planned);
                eprintln!("{}", run.line());
                run
            })
            .collect()
    }

    fn play_one(&self, kind: ServerKind, ensemble: &mut Option<Ensemble>, planned: PlannedRun) -> FaultRun {
        let PlannedRun { scenario, way, round } = planned;
        let chance = SeededChance::of_run(self.seed, scenario.name, round);
        let begun = Instant::now();
        let played = catch_unwind(AssertUnwindSafe(|| {
            let servers = ensemble.get_or_insert_with(|| kind.start());
            let mut scene = FaultScene::open(servers, way, chance, scenario.server_paths);
            (scenario.play)(&mut scene);
            let (judged, account) = scene.hear(&scenario.truth);
            (judged, tell(&account))
        }));
        let (judged, told) = match played {
            Ok((judged, told)) => (Some(judged), told),
            Err(panic) => {
                *ensemble = None;
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or_default();
                (None, text.chars().take(2_000).collect())
            }
        };
        let told = format!("{}\n{told}", scenario.fault);
        let played_on = format!("{kind} {way:?}");
        FaultRun { scenario: scenario.name, round, played_on, judged, told, seconds: begun.elapsed().as_secs() }
    }
}

/// Everything that was told, for people.
fn tell(account: &ToldAccount) -> String {
    let mut lines = vec![account.ends_line()];
    lines.extend(account.incidents.iter().map(|incident| incident.text.clone()));
    lines.extend(account.ends.iter().take(8).map(|end| end.text.clone()));
    lines.join("\n")
}
