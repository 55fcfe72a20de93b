//! GF707: an entry is deleted, and another with its source appears.

use std::borrow::Cow;

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::diagnostics::ManifestPath;
use crate::diagnostics::collect::MAX_PLACES;
use crate::diff::Reason;
use crate::manifest::{Desired, DesiredImage};
use crate::model::{Address, ImageKey, Level, PlacementKey, Source, SourceKind};
use crate::plan::PlanView;
use crate::state::{Recorded, RecordedImage};

/// GF707.
pub(super) static RULE: Rule = Rule {
    code: Code {
    id: "GF707",
    name: "entry_renamed",
    title: "Entry seems to be renamed",
    level: Level::Deny,
    docs: "\
### What it checks
The plan does not delete an entry while it builds a new one from the same source with the same revision. A new entry with
only the same name or family is a warning.

### Why
goldform knows entries by their keys. Another key is another entry: every image is deleted and built again under a new
id, and every account loses the old one. The service itself would accept it.

### Example
    images: { web-base: { … } }        # it was `web`, and its source is unchanged

### What to do
Declare the rename, so that nothing is rebuilt:

    renames: [{ from: image.web, to: image.web-base }]

If it is another image, allow it for this run with `--allow entry_renamed`.
",
    },
    sources: &[RuleSource::Promise("a renamed entry is not rebuilt by accident")],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    let Some(view) = case.plan else { return };
    let mut renames: Vec<Rename<'_>> = Vec::new();
    loop {
        let before = renames.len();
        // The most similar first, and of equally similar ones the first by key. Each entry is renamed once.
        let mut more = candidates(case, view, &renames);
        more.sort_by(|a, b| b.0.cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        for rename in more {
            if renames.iter().all(|(_, from, to)| *from != rename.1 && *to != rename.2) {
                renames.push(rename);
            }
        }
        // An encrypted copy of an entry that is renamed has the same source only once that is known.
        if renames.len() == before {
            break;
        }
    }
    for likeness in [Likeness::Source, Likeness::Name] {
        let alike = renames.iter().filter(|(other, ..)| *other == likeness);
        let alike: Vec<(&ImageKey, &ImageKey)> = alike.map(|(_, from, to)| (*from, *to)).collect();
        let has_renames = !case.desired.renames.is_empty();
        findings.extend(finding(likeness, &alike, has_renames));
    }
}

/// How similar two entries are, the removed one, and the new one.
type Rename<'a> = (Likeness, &'a ImageKey, &'a ImageKey);

/// Returns every removed entry with every new one that is like it, given renames that are known.
fn candidates<'a>(case: &Case<'a>, view: &PlanView<'_>, known: &[Rename<'_>]) -> Vec<Rename<'a>> {
    let (desired, prior): (&'a Desired, &'a Recorded) = (case.desired, case.prior);
    let removed = prior
        .images
        .iter()
        .filter(|(from, recorded)| !desired.images.contains_key(*from) && is_removed(view, from, recorded));
    let new: Vec<_> = desired.images.iter().filter(|(key, _)| !prior.images.contains_key(*key)).collect();
    removed
        .flat_map(|(from, recorded)| {
            let like = |(to, image): &(&'a ImageKey, &'a DesiredImage)| {
                Some((likeness(recorded, image, known)?, from, *to))
            };
            new.iter().filter_map(like).collect::<Vec<_>>()
        })
        .collect()
}

/// Returns the finding about all renames of one likeness. `has_renames`: whether the manifest declares others.
fn finding(likeness: Likeness, renames: &[(&ImageKey, &ImageKey)], has_renames: bool) -> Option<Finding> {
    let (first, others) = renames.split_first()?;
    let what = match likeness {
        Likeness::Source => "the same source",
        Likeness::Name => "the same name",
    };
    let detail = match others {
        [] => {
            let (from, to) = first;
            format!("image.{from} is deleted, and the new image.{to} has {what}: it seems to be renamed.")
        }
        _ => {
            let shown: Vec<String> =
                renames.iter().take(SHOWN).map(|(from, to)| format!("image.{from} to image.{to}")).collect();
            let more = renames.len().saturating_sub(SHOWN);
            let more = if more == 0 { String::new() } else { format!(", and {more} more") };
            format!(
                "{} entries are deleted, and for each a new one has {what}: they seem to be renamed. {}{more}.",
                renames.len(),
                shown.join(", ")
            )
        }
    };
    let entries = renames.iter().map(|(from, to)| format!("{{ from: image.{from}, to: image.{to} }}"));
    let help = match (others, has_renames) {
        ([], false) => {
            let entry: String = entries.collect();
            format!("Declare the rename, so that nothing is rebuilt:\n\n    renames: [{entry}]")
        }
        (_, false) => {
            let lines: String = entries.map(|entry| format!("\n      - {entry}")).collect();
            format!("Declare the renames, so that nothing is rebuilt:\n\n    renames:{lines}")
        }
        (_, true) => {
            let lines: String = entries.map(|entry| format!("\n    - {entry}")).collect();
            format!("Add this to `renames`, so that nothing is rebuilt:\n{lines}")
        }
    };
    let about = Finding::about(Address::Image(first.0.clone()), detail).help(help);
    let located = renames
        .iter()
        .take(MAX_PLACES)
        .fold(about, |finding, (_, to)| finding.at(ManifestPath::image(to), "the new entry"));
    Some(located.soft(likeness == Likeness::Name))
}

/// How many renames a finding names in its text. The help has all.
const SHOWN: usize = 5;

/// Returns whether the plan deletes an image of the current generation because its entry was removed.
fn is_removed(view: &PlanView<'_>, key: &ImageKey, recorded: &RecordedImage) -> bool {
    let build = recorded.generations.get(&recorded.current);
    build.into_iter().flat_map(|build| build.placements.keys()).any(|region| {
        let at = PlacementKey { image: key.clone(), generation: recorded.current, region: region.clone() };
        view.is_deleted(&at) && view.steps_at(&at).any(|(_, step)| step.reason == Reason::EntryRemoved)
    })
}

/// How a new entry resembles a removed one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Likeness {
    /// Its name in the service, or its family.
    Name,
    /// Its source, with the revision.
    Source,
}

fn likeness(recorded: &RecordedImage, image: &DesiredImage, known: &[Rename<'_>]) -> Option<Likeness> {
    let build = recorded.generations.get(&recorded.current)?;
    let source = match &build.source.kind {
        SourceKind::Encrypted { image: original, kms_key } => {
            let renamed = known.iter().find(|(_, from, _)| *from == original).map_or(original, |(.., to)| to);
            let kind = SourceKind::Encrypted { image: renamed.clone(), kms_key: kms_key.clone() };
            Cow::Owned(Source { kind, ..build.source.clone() })
        }
        _ => Cow::Borrowed(&build.source),
    };
    if image.source.as_ref() == Some(&*source) && image.region == recorded.origin {
        return Some(Likeness::Source);
    }
    let revision = build.source.revision_or_id().unwrap_or_default();
    let is_like = build.placements.values().any(|placement| {
        let family = image.family.as_ref().filter(|family| !family.is_empty());
        image.name.of(recorded.current, &revision) == placement.name
            || family.is_some_and(|family| *family == placement.family)
    });
    is_like.then_some(Likeness::Name)
}
