//! What the diagnosis had no room for.

/// What there was no room for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DiagnosisLosses {
    /// Incidents that were forgotten.
    pub incidents: u64,
    /// Incidents that were closed while they went on, to make room for others.
    pub closed_early: u64,
    /// Sessions whose return is credited to no incident.
    pub away: u64,
    /// Ends that were judged at once, or when their reason was decided, instead of after a moment.
    pub waiting: u64,
    /// Changes of incidents that were not told.
    pub changes: u64,
}
