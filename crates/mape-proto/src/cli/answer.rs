//! What a command answers.

use super::exit::ExitStatus;

/// The whole answer as text, written in one go or not at all, and the exit status.
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) status: ExitStatus,
}

impl Answer {
    /// An answer that says nothing is wrong.
    pub(super) const fn fine(text: String) -> Self {
        Self { text, status: ExitStatus::Fine }
    }

    /// An answer about something that is fine or is not.
    pub(super) const fn checked(text: String, is_fine: bool) -> Self {
        Self { text, status: if is_fine { ExitStatus::Fine } else { ExitStatus::Failed } }
    }
}
