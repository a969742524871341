//! One bound, and how the list of them is written.

use super::quantity::BoundLimit;

/// One thing that is bounded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResourceBound {
    /// What it is.
    pub what: &'static str,
    /// The constants; none where a setting or the construction bounds it.
    pub limits: Vec<BoundLimit>,
    /// The bound and what happens beyond it, with a name in braces for each of the limits.
    pub template: &'static str,
    /// The same with their values.
    pub text: String,
    /// The metrics and lists that show it; empty where nothing does.
    pub shown_by: &'static str,
}

macro_rules! bounds {
    ($($what:literal [$($name:ident: $unit:ident $constant:path),* $(,)?] $template:literal, $shown_by:literal;)*) => {
        /// All bounds: first those of connections, then those of what is known of them, then those of the admin
        /// address.
        pub fn all() -> Vec<ResourceBound> {
            vec![$(ResourceBound {
                what: $what,
                limits: vec![$(BoundLimit {
                    constant: stringify!($constant),
                    quantity: BoundQuantity::$unit($constant),
                }),*],
                template: $template,
                text: format!($template, $($name = BoundQuantity::$unit($constant)),*),
                shown_by: $shown_by,
            }),*]
        }
    };
}

pub(super) use bounds;
