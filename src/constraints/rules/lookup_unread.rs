//! GF305: lookup was not read yet.

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::diagnostics::ManifestPath;
use crate::model::{Address, Level};

/// GF305.
pub(super) static RULE: Rule = Rule {
    code: Code {
    id: "GF305",
    name: "lookup_unread",
    title: "Lookup was not read yet",
    level: Level::Warn,
    docs: "\
### What it checks
An entry that is made from a lookup has an image: the lookup was read, as it is asked now. An entry that is not selected,
or that no build is asked for, is a warning at most.

### Why
Offline, only what was read before is known. What the entry needs is unknown until then: the plan leaves it out, and
such a plan is not applied. The service itself would let it pass.

### Example
    source: { shared: { id: \"${lookup.ubuntu}\" } }   # and no refresh since the lookup was written

### What to do
Read it:

    goldform refresh
",
    },
    sources: &[RuleSource::Promise("an offline plan says what it does not know")],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    for (key, image) in &case.desired.images {
        let Some(lookup) = image.lookup.as_ref().filter(|_| image.waits_for_lookup()) else { continue };
        let Some(asked) = case.desired.lookups.get(&lookup.name) else { continue };
        if case.prior.lookups.get(&lookup.name).is_some_and(|recorded| recorded.asked == *asked) {
            continue; // read, and without an answer: another rule's
        }
        let entry = ManifestPath::root().field("images").field(key.as_str());
        let name = &lookup.name;
        findings.push(
            Finding::about(
                Address::Image(key.clone()),
                format!(
                    "image.{key} is made from lookup.{name}, which is unknown until a refresh: what it needs is not in \
                     this plan."
                ),
            )
            .at(entry.field("source").field("shared").field("id"), "unknown until a refresh")
            .at(ManifestPath::root().field("lookups").field(name.as_str()).key(), "not read yet")
            .help("Read it:\n\n    goldform refresh")
            .soft(!case.needs_lookup(name)),
        );
    }
}
