//! How values are compared.

/// How a row's value is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug, strum::VariantArray)]
pub enum TermOperator {
    /// `=`
    Is,
    /// `!=`
    IsNot,
    /// `~`
    Like,
    /// `!~`
    Unlike,
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
}

impl TermOperator {
    /// All of them.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// How it is written.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Is => "=",
            Self::IsNot => "!=",
            Self::Like => "~",
            Self::Unlike => "!~",
            Self::Below => "<",
            Self::AtMost => "<=",
            Self::Above => ">",
            Self::AtLeast => ">=",
        }
    }

    pub(super) fn is_negative(self) -> bool {
        matches!(self, Self::IsNot | Self::Unlike)
    }
}
