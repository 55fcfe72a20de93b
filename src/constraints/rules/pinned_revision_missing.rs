//! GF307: no usable generation has the pinned revision.

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::diagnostics::{ManifestPath, sanitize};
use crate::model::{Address, Level, RevisionName, Source};

/// GF307.
pub(super) static RULE: Rule = Rule {
    code: Code {
    id: "GF307",
    name: "pinned_revision_missing",
    title: "Pinned revision does not exist",
    level: Level::Deny,
    docs: "\
### What it checks
A generation of the entry has the revision under `pin`, and an image of it is NORMAL or pending in some region. A revision
that the source asks for may be missing: it is built.

### Why
goldform cannot build an earlier revision again: its source may hold something else by now. If the rule is allowed, the
current generation stays. The service itself would accept it.

### Example
    pin: 2026-W40              # deleted two weeks ago

### What to do
Pin a revision that exists. The message lists them, and `goldform show` shows them. Or remove the line, so that the entry
follows its source.
",
    },
    sources: &[RuleSource::Promise("a pinned revision is current, and nothing is built for it")],
    check,
};

/// Most revisions that a message lists.
const MOST_LISTED: usize = 10;

fn check(case: &Case<'_>, findings: &mut Findings) {
    if case.plan.is_none() {
        return;
    }
    for (key, image) in &case.desired.images {
        let Some(pin) = case.prior.pin(key, image.pin.as_ref()) else { continue };
        let is_held = case.prior.holds.contains_key(key);
        let usable: Vec<_> = case.prior.usable_generations(key).collect();
        let is_named = usable.iter().any(|(generation, revision)| {
            revision.as_ref().is_some_and(|text| pin.matches(text, *generation))
        });
        let asked = image.source.as_ref().and_then(Source::revision_or_id);
        if is_named || pin.generation.is_none() && asked.as_ref() == Some(&pin.revision) {
            continue;
        }
        let names: Vec<String> = usable
            .iter()
            .filter_map(|(generation, revision)| {
                let revision = revision.clone()?;
                let is_shared =
                    usable.iter().filter(|(_, other)| *other == Some(revision.clone())).count() > 1;
                let number = Some(*generation).filter(|_| is_shared);
                Some(RevisionName { revision, generation: number }.to_string())
            })
            .collect();
        let help = match names.first() {
            _ if is_held => format!("Release the hold:\n\n    goldform rollback --release image.{key}"),
            None => "Remove the line `pin`: the entry then follows its source.".to_owned(),
            Some(newest) => {
                let listed: Vec<String> = names
                    .iter()
                    .take(MOST_LISTED)
                    .map(|name| format!("`{}`", sanitize::escape_truncated(name)))
                    .collect();
                format!(
                    "These exist, newest first: {}. Pin one of them:\n\n    goldform set {}",
                    listed.join(", "),
                    sanitize::escape_truncated(&format!("images.{key}.pin={newest}"))
                )
            }
        };
        let entry = ManifestPath::root().field("images").field(key.as_str());
        let (path, how) = if is_held { (entry.key(), "held at") } else { (entry.field("pin"), "pinned to") };
        findings.push(
            Finding::about(
                Address::Image(key.clone()),
                format!(
                    "image.{key} is {how} `{}`, and no image of that revision exists.",
                    sanitize::escape_truncated(&pin.to_string())
                ),
            )
            .at(path, "no such revision")
            .help(help),
        );
    }
}
