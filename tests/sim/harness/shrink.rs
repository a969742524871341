//! Cutting a failing story down to the steps that it needs.

use super::story::{SimulatedStory, StoryStep};

/// The story with every step left out without which it still fails.
///
/// Whole stretches are tried first, then single steps, until nothing more can go; what is left is minimal in the
/// sense that no single step of it can be spared.
pub(crate) fn minimal(story: &SimulatedStory, fails: impl Fn(&SimulatedStory) -> bool) -> SimulatedStory {
    let mut best = story.clone();
    let mut stretch = best.steps.len().div_ceil(2);
    while stretch > 0 {
        let mut at = 0;
        let mut shrunk = false;
        while at < best.steps.len() {
            let rest: Vec<StoryStep> =
                [&best.steps[..at], &best.steps[(at + stretch).min(best.steps.len())..]].concat();
            let candidate = best.with_steps(rest);
            if fails(&candidate) {
                best = candidate;
                shrunk = true;
            } else {
                at += stretch;
            }
        }
        if !(stretch == 1 && shrunk) {
            stretch /= 2;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::story::StoryDeed;

    #[test]
    fn only_what_is_needed_is_left() {
        let story = (0..1000).map(SimulatedStory::from_seed).find(|story| story.steps.len() > 12).unwrap();
        let (first, last) = (story.steps[2], story.steps[9]);
        let shrunk = minimal(&story, |story| story.steps.contains(&first) && story.steps.contains(&last));
        assert_eq!(shrunk.steps, [first, last]);
        assert!(
            minimal(&story, |story| story.steps.iter().any(|step| matches!(step.deed, StoryDeed::Arrive(..))))
                .steps
                .len()
                == 1
        );
    }
}
