//! GF501: account cannot be shared with.

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::manifest::FaultKind;
use crate::model::Level;

/// GF501.
pub(super) static RULE: Rule = Rule {
    code: Code {
    id: "GF501",
    name: "share_account_invalid",
    title: "Account cannot be shared with",
    level: Level::Deny,
    docs: "\
### What it checks
An image is shared with main accounts only: ids of digits, or names under `accounts:`. Each is listed once, and the
owner is not listed.

### Why
The service refuses sub-accounts, unknown accounts and the owner itself.

### Example
    with: [partner, partner]           # listed twice

### What to do
Correct the id, or declare the name under `accounts:`.
",
    },
    sources: &[
        RuleSource::Document("213/15710 ModifyImageSharePermission", "AccountIds: main accounts"),
        RuleSource::ErrorCode("InvalidAccountId.NotFound"),
        RuleSource::ErrorCode("FailedOperation.AccountIsYourSelf"),
        RuleSource::ErrorCode("InvalidAccountIs.YourSelf"),
        RuleSource::ErrorCode("FailedOperation.NotMasterAccount"),
        RuleSource::ErrorCode("FailedOperation.AccountAlreadyExists"),
    ],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    for fault in &case.desired.faults {
        let subject = fault.image.as_ref().map(|key| format!("image.{key}")).unwrap_or_default();
        let mut other = None;
        let (detail, label, help) = match &fault.kind {
            FaultKind::MalformedAccount { text } => (
                format!("`{}` is neither an account id (5 to 19 digits) nor a name.", text.escape_debug()),
                "not an account",
                "Write the main account's id (UIN), quoted:\n\n    \"200000000001\"".to_owned(),
            ),
            FaultKind::UnknownAccountName { name, similar } => (
                format!("`{}` is not declared under `accounts:`.", name.escape_debug()),
                "not a declared name",
                match similar {
                    Some(similar) => format!("Did you mean `{similar}`?"),
                    None => format!(
                        "Declare it:\n\n    accounts: {{ {}: \"<account id>\" }}",
                        name.escape_debug()
                    ),
                },
            ),
            FaultKind::OwnAccount { text } => (
                format!(
                    "`{}` is the owner: an image cannot be shared with its own account.",
                    text.escape_debug()
                ),
                "the owner itself",
                "Remove it from the list.".to_owned(),
            ),
            FaultKind::DuplicateAccount { text, first } => {
                other = Some(first.clone());
                (
                    format!("`{}` is listed twice.", text.escape_debug()),
                    "listed again",
                    "Remove one of them.".to_owned(),
                )
            }
            _ => continue,
        };
        let mut finding =
            Finding::about(subject, detail).at(fault.path.clone(), label).help(help).hard(fault.is_hard());
        if let Some(first) = other {
            finding = finding.at(first, "first listed here");
        }
        findings.push(finding.folded(fault, label));
    }
}
