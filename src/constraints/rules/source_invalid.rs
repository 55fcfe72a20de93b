//! GF301: source is not valid.

use crate::constraints::rule::{Case, Finding, Findings, Rule, RuleSource};
use crate::manifest::FaultKind;
use crate::manifest::Level;

/// GF301.
pub(super) static RULE: Rule = Rule {
    id: "GF301",
    name: "source_invalid",
    title: "Source is not valid",
    level: Level::Deny,
    docs: "\
### What it checks
Each entry names exactly one kind of source, and its ids, URL and other arguments have the shape that the service
takes.

### Why
No request can be made of anything else; the service refuses it with the codes below.

### Example
    source:
      instance: { id: i-12345678 }     # an instance id begins with ins-

### What to do
Name one kind of source, and copy its id from the console.
",
    sources: &[
        RuleSource::Document("213/16726 CreateImage", "exactly one of InstanceId and SnapshotIds"),
        RuleSource::ErrorCode("InvalidParameter.SpecifyOneParameter"),
        RuleSource::ErrorCode("InvalidParameter.SnapshotNotFound"),
        RuleSource::ErrorCode("InvalidInstanceId.NotFound"),
    ],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    for fault in &case.desired.faults {
        let subject = fault.image.as_ref().map(|key| format!("image.{key}")).unwrap_or_default();
        let (detail, label, help) = match &fault.kind {
            FaultKind::NoSource => (
                format!("{subject} does not say what it is made from."),
                "has no source",
                "Name one:\n\n    source:\n      instance: { id: ins-8f3a1c2d }".to_owned(),
            ),
            FaultKind::SeveralSources { kinds } => (
                format!("{subject} names {} kinds of source: {}.", kinds.len(), kinds.join(", ")),
                "more than one kind",
                "Keep one of them.".to_owned(),
            ),
            FaultKind::MalformedSource { text, expected } => (
                format!("`{}` in the source of {subject} is not {expected}.", text.escape_debug()),
                "does not have that shape",
                "Copy the id from the console or the official command line.".to_owned(),
            ),
            _ => continue,
        };
        findings.push(
            Finding::about(subject, detail).at(fault.path.clone(), label).help(help).hard(fault.is_hard()),
        );
    }
}
