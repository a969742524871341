//! Columns of the tables.

/// A column of a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TopColumn {
    /// Its name in exports.
    pub(super) name: &'static str,
    /// What stands above it.
    pub(super) title: &'static str,
    /// What it shows, for the chooser.
    pub(super) meaning: &'static str,
    /// Whether it holds numbers: those stand to the right, and the largest are first when it is sorted by them.
    pub(super) is_number: bool,
    /// The most letters that it takes.
    pub(super) most: usize,
    /// Letters to which it is cut before another column has no place.
    pub(super) least: usize,
    /// Where the screen is narrow, columns with the highest rank go first; 0 always stays. From [`HIDDEN`] on it is not
    /// shown unless somebody chooses it.
    pub(super) rank: u8,
}

/// The rank from which on columns are to be chosen.
pub(super) const HIDDEN: u8 = 100;

impl TopColumn {
    /// A column of names, of which so many letters are shown at least and at most.
    pub(super) const fn word(
        name: &'static str,
        title: &'static str,
        [least, most]: [usize; 2],
        rank: u8,
        meaning: &'static str,
    ) -> Self {
        Self { name, title, meaning, is_number: false, most, least, rank }
    }

    /// A column of numbers.
    pub(super) const fn number(name: &'static str, title: &'static str, rank: u8, meaning: &'static str) -> Self {
        Self { name, title, meaning, is_number: true, most: 12, least: 12, rank }
    }

    /// Whether it is shown unless somebody chose otherwise.
    pub(super) fn is_shown_at_first(&self) -> bool {
        self.rank < HIDDEN
    }
}
