//! How a command ends: exit codes, errors and the next thing to try.

use std::fmt;

use crate::settings::Faults;

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All is well.
    Ok,
    /// The command did its work and found something.
    Found,
    /// The command as given cannot be carried out; repeating it changes nothing.
    Usage,
    /// The daemon, a file or the other side is not there.
    Unavailable,
    /// The same command may succeed later.
    TryAgain,
    /// The configuration is wrong.
    Configuration,
}

impl Exit {
    /// The number for the shell.
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Found => 1,
            Self::Usage => 2,
            Self::Unavailable => 69,
            Self::TryAgain => 75,
            Self::Configuration => 78,
        }
    }
}

/// Why a command could not do its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nobody reads our output any more, as behind `head`: end quietly.
    ReaderGone,
    /// Something to be told.
    Told {
        /// How the process ends.
        exit: Exit,
        /// What failed, on what, why.
        error: String,
        /// What to try next.
        help: Option<String>,
    },
}

impl Failure {
    /// A failure with advice.
    pub fn new(exit: Exit, error: impl fmt::Display, help: impl Into<String>) -> Self {
        Self::advised(exit, error, Some(help.into()))
    }

    /// A failure with advice where there is any.
    pub fn advised(exit: Exit, error: impl fmt::Display, help: Option<String>) -> Self {
        let error = error.to_string();
        Self::Told { exit, error, help }
    }

    /// The command as given makes no sense.
    pub fn usage(error: impl fmt::Display, help: impl Into<String>) -> Self {
        Self::new(Exit::Usage, error, help)
    }

    /// How the process ends.
    pub const fn exit(&self) -> Exit {
        match self {
            Self::ReaderGone => Exit::Ok,
            Self::Told { exit, .. } => *exit,
        }
    }

    /// Adds the id under which the command can be repeated, where it may succeed then.
    pub(super) fn repeatable(self, id: &str) -> Self {
        let Self::Told { exit, error, help } = self else {
            return self;
        };
        if !matches!(exit, Exit::Unavailable | Exit::TryAgain) {
            return Self::Told { exit, error, help };
        }
        let repeat = format!("repeat with `--id {id}`: under one id it is booked once only");
        let help = help.map_or(repeat.clone(), |help| format!("{help}; {repeat}"));
        Self::new(exit, error, help)
    }
}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Self {
        Self::advised(Exit::Configuration, faults, None)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Told { error, help, .. } = self else {
            return Ok(());
        };
        writeln!(out, "error: {error}")?;
        help.iter()
            .try_for_each(|help| writeln!(out, "help: {help}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_told_only_where_repeating_can_help() {
        let failed = Failure::new(Exit::TryAgain, "no answer in 30 s", "look at the log");
        assert_eq!(
            failed.repeatable("r-1").to_string(),
            "error: no answer in 30 s\n\
             help: look at the log; repeat with `--id r-1`: under one id it is booked once only\n"
        );
        let refused = Failure::usage("unknown location x", "correct it");
        assert_eq!(refused.clone().repeatable("r-1"), refused);
        assert_eq!(Failure::ReaderGone.repeatable("r-1").to_string(), "");
    }

    #[test]
    fn exit_codes_are_those_of_the_manual() {
        let codes = [
            Exit::Ok,
            Exit::Found,
            Exit::Usage,
            Exit::Unavailable,
            Exit::TryAgain,
            Exit::Configuration,
        ];
        assert_eq!(codes.map(Exit::code), [0, 1, 2, 69, 75, 78]);
        assert_eq!(Failure::ReaderGone.exit(), Exit::Ok);
    }
}
