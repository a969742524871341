//! How much was put to the test, and how many ends had more than one right answer.

use std::fmt;

use super::freedom::Freedom;

/// How much stories put to the test.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct StoryTally {
    /// Connections whose end had to be given a reason.
    pub(crate) ends: u64,
    /// Ends at a refusal that had to be flagged.
    pub(crate) required: u64,
    /// Ends at which a flag is neither right nor wrong.
    pub(crate) open: u64,
    /// Refusals in words that had to be flagged.
    pub(crate) in_words: u64,
    /// Ends so shortly before their story's that they were not decided.
    pub(crate) late: u64,
    /// Ends for which the proxy's own pause is the reason.
    pub(crate) paused: u64,
    /// Ends for which more than one reason is right.
    pub(crate) lax: u64,
    /// By freedom: ends to which it was given, and those at which the ledger made use of it.
    pub(crate) freedoms: [(u64, u64); Freedom::ALL.len()],
}

impl StoryTally {
    /// Adds another one.
    pub(crate) fn add(&mut self, other: &Self) {
        self.ends += other.ends;
        self.required += other.required;
        self.open += other.open;
        self.in_words += other.in_words;
        self.late += other.late;
        self.paused += other.paused;
        self.lax += other.lax;
        for (own, other) in self.freedoms.iter_mut().zip(other.freedoms) {
            *own = (own.0 + other.0, own.1 + other.1);
        }
    }

    fn share(&self, count: u64) -> f64 {
        100.0 * count as f64 / self.ends.max(1) as f64
    }
}

impl fmt::Display for StoryTally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ends, required, open, in_words, late, paused, lax, freedoms } = self;
        writeln!(
            f,
            "{ends} ends of connections, {late} more at the end of their stories; {required} refusals that had to be flagged, {in_words} in words; {paused} by the proxy's own pauses"
        )?;
        writeln!(
            f,
            "{lax} ends ({:.3} %) with more than one right reason, {open} ({:.3} %) where a flag is one of them:",
            self.share(*lax),
            self.share(*open)
        )?;
        for (freedom, (given, used)) in Freedom::ALL.iter().zip(freedoms) {
            if *given > 0 {
                let (label, why) = (freedom.label(), freedom.why());
                writeln!(f, "  {label}: given {given} ({:.3} %), used {used}: {why}", self.share(*given))?;
            }
        }
        Ok(())
    }
}
