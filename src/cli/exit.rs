//! Exit statuses: one table.

/// How a command ended. Where several hold, the earliest in this order is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExitStatus {
    /// 130: stopped by Ctrl-C.
    Interrupted,
    /// 143: stopped by a termination signal.
    Terminated,
    /// 70: a defect of goldform.
    Internal,
    /// 4: somebody else holds the lock.
    Locked,
    /// 5: the plan is stale, or not the one that was expected.
    Stale,
    /// 3: rules are violated.
    Violated,
    /// 6: partly applied.
    Partial,
    /// 1: usage, input, environment, or the cloud.
    Error,
    /// 2: changes are pending, or drift was found.
    Changes,
    /// 0: done, or nothing to do.
    Done,
}

impl ExitStatus {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Error => 1,
            Self::Changes => 2,
            Self::Violated => 3,
            Self::Locked => 4,
            Self::Stale => 5,
            Self::Partial => 6,
            Self::Internal => 70,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// Returns the status that takes precedence.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        self.min(other)
    }
}

/// The table, for `--help`.
pub const TABLE: &str = "\
Exit status:
  0    done, or no changes
  1    error: usage, input, environment, or the cloud
  2    changes are pending (plan --detailed-exitcode), or drift was found
  3    rules are violated
  4    somebody else holds the lock
  5    the plan is stale, or not the expected one
  6    partly applied
  70   internal error
  130  interrupted (143: terminated)
Where several hold: 130/143, 70, 4, 5, 3, 6, 1, 2, 0.";

#[cfg(test)]
mod tests {
    use super::ExitStatus::*;

    #[test]
    fn of_two_the_graver_is_reported() {
        assert_eq!(Violated.or(Error), Violated);
        assert_eq!(Changes.or(Error), Error);
        assert_eq!(Partial.or(Locked), Locked);
        assert_eq!(Done.or(Changes), Changes);
        assert_eq!(Interrupted.or(Internal), Interrupted);
    }
}
