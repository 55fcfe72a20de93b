//! GF304: lookup finds no image, or several.

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
    title: "Lookup finds no image, or several",
    level: Level::Deny,
    docs: "\
### What it checks
Each lookup found exactly one image when its region was last read; with `newest: true`, at least one. A lookup that no
selected entry needs for a build is a warning at most.

### Why
What is made from a lookup would be made from nothing, or from an image that nobody chose. The service itself would let it pass.

### Example
    lookups:
      ubuntu: { region: ap-jakarta, type: public, os: Ubuntu }   # there are several

### What to do
Ask for more (`name`, `architecture`, `bits`, `from`), take the newest of several (`newest: true`), or see what is
there:

    goldform images --region ap-jakarta --type public
",
    },
    sources: &[
        RuleSource::Document("213/15715 DescribeImages", "what a region offers"),
    ],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    for (name, lookup) in &case.desired.lookups {
        let Some(recorded) = case.prior.lookups.get(name).filter(|recorded| recorded.asked == *lookup) else {
            continue; // not read yet: another rule's
        };
        let (what, help) = match &recorded.found {
            Found::One(_) => continue,
            Found::Several { count, first } => (format!("finds {count} images"), candidates(*count, first)),
            Found::Nothing { near } if near.is_empty() => {
                ("finds no image".to_owned(), "There is no image of that kind in the region.".to_owned())
            }
            Found::Nothing { near } => {
                let mut help = "These are near:\n".to_owned();
                for near in near {
                    let _ = write!(help, "\n    {}, but {}", line(&near.image), escape_truncated(&near.but));
                }
                ("finds no image".to_owned(), help)
            }
        };
        let is_needed = case.needs_lookup(name);
        let consequence = if is_needed { "" } else { " Nothing that is built now needs it." };
        let RecordedLookup { read_at, .. } = recorded;
        let asked = describe(lookup);
        let day = read_at.strftime("%Y-%m-%d");
        findings.push(
            Finding::about(
                Address::Lookup(name.clone()),
                format!("lookup.{name} asks for {asked}, and {what} (read {day}).{consequence}"),
            )
            .at(ManifestPath::root().field("lookups").field(name.as_str()).key(), what)
            .help(help)
            .soft(!is_needed),
        );
    }
}

fn candidates(count: usize, first: &[FoundImage]) -> String {
    let mut help = "Ask for more, or take the newest:\n\n    newest: true\n\nIt finds:\n".to_owned();
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
