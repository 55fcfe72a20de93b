//! GF503: image is shared with too many accounts.

use super::describe_source;
use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::model::{Address, Level, LimitSource, Operation, Provider};
use crate::plan::share_limit;

/// GF503.
pub(super) static RULE: Rule = Rule {
    code: Code {
    id: "GF503",
    name: "share_limit_exceeded",
    title: "Image is shared with too many accounts",
    level: Level::Deny,
    docs: "\
### What it checks
The number of accounts that an image is shared with in a region, unmanaged shares included, is at most the limit. The
limit is the lower one of `limits` in the manifest and of the number at which the service returned OverQuota. If neither
is known, it is the documented 50.

### Why
The service refuses the whole call.

### Example
    limits: { accounts_per_image: 2 }
    shares: [ { image: web, with: [a, b, c] } ]

### What to do
Share with fewer accounts. If the service allows more, set the limit:

    limits: { accounts_per_image: 500 }
",
    },
    sources: &[
        RuleSource::Document("213/4941", "at most 50 accounts"),
        RuleSource::Document("213/15710 ModifyImageSharePermission", "at most 500 accounts, since 2024-02-05"),
        RuleSource::ErrorCode("OverQuota"),
    ],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    let Some(view) = case.plan else { return };
    let limit = share_limit(case.desired, case.prior);
    for (_, step) in view.plan.graph.steps() {
        let Operation::Share { at, .. } = &step.operation else { continue };
        let accounts = view.share_peak(at).when_taking;
        if accounts <= usize::try_from(limit.value).unwrap_or(usize::MAX) {
            continue;
        }
        findings.push(
            Finding::about(
                at,
                format!(
                    "{at} would be shared with {accounts} accounts. The limit is {} ({}).",
                    limit.value,
                    describe_source(&limit.source, "213/4941")
                ),
            )
            .at(case.desired.path_of(&Address::Share(at.clone(), case.desired.account)), "shared here")
            .help(match (case.desired.cloud.provider, &limit.source) {
                (Provider::Sandbox, LimitSource::Documented | LimitSource::Recorded { .. }) => format!(
                    "Share with fewer accounts. The sandbox has the quota that the manifest gives it:\n\n    cloud: {{ \
                     sandbox: {{ quotas: {{ accounts_per_image: {accounts} }} }} }}"
                ),
                _ => "Share with fewer accounts. If the service allows more, set the limit:\n\n    \
                      limits: { accounts_per_image: 500 }"
                    .to_owned(),
            }),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::constraints::{Levels, validate};
    use crate::testing::desired;
    use crate::testing::worlds::{applied, noon, plan_to};

    #[test]
    fn the_quota_of_the_sandbox_is_raised_where_the_manifest_sets_it() {
        let accounts: Vec<String> = (0..51).map(|n| format!("\"2000000000{n:02}\"")).collect();
        let advice = |settings: &str| {
            let manifest = format!(
                "version: 1\naccount: \"100000000001\"\n{settings}\nimages:\n  web: {{ region: ap-jakarta, source: {{ \
                 instance: {{ id: ins-8f3a1c2d }} }} }}\nshares:\n  - {{ image: web, with: [{}] }}\n",
                accounts.join(", ")
            );
            let snapshot = applied(&[]);
            let plan = plan_to(&snapshot, &manifest);
            let (judgement, _) =
                validate(plan, &desired(&manifest), &snapshot.recorded, &Levels::default(), noon());
            let found = judgement.diagnostics.into_iter().find(|found| found.code.id == "GF503");
            found.map(|found| found.help.unwrap_or_default())
        };
        let help = advice("").unwrap();
        let line = help.lines().find(|line| line.trim_start().starts_with("cloud:")).unwrap();
        assert_eq!(advice(line.trim()), None, "that helps, without a refresh");
    }
}
