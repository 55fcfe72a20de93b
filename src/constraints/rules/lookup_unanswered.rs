//! GF304: lookup matches no image, or several.

use std::fmt::Write as _;

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::diagnostics::{ManifestPath, escape_truncated};
use crate::model::{Address, Level};
use crate::state::select::describe;
use crate::state::{Found, FoundImage, RecordedLookup};

/// GF304.
pub(super) static RULE: Rule = Rule {
    code: Code {
    id: "GF304",
    name: "lookup_unanswered",
    title: "Lookup matches no image, or several",
    level: Level::Deny,
    docs: "\
### What it checks
Each lookup matched exactly one image when its region was last read, or with `newest: true` at least one. A lookup that
no selected entry needs for a build is a warning at most.

### Why
An entry that is built from the lookup has no source, or one that nobody chose. The service itself would accept it.

### Example
    lookups:
      ubuntu: { region: ap-jakarta, type: public, os: Ubuntu }   # matches several

### What to do
Add criteria (`name`, `architecture`, `bits`, `from`), use the newest match (`newest: true`), or list existing images:

    goldform images --region ap-jakarta --type public
",
    },
    sources: &[
        RuleSource::Document("213/15715 DescribeImages", "the images of a region"),
    ],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    for (name, lookup) in &case.desired.lookups {
        let Some(recorded) = case.prior.lookups.get(name).filter(|recorded| recorded.asked == *lookup) else {
            continue; // reported by `lookup_unread`
        };
        let (what, help) = match &recorded.found {
            Found::One(_) => continue,
            Found::Several { count, first } => (format!("matches {count} images"), candidates(*count, first)),
            Found::Nothing { near } if near.is_empty() => {
                ("matches no image".to_owned(), "No image of the region comes close.".to_owned())
            }
            Found::Nothing { near } => {
                let mut help = "Closest images:\n".to_owned();
                for near in near {
                    let _ = write!(help, "\n    {}, but {}", line(&near.image), escape_truncated(&near.but));
                }
                ("matches no image".to_owned(), help)
            }
        };
        let is_needed = case.needs_lookup(name);
        let consequence = if is_needed { "" } else { " No build of this plan needs it." };
        let RecordedLookup { read_at, .. } = recorded;
        let asked = describe(lookup);
        let day = read_at.strftime("%Y-%m-%d");
        findings.push(
            Finding::about(
                Address::Lookup(name.clone()),
                format!("lookup.{name} ({asked}) {what}, as read on {day}.{consequence}"),
            )
            .at(ManifestPath::root().field("lookups").field(name.as_str()).key(), what)
            .help(help)
            .soft(!is_needed),
        );
    }
}

fn candidates(count: usize, first: &[FoundImage]) -> String {
    let mut help = "Add criteria, or use the newest match:\n\n    newest: true\n\nMatches:\n".to_owned();
    for image in first {
        let _ = write!(help, "\n    {}", line(image));
    }
    let more = count.saturating_sub(first.len());
    if more > 0 {
        let _ = write!(help, "\n    and {more} more");
    }
    help
}

fn line(image: &FoundImage) -> String {
    format!("{}  {}  {}", image.id, image.created.strftime("%Y-%m-%d"), escape_truncated(&image.name))
}
