//! What there is to be known of a code.

use super::code::{DoctorArea, DoctorMark};

/// What is to be known of a code.
pub(super) struct CodeEntry {
    pub(super) area: DoctorArea,
    pub(super) mark: DoctorMark,
    pub(super) sentence: &'static str,
    pub(super) why: &'static str,
    pub(super) consequence: Option<&'static str>,
    pub(super) change: Option<&'static str>,
    pub(super) setting: Option<&'static str>,
    pub(super) hint_where: Option<&'static str>,
}
