//! GF202: two images of a region have the same name.

use std::collections::BTreeSet;

use compact_str::CompactString;

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::diagnostics::ManifestPath;
use crate::diagnostics::collect::MAX_PLACES;
use crate::model::{Address, Level, NameTemplate, PlacementKey, Region};
use crate::plan::PlanView;
use crate::plan::proof::view::{NameHolder, NameUse};

/// GF202.
pub(super) static RULE: Rule = Rule {
    code: Code {
    id: "GF202",
    name: "image_name_taken",
    title: "Image name is taken",
    level: Level::Deny,
    docs: "\
### What it checks
At every moment of the plan, in every order of its steps, the names of the custom images of a region are unique.
Recorded images that goldform does not manage count. No placement is created while it has an image.

### Why
Names are unique per account and region. The service refuses the second image.

### Example
    images:
      web:  { region: ap-jakarta, name: base, source: … }
      api:  { region: ap-jakarta, name: base, source: … }

### What to do
Give one of them another name, or put `{generation}` in it.
",
    },
    sources: &[
        RuleSource::Document("213/15713 ModifyImageAttribute", "ImageName must differ from every existing image name"),
        RuleSource::ErrorCode("InvalidImageName.Duplicate"),
    ],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    let Some(view) = case.plan else { return };
    for (at, name) in view.made_twice() {
        findings.push(made_twice(case, at, name));
    }
    for ((region, name), uses) in view.names() {
        if let Some(conflict) = Conflict::of(view, &uses) {
            findings.push(finding(case, &region, &name, &conflict));
        }
    }
}

/// Number of pairs that are compared at most, once a first collision is found. Later pairs only add to a count.
const PAIRS: usize = 10_000;

/// Colliding uses of a name in a region.
struct Conflict<'u> {
    /// First two uses that collide.
    pair: (&'u NameUse, &'u NameUse),
    /// All other uses that collide with one.
    others: Vec<&'u NameUse>,
}

impl<'u> Conflict<'u> {
    fn of(view: &PlanView<'_>, uses: &'u [NameUse]) -> Option<Self> {
        let mut pair: Option<(usize, usize)> = None;
        let mut colliding: BTreeSet<usize> = BTreeSet::new();
        // Uses that never free the name collide in every order. They are not compared one by one: a manifest may have
        // thousands.
        let keepers: Vec<(usize, &NameUse)> =
            uses.iter().enumerate().filter(|(_, used)| used.freed.is_empty()).collect();
        if let Some((taker, taking)) = keepers.iter().find(|(_, used)| used.taken.is_some()) {
            let mut others =
                keepers.iter().filter(|(_, used)| used.holder != taking.holder).map(|(at, _)| *at);
            if let Some(first) = others.next() {
                pair = Some((first.min(*taker), first.max(*taker)));
                colliding.extend(others.chain([first, *taker]));
                let own = keepers.iter().filter(|(_, used)| used.taken.is_some());
                colliding.extend(own.map(|(at, _)| *at));
            }
        }
        let mut compared: usize = 0;
        for (at, passing) in uses.iter().enumerate().filter(|(_, used)| !used.freed.is_empty()) {
            for (other, used) in uses.iter().enumerate() {
                // Two uses that both free the name are compared once.
                if other == at || other < at && !used.freed.is_empty() {
                    continue;
                }
                compared = compared.saturating_add(1);
                if compared > PAIRS && pair.is_some() {
                    break;
                }
                // A collision that exists before the plan is not a violation of the plan.
                let is_touched = passing.taken.is_some() || used.taken.is_some();
                if is_touched && passing.holder != used.holder && !apart(view, passing, used) {
                    let found = (at.min(other), at.max(other));
                    pair = Some(pair.map_or(found, |pair| pair.min(found)));
                    colliding.extend([at, other]);
                }
            }
        }
        let (first, second) = pair?;
        let others = colliding.into_iter().filter(|at| *at != first && *at != second);
        let others = others.filter_map(|at| uses.get(at)).collect();
        Some(Self { pair: (uses.get(first)?, uses.get(second)?), others })
    }
}

/// Returns whether one use frees the name before the other takes it, in every order.
fn apart(view: &PlanView<'_>, first: &NameUse, second: &NameUse) -> bool {
    let before = |one: &NameUse, other: &NameUse| {
        other.taken.is_some_and(|taken| one.freed.iter().any(|freed| view.must_precede(*freed, taken)))
    };
    before(first, second) || before(second, first)
}

/// Returns the finding for a placement that gets a second image. The service refuses the second call for its interim name,
/// or creates an image that is not recorded.
fn made_twice(case: &Case<'_>, at: &PlacementKey, name: &CompactString) -> Finding {
    let finding = Finding::about(
        at,
        format!("{at} would be created as `{}` while it may already have an image.", name.escape_debug()),
    );
    finding
        .at(case.desired.path_of(&Address::Placement(at.clone())), "created twice")
        .help("This plan was edited. Make a new one:\n\n    goldform plan")
}

fn finding(case: &Case<'_>, region: &Region, name: &CompactString, conflict: &Conflict<'_>) -> Finding {
    let (first, second) = conflict.pair;
    // The use that takes the name is the primary one.
    let (taker, holder) = if second.taken.is_some() { (second, first) } else { (first, second) };
    let subject = match &taker.holder {
        NameHolder::Managed(at) => at.to_string(),
        NameHolder::Unmanaged(id) => id.to_string(),
    };
    let describe = |used: &NameUse| match &used.holder {
        NameHolder::Managed(at) => at.to_string(),
        NameHolder::Unmanaged(id) => format!("{id}, which goldform does not manage,"),
    };
    let mut finding = Finding::about(
        subject,
        format!(
            "{} and {} would both be named `{}` in {region}, where a name is unique.",
            describe(taker),
            describe(holder),
            name.escape_debug(),
        ),
    );
    let label = |used: &NameUse| if used.taken.is_some() { "takes the name" } else { "has the name" };
    let others = conflict.others.iter().map(|used| (*used, label(used)));
    let parties = [(taker, "takes the name"), (holder, "has the name")].into_iter().chain(others);
    for (used, label) in parties.take(MAX_PLACES) {
        if let NameHolder::Managed(at) = &used.holder
            && let Some(image) = case.desired.images.get(&at.image)
        {
            let entry = ManifestPath::root().field("images").field(at.image.as_str());
            let is_key = image.name == NameTemplate::default_of(&at.image);
            let path = if is_key { entry.key() } else { entry.field("name") };
            finding = finding.at(path, label);
        }
    }
    finding.repeats.same_cause = conflict.others.len();
    let parties = [&taker.holder, &holder.holder].into_iter();
    let owner = parties.clone().find_map(|holder| match holder {
        NameHolder::Unmanaged(id) => case.prior.regions.get(region)?.owners.get(id),
        NameHolder::Managed(_) => None,
    });
    match owner {
        Some(owner) => finding.help(format!(
            "Its ownership tag says that the state {owner} made it. If that state is lost, take its images over:\n\n    \
             goldform import --all --from-state {owner}"
        )),
        None => finding.help("Give one of them another name:\n\n    name: <another name>"),
    }
}

#[cfg(test)]
mod tests {
    use crate::constraints::{Levels, judge};
    use crate::model::ImageState;
    use crate::plan::{EdgeReason, Plan, Step};
    use crate::state::Snapshot;
    use crate::testing::worlds::{applied, noon, placement, plan_to, step};
    use crate::testing::{EXAMPLE, desired};

    fn found(snapshot: &Snapshot, plan: &Plan) -> usize {
        let (levels, _) = Levels::new(&desired(EXAMPLE).levels, &[]);
        let judged = judge(&desired(EXAMPLE), &snapshot.recorded, Some(plan), &levels, noon());
        judged.diagnostics.into_iter().filter(|one| one.code.id == "GF202").count()
    }

    #[test]
    fn a_second_copy_is_refused_even_after_the_first_has_its_final_name() {
        let snapshot = applied(&[]);
        let mut plan = plan_to(&snapshot, EXAMPLE);
        assert_eq!(found(&snapshot, &plan), 0);
        let (copy, named) =
            (step(&plan, "copy image.web@ap-tokyo#1"), step(&plan, "update image.web@ap-tokyo#1"));
        let twin: Step = plan.graph[copy].clone();
        let twin = plan.graph.add(twin);
        plan.graph.wait(twin, named, EdgeReason::ImageReady);
        assert_eq!(found(&snapshot, &plan), 1);
    }

    #[test]
    fn a_failed_image_is_created_again_only_after_its_deletion() {
        let mut snapshot = applied(&[EXAMPLE]);
        placement(&mut snapshot, "image.web@ap-tokyo#1").state = ImageState::CreateFailed;
        let mut plan = plan_to(&snapshot, EXAMPLE);
        assert_eq!(found(&snapshot, &plan), 0);
        plan.graph.drop_edges(|_, _, reason| *reason == EdgeReason::RemakeAfterDelete);
        assert_eq!(found(&snapshot, &plan), 1);
    }

    #[test]
    fn many_images_with_one_name_are_one_finding_with_a_count_and_the_first_places() {
        let entry = |number: usize| {
            format!(
                "  i{number:03}: {{ region: ap-jakarta, name: web, source: {{ snapshots: [snap-{number:08x}] }} }}\n"
            )
        };
        let images: String = (0..200).map(entry).collect();
        let text = format!(
            "version: 1\naccount: \"100000000001\"\nlimits: {{ images_per_region: 500 }}\nimages:\n{images}"
        );
        let snapshot = applied(&[]);
        let plan = plan_to(&snapshot, &text);
        let (levels, _) = Levels::new(&desired(&text).levels, &[]);
        let judged = judge(&desired(&text), &snapshot.recorded, Some(&plan), &levels, noon());
        let taken: Vec<_> = judged.diagnostics.iter().filter(|one| one.code.id == "GF202").collect();
        let [taken] = &taken[..] else { panic!("{taken:#?}") };
        assert_eq!(taken.labels.len(), crate::diagnostics::collect::MAX_PLACES);
        let detail = taken.whole_detail();
        assert!(
            detail.starts_with("image.i001@ap-jakarta#1 and image.i000@ap-jakarta#1 would both"),
            "{detail}"
        );
        assert!(detail.ends_with("The same holds for 198 more places."), "{detail}");
    }
}
