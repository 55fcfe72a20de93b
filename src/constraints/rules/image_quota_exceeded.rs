//! GF601: too many custom images in a region.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::describe_source;
use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::diff::{Action, Reason};
use crate::model::{
    Address, GenerationNumber, ImageKey, Level, Limit, LimitSource, PlacementKey, Provider, Region,
    ReplaceOrder,
};
use crate::plan::{PlanView, image_limit};

/// Number of entries that a finding shows at most.
const LABELS: usize = 3;

/// GF601.
pub(super) static RULE: Rule = Rule {
    code: Code {
    id: "GF601",
    name: "image_quota_exceeded",
    title: "Too many custom images in a region",
    level: Level::Deny,
    docs: "\
### What it checks
In every order of the plan's steps, and at every moment, the number of custom images in a region is at most the limit.
Images that goldform does not manage count, and so do images that are being created or deleted. The limit is the lower
one of `limits` in the manifest and of DescribeImageQuota. If neither is known, it is the documented 10.

### Why
The service refuses the first image above the limit in the middle of an apply.

### Example
    # eleven entries with `region: ap-jakarta`, and a limit of 10

### What to do
Remove images, put some in another region, or have the quota raised and recorded:

    goldform refresh
",
    },
    sources: &[
        RuleSource::Document("213/4941", "at most 10 custom images per region"),
        RuleSource::Document("213/15716 DeleteImages", "500 per region, since 2024-02-05"),
        RuleSource::Document("213/15719 DescribeImageQuota", "the limit of the account"),
        RuleSource::ErrorCode("ImageQuotaLimitExceeded"),
    ],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    let Some(view) = case.plan else { return };
    // Regions in which no image is created are not checked: their number of images is not a violation of the plan.
    let mut makers: BTreeMap<&Region, Vec<&PlacementKey>> = BTreeMap::new();
    for (_, step) in view.plan.graph.steps() {
        if step.operation.makes_image() {
            makers.entry(&step.at().region).or_default().push(step.at());
        }
    }
    // Regions that lack the same slots for the same entries have one cause.
    let mut alike: BTreeMap<String, Vec<Exceeded<'_>>> = BTreeMap::new();
    // Computed from the steps, not from the capacities in the plan: a plan file may have been edited.
    for (region, makers) in makers {
        let source = image_limit(case.desired, case.prior, region);
        let limit = usize::try_from(source.value).unwrap_or(usize::MAX);
        let peak = view.image_peak(region).when_taking;
        if peak <= limit {
            continue;
        }
        let over = peak.saturating_sub(limit);
        let unmanaged = match case.prior.regions.get(region).map_or(0, |known| known.unmanaged.len()) {
            0 => String::new(),
            count => format!(", {count} of which goldform does not manage"),
        };
        let after = view.plan.regions.get(region).map_or(peak, |room| room.after);
        let moment = if after < peak { " at some moment, in some order of the steps" } else { "" };
        let what = format!("{peak} custom images{unmanaged}{moment}");
        let limit_text =
            format!("The limit is {} ({}).", source.value, describe_source(&source.source, "213/4941"));
        let images: BTreeSet<&ImageKey> = makers.iter().map(|at| &at.image).collect();
        let missing = view.plan.blocked.as_ref().and_then(|blocked| blocked.missing.get(region));
        let cause = format!("{what}\n{limit_text}\n{missing:?}\n{images:?}");
        alike.entry(cause).or_default().push(Exceeded {
            region,
            makers,
            over,
            source,
            what,
            limit_text,
            after,
            limit,
        });
    }
    for group in alike.values() {
        let Some(first) = group.first() else { continue };
        let Exceeded { region, over, source, what, limit_text, after, limit, .. } = first;
        let (region, over, after, limit) = (*region, *over, *after, *limit);
        let regions: Vec<&Region> = group.iter().map(|one| one.region).collect();
        let mut finding = Finding::about(
            region,
            format!(
                "{} would{} have {what}. {limit_text}",
                list(&regions),
                if regions.len() > 1 { " each" } else { "" }
            ),
        );
        for Exceeded { region, makers, over, .. } in group.iter().take(LABELS) {
            // The last images are those above the limit.
            let labels = if group.len() > 1 { 1 } else { LABELS };
            for at in makers.iter().rev().take((*over).min(labels)).rev() {
                let path = case.desired.path_of(&Address::Placement((*at).clone()));
                finding = finding.at(path, format!("no free slot in {region}"));
            }
        }
        let mut help = help(view, &regions, over, source, case.desired.cloud.provider);
        let fits_at_the_end = |is_kept: bool| after.saturating_sub(usize::from(is_kept)) <= limit;
        if let Some((key, keep)) = kept_in(case, view, region, over) {
            let _ = write!(help, "\nOr keep fewer earlier generations of image.{key}:\n\n    keep: {keep}");
        } else if let Some((key, _)) =
            replaced_in(case, view, region).filter(|(_, is_kept)| fits_at_the_end(*is_kept))
        {
            let _ = write!(
                help,
                "\nOr accept that the accounts of image.{key} have no image for a while:\n\n    replace: delete-first"
            );
        }
        findings.push(finding.help(help));
    }
}

/// A region whose limit is exceeded.
struct Exceeded<'a> {
    region: &'a Region,
    makers: Vec<&'a PlacementKey>,
    over: usize,
    source: Limit,
    /// The images that it would have.
    what: String,
    limit_text: String,
    after: usize,
    limit: usize,
}

/// Lists regions.
fn list(regions: &[&Region]) -> String {
    let names: Vec<&str> = regions.iter().map(|region| region.as_str()).collect();
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

/// Returns an entry whose earlier generations occupy all slots that are missing, and the number to keep instead. Those of
/// an entry's current generation do not count: they are there until their successors are.
fn kept_in<'a>(
    case: &Case<'_>,
    view: &PlanView<'a>,
    region: &Region,
    over: usize,
) -> Option<(&'a ImageKey, usize)> {
    view.plan.changes.iter().find_map(|change| {
        let recorded = case.prior.images.get(&change.image)?;
        let is_deleted = |generation: GenerationNumber| {
            let mut deleted = change.placements.iter().filter(|one| one.deletes_image());
            deleted.any(|one| one.at.region == *region && one.at.generation == generation)
        };
        let kept = recorded.generations.iter().filter(|(generation, build)| {
            Some(**generation) != change.generation
                && build.placements.contains_key(region)
                && !is_deleted(**generation)
        });
        let (current, earlier): (Vec<_>, Vec<_>) =
            kept.partition(|(generation, _)| **generation == recorded.current);
        let keep = earlier.len().checked_sub(over)?.saturating_add(current.len());
        Some((&change.image, keep))
    })
}

/// Returns the first entry that is replaced create-first in a region and could be replaced delete-first, and whether the
/// image that is replaced is kept.
fn replaced_in<'a>(case: &Case<'_>, view: &PlanView<'a>, region: &Region) -> Option<(&'a ImageKey, bool)> {
    view.plan.changes.iter().find_map(|change| {
        let here = || change.placements.iter().filter(|placement| placement.at.region == *region);
        let image = case.desired.images.get(&change.image);
        let is_protected = case.prior.images.get(&change.image).is_some_and(|image| image.protect);
        let is_auto = image.is_some_and(|image| image.replace == ReplaceOrder::Auto && !image.protect);
        let is_made = || here().any(|placement| placement.makes_image());
        let is_kept = || here().any(|placement| placement.reason == Reason::Kept);
        let is_deleted = here().any(|placement| placement.deletes_image());
        let may_go_first = is_auto && !is_protected && is_made() && (is_deleted || is_kept());
        may_go_first.then_some((&change.image, !is_deleted))
    })
}

/// Width from which a suggested command continues on the next line.
const COMMAND_WIDTH: usize = 72;

/// Number of entries that a suggested command names at most.
const MOST_NAMED: usize = 20;

/// Returns the command that leaves entries unchanged, in lines that a terminal and a reader can hold.
fn excluding(keys: &[ImageKey]) -> String {
    let mut command = "goldform plan".to_owned();
    let mut width = command.len();
    for key in keys {
        let flag = format!(" --exclude image.{key}");
        width = width.saturating_add(flag.len());
        if width > COMMAND_WIDTH {
            command.push_str(" \\\n       ");
            width = flag.len().saturating_add(7);
        }
        command.push_str(&flag);
    }
    command
}

/// Returns what to do to stay within the limit.
fn help(view: &PlanView<'_>, regions: &[&Region], over: usize, limit: &Limit, provider: Provider) -> String {
    // With so many slots more, some order of the steps fits: fewer than without any order.
    let blocked = view.plan.blocked.as_ref();
    let missing = blocked.and_then(|blocked| blocked.missing.get(*regions.first()?)).copied().unwrap_or(over);
    let mut help = format!(
        "Remove {missing} {} from {}, put {} in another region, or raise the limit.",
        if missing == 1 { "image" } else { "images" },
        match regions {
            [region] => region.to_string(),
            _ => "each of these regions".to_owned(),
        },
        if missing == 1 { "it" } else { "them" },
    );
    let raise = |help: &mut String| {
        let needed = usize::try_from(limit.value).unwrap_or(usize::MAX).saturating_add(missing);
        // The limit that the service reports is not raised by the manifest, but for that of the sandbox.
        if provider == Provider::Sandbox && limit.source != LimitSource::Manifest {
            let _ = write!(
                help,
                "\nThe sandbox has the quota that the manifest gives it:\n\n    cloud: {{ sandbox: {{ quotas: {{ \
                 images_per_region: {needed} }} }} }}"
            );
        } else if !matches!(limit.source, LimitSource::Recorded { .. }) {
            let line = match regions {
                [region] => format!("regions: {{ {region}: {{ images: {needed} }} }}"),
                _ => format!("images_per_region: {needed}"),
            };
            let _ =
                write!(help, "\nIf the account's limit is higher, declare it:\n\n    limits: {{ {line} }}");
        }
    };
    let leave_out = blocked.map_or(&[][..], |blocked| &blocked.leave_out);
    let changed = view.plan.changes.iter().filter(|change| change.action != Action::Unchanged).count();
    match leave_out {
        [] => {}
        all if all.len() == changed => {}
        few if few.len() <= MOST_NAMED => {
            let _ = write!(
                help,
                "\nEverything else fits if the fewest entries are left unchanged:\n\n    {}",
                excluding(few)
            );
        }
        many => {
            let _ = write!(
                help,
                "\nEverything else fits if {} entries are left unchanged. `blocked.leave_out` lists them:\n\n    \
                 goldform plan --format json",
                many.len()
            );
        }
    }
    raise(&mut help);
    help
}

#[cfg(test)]
mod tests {
    use crate::constraints::{Levels, validate};
    use crate::testing::desired;
    use crate::testing::worlds::{applied, noon, plan_to};

    /// What GF601 says to do about the last of these manifests, if they are applied one after the other.
    fn help(manifests: &[&str]) -> Option<String> {
        let (last, earlier) = manifests.split_last().unwrap();
        let snapshot = applied(earlier);
        let plan = plan_to(&snapshot, last);
        let (judgement, _) = validate(plan, &desired(last), &snapshot.recorded, &Levels::default(), noon());
        let found = judgement.diagnostics.into_iter().find(|found| found.code.id == "GF601")?;
        Some(found.help.unwrap_or_default())
    }

    fn manifest(revision: u32, limit: u32, keep: &str) -> String {
        format!(
            "version: 1\naccount: \"100000000001\"\nlimits: {{ images_per_region: {limit} }}\nimages:\n  web:\n    \
             region: ap-jakarta\n    name: web-{{generation}}\n    source: {{ revision: \"{revision}\", snapshots: \
             [snap-2f3a1c2d] }}\n    {keep}\n"
        )
    }

    /// Three entries in three regions of two slots each.
    #[test]
    fn regions_that_lack_the_same_slots_are_one_finding_and_its_limit_helps() {
        let fleet = |limits: &str| {
            let images: String = ["a", "b", "c"]
                .iter()
                .map(|key| format!("  {key}: {{ source: {{ instance: {{ id: ins-8f3a1c2d }} }} }}\n"))
                .collect();
            format!(
                "version: 1\naccount: \"100000000001\"\n{limits}\ndefaults: {{ region: ap-jakarta, copies: [ap-tokyo, \
                 ap-seoul] }}\nimages:\n{images}"
            )
        };
        let found = |limits: &str| {
            let manifest = fleet(limits);
            let snapshot = applied(&[]);
            let plan = plan_to(&snapshot, &manifest);
            let (judgement, _) =
                validate(plan, &desired(&manifest), &snapshot.recorded, &Levels::default(), noon());
            let found = judgement.diagnostics.into_iter();
            found.filter(|found| found.code.id == "GF601").collect::<Vec<_>>()
        };
        let [found_first] = &found("limits: { images_per_region: 2 }")[..] else {
            panic!("one finding: {:#?}", found("limits: { images_per_region: 2 }"))
        };
        assert!(
            found_first
                .detail
                .starts_with("ap-jakarta, ap-seoul and ap-tokyo would each have 3 custom images."),
            "{}",
            found_first.detail
        );
        let help = found_first.help.clone().unwrap();
        assert!(help.contains("from each of these regions"), "{help}");
        let line = help.lines().find(|line| line.trim_start().starts_with("limits:")).unwrap();
        assert!(found(line.trim()).is_empty(), "{line}");
    }

    /// Entries of one region of the sandbox.
    fn fleet(count: usize, revision: u32, settings: &str) -> String {
        let entry = |n| {
            format!(
                "  image-{n}: {{ region: ap-jakarta, source: {{ revision: \"{revision}\", instance: {{ id: ins-8f3a1c2d }} }} }}\n"
            )
        };
        let entries: String = (0..count).map(entry).collect();
        format!(
            "version: 1\naccount: \"100000000001\"\n{settings}\nimages:\n{entries}shares:\n  - {{ images: all, with: [\"200000000001\"] }}\n"
        )
    }

    #[test]
    fn the_quota_of_the_sandbox_is_raised_where_the_manifest_sets_it() {
        let advice = help(&[&fleet(30, 1, "")]).unwrap();
        assert!(
            advice.starts_with("Remove 20 images from ap-jakarta") && !advice.contains("limits:"),
            "{advice}"
        );
        let line = advice.lines().find(|line| line.trim_start().starts_with("cloud:")).unwrap();
        assert_eq!(help(&[&fleet(30, 1, line.trim())]), None, "that helps, without a refresh");
        assert!(
            advice.lines().filter(|line| line.contains("--exclude")).all(|line| line.len() <= 80),
            "{advice}"
        );
    }

    #[test]
    fn a_rebuild_in_a_full_region_needs_one_slot_and_leaves_nothing_else_out() {
        let quota = |n: u32| format!("cloud: {{ sandbox: {{ quotas: {{ images_per_region: {n} }} }} }}");
        let full = fleet(3, 1, &quota(3));
        let advice = help(&[&full, &fleet(3, 2, &quota(3))]).unwrap();
        assert!(advice.starts_with("Remove 1 image from ap-jakarta, put it"), "{advice}");
        assert!(!advice.contains("Everything else"), "every entry would be left unchanged: {advice}");
        assert_eq!(help(&[&full, &fleet(3, 2, &quota(4))]), None, "that helps");
        assert_eq!(help(&[&full, &fleet(2, 2, &quota(3))]), None, "and so does an entry less");
    }

    #[test]
    fn where_kept_images_take_the_slots_fewer_can_be_kept() {
        let (one, two) = (manifest(1, 9, "keep: 2"), manifest(2, 9, "keep: 2"));
        let help_of = |keep: &str| help(&[&one, &two, &manifest(3, 2, keep)]);
        let advice = help_of("keep: 2").unwrap();
        assert!(
            advice.ends_with("Or keep fewer earlier generations of image.web:\n\n    keep: 1"),
            "{advice}"
        );
        assert_eq!(help_of("keep: 1"), None, "that helps");
    }

    #[test]
    fn where_the_image_that_is_replaced_takes_the_slot_it_can_be_deleted_first() {
        let one = manifest(1, 9, "keep: 1");
        let help_of = |keep: &str| help(&[&one, &manifest(2, 1, keep)]);
        let advice = help_of("keep: 1").unwrap();
        assert!(advice.ends_with("have no image for a while:\n\n    replace: delete-first"), "{advice}");
        assert_eq!(help_of("keep: 1\n    replace: delete-first"), None, "that helps");
    }
}
