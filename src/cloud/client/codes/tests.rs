use super::documented::DOCUMENTED;
use super::*;

#[test]
fn every_documented_code_has_a_kind() {
    for (action, codes) in DOCUMENTED {
        for code in *codes {
            let kind = lookup(CODES, code);
            assert!(kind.is_some(), "{code} of {action} is not in the table");
            if *code != "FailedOperation" {
                assert_ne!(kind, Some(Other), "{code} of {action} says nothing");
            }
        }
    }
}

#[test]
fn every_code_of_the_table_is_documented() {
    for (code, _) in CODES {
        assert!(DOCUMENTED.iter().any(|(_, codes)| codes.contains(code)), "{code}: where does it come from?");
    }
}

#[test]
fn the_tables_are_sorted_and_contain_no_code_twice() {
    for table in [CODES, FIRST_PARTS] {
        for pair in table.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{} is listed before {}", pair[0].0, pair[1].0);
        }
    }
}

#[test]
fn synonymous_codes_have_the_same_kind() {
    for (kind, codes) in [
        (BadAccount, &["FailedOperation.AccountIsYourSelf", "InvalidAccountIs.YourSelf"][..]),
        (Invalid, &["InvalidParameter.ValueTooLarge", "InvalidParameterValue.TooLarge"]),
        (Shared, &["InvalidImageId.InShared", "InvalidParameterValue.InvalidImageIdIsShared"]),
        (
            Busy,
            &[
                "InvalidImageId.IncorrectState",
                "InvalidParameterValue.InvalidImageState",
                "FailedOperation.InvalidImageState",
            ],
        ),
    ] {
        for code in codes {
            assert_eq!(kind_of(code, Effect::Write), kind, "{code}");
        }
    }
}

#[test]
fn an_unknown_code_leaves_the_outcome_of_a_write_unknown() {
    for (code, of_a_read, of_a_write) in [
        ("FailedOperation", Other, OutcomeUnknown),
        ("FailedOperation.SomethingNew", Other, OutcomeUnknown),
        ("Nonsense", Other, OutcomeUnknown),
        ("", Other, OutcomeUnknown),
        (".", Other, OutcomeUnknown),
        ("RequestLimitExceeded.SomethingNew", Throttled, OutcomeUnknown),
        ("ResourceUnavailable.X", Busy, OutcomeUnknown),
        ("ResourceInsufficient.X", Unsupported, OutcomeUnknown),
        ("UnsupportedOperation.X", Unsupported, OutcomeUnknown),
        ("OperationDenied.X", Permission, OutcomeUnknown),
        ("InternalError.DbError", Internal, Internal),
        ("InvalidParameter.X", Invalid, Invalid),
        ("InvalidParameterConflict.X", Invalid, Invalid),
        ("InvalidParameterValue.X", Invalid, Invalid),
        ("MissingParameter.X", Invalid, Invalid),
        ("AuthFailure.X", Credentials, Credentials),
        ("UnauthorizedOperation.Something.More", Permission, Permission),
        ("LimitExceeded.X", TooManyValues, TooManyValues),
        ("ResourceNotFound.X", NotFound, NotFound),
        // In the table.
        ("UnsupportedOperation.Region", Unsupported, Unsupported),
        ("RequestLimitExceeded.UinLimitExceeded", Throttled, Throttled),
    ] {
        assert_eq!(kind_of(code, Effect::Read), of_a_read, "a read: {code}");
        assert_eq!(kind_of(code, Effect::Write), of_a_write, "a write: {code}");
    }
}

#[test]
fn every_documented_code_has_the_same_kind_for_reads_and_writes() {
    for (code, kind) in CODES.iter().filter(|(_, kind)| *kind != Other) {
        assert_eq!(kind_of(code, Effect::Read), *kind, "{code}");
        assert_eq!(kind_of(code, Effect::Write), *kind, "{code}");
    }
}
