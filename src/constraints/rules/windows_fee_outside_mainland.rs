//! GF802: Windows image may be charged.

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::diagnostics::{ManifestPath, escape_truncated};
use crate::model::{Address, ImageKind, Level};

/// GF802.
pub(super) static RULE: Rule = Rule {
    code: Code {
    id: "GF802",
    name: "windows_fee_outside_mainland",
    title: "Windows image may be charged",
    level: Level::Warn,
    docs: "\
### What it checks
No lookup matches a public Windows image in a region outside the Chinese mainland.

### Why
The licence is free in the regions of the mainland and charged elsewhere, as part of the price of the instances that run
the image. Hong Kong is outside. The service itself would accept it.

### Example
    lookups:
      win: { region: ap-singapore, type: public, os: Windows, newest: true }

### What to do
If the fee is acceptable, allow the rule:

    rules: { windows_fee_outside_mainland: allow }
",
    },
    sources: &[
        RuleSource::Document("213/4941", "public Windows images may be charged outside the Chinese mainland"),
        RuleSource::Document("213/17244", "billing of images"),
    ],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    for (name, lookup) in &case.desired.lookups {
        // Nothing is known about the fees of an unknown region.
        if case.desired.regions.get(&lookup.region).is_none_or(|facts| facts.mainland) {
            continue;
        }
        let answer = case.prior.lookups.get(name).and_then(|recorded| recorded.answer(lookup));
        let title = match answer {
            Some(image) if image.kind == ImageKind::Public && is_windows(&image.platform) => {
                image.os.as_str()
            }
            None if lookup.kind == Some(ImageKind::Public) => match lookup.os.as_deref() {
                Some(os) if is_windows(os) => os,
                _ => continue,
            },
            _ => continue,
        };
        let path = ManifestPath::root().field("lookups").field(name.as_str());
        findings.push(
            Finding::about(
                Address::Lookup(name.clone()),
                format!(
                    "lookup.{name} matches a public image of {} in {}, which is outside the Chinese mainland. Its licence \
                     may be charged.",
                    escape_truncated(title),
                    lookup.region
                ),
            )
            .at(path.key(), "may be charged"),
        );
    }
}

fn is_windows(text: &str) -> bool {
    text.to_lowercase().contains("windows")
}
