//! What a connection can be told.

/// A command to the task that carries a connection. A stronger one replaces a weaker one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, strum::VariantArray)]
#[repr(u8)]
pub(crate) enum RelayCommand {
    /// Go on.
    GoOn = 0,
    /// Check whether your server has kept you waiting for too long.
    CheckServer = 1,
    /// End once neither side owes the other anything.
    EndWhenIdle = 2,
    /// End at the next frame boundary.
    EndAtBoundary = 3,
    /// The session belongs to another server, which has carried out a claim late: end at the next frame boundary, so
    /// that the client comes back and owns it again.
    EndForLateClaim = 4,
    /// An operator wants the connection to end: at the next frame boundary, or at once where there are no frames.
    DisconnectAtBoundary = 5,
    /// An operator wants the connection to end, and no frame boundary came in time: end now.
    DisconnectNow = 6,
    /// The session's client has come back on a newer connection: end now, with whatever is unsent.
    Superseded = 7,
}

impl RelayCommand {
    /// All commands, each at the place of its number.
    const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// The command with this number; a number that none has counts as the strongest.
    #[inline]
    pub(super) fn of(number: u8) -> Self {
        Self::ALL.get(usize::from(number)).copied().unwrap_or(Self::Superseded)
    }

    /// Whether an operator wants the connection to end.
    pub(super) fn disconnects(self) -> bool {
        matches!(self, Self::DisconnectAtBoundary | Self::DisconnectNow)
    }
}

/// Whether a command reached its connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CommandDelivery {
    /// It did.
    Delivered,
    /// The connection is a mirrored one, or of another client: the command does not concern it.
    NotConcerned,
    /// There is no such connection here.
    NotHere,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_by_their_numbers_and_ordered_by_strength() {
        for (place, &command) in RelayCommand::ALL.iter().enumerate() {
            assert_eq!((usize::from(command as u8), RelayCommand::of(command as u8)), (place, command));
        }
        assert!(RelayCommand::ALL.is_sorted());
    }
}
