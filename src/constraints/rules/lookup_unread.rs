//! GF305: lookup has not been read yet.

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::diagnostics::ManifestPath;
use crate::model::{Address, Level};

/// GF305.
pub(super) static RULE: Rule = Rule {
    code: Code {
    id: "GF305",
    name: "lookup_unread",
    title: "Lookup has not been read yet",
    level: Level::Warn,
    docs: "\
### What it checks
The lookup of an entry was read with its present criteria. If the entry is not selected, or needs no build, a violation
is a warning at most.

### Why
Offline, only recorded images are known. The source of the entry is unknown until the lookup is read, so the plan leaves
the entry out and cannot be applied. The service itself would accept it.

### Example
    source: { shared: { id: \"${lookup.ubuntu}\" } }   # no refresh since the lookup was written

### What to do
Read it:

    goldform refresh
",
    },
    sources: &[RuleSource::Promise("an offline plan reports what it does not know")],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    for (key, image) in &case.desired.images {
        let Some(lookup) = image.lookup.as_ref().filter(|_| image.waits_for_lookup()) else { continue };
        let Some(asked) = case.desired.lookups.get(&lookup.name) else { continue };
        if case.prior.lookups.get(&lookup.name).is_some_and(|recorded| recorded.asked == *asked) {
            continue; // reported by `lookup_unanswered`
        }
        let entry = ManifestPath::root().field("images").field(key.as_str());
        let name = &lookup.name;
        findings.push(
            Finding::about(
                Address::Image(key.clone()),
                format!(
                    "image.{key} is built from lookup.{name}, whose image is unknown until a refresh. The plan leaves \
                     the entry out."
                ),
            )
            .at(entry.field("source").field("shared").field("id"), "unknown until a refresh")
            .at(ManifestPath::root().field("lookups").field(name.as_str()).key(), "not read yet")
            .help("Read it:\n\n    goldform refresh")
            .soft(!case.needs_lookup(name)),
        );
    }
}
