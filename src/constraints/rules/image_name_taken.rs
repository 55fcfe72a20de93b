//! GF202: image name is taken.

use std::collections::BTreeSet;

use compact_str::CompactString;

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::diagnostics::ManifestPath;
use crate::diagnostics::collect::MAX_PLACES;
use crate::model::{Address, Level, PlacementKey, Region};
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
At every moment of the plan, in every order of its steps, no two custom images have one name in a region; images
that goldform does not manage, as recorded, count. No placement is made while it has an
image.

### Why
Names are unique per account and region: the service refuses the second one.

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

/// Pairs of uses that are compared after a first collision was found: from then on they are only counted.
const PAIRS: usize = 10_000;

/// Uses of a name in a region that collide.
struct Conflict<'u> {
    /// The first two that do, in the order of the uses.
    pair: (&'u NameUse, &'u NameUse),
    /// All others that collide with some use.
    others: Vec<&'u NameUse>,
}

impl<'u> Conflict<'u> {
    fn of(view: &PlanView<'_>, uses: &'u [NameUse]) -> Option<Self> {
        let mut pair: Option<(usize, usize)> = None;
        let mut colliding: BTreeSet<usize> = BTreeSet::new();
        // Those that never free the name collide whatever the order. They are not compared one by one: a manifest may
        // have thousands.
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
                // Two that both free it are compared once.
                if other == at || other < at && !used.freed.is_empty() {
                    continue;
                }
                compared = compared.saturating_add(1);
                if compared > PAIRS && pair.is_some() {
                    break;
                }
                // What is so already, and what the plan does not touch, is not the plan's doing.
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

/// Whether one has freed the name before the other takes it, in every order.
fn apart(view: &PlanView<'_>, first: &NameUse, second: &NameUse) -> bool {
    let before = |one: &NameUse, other: &NameUse| {
        other.taken.is_some_and(|taken| one.freed.iter().any(|freed| view.must_precede(*freed, taken)))
    };
    before(first, second) || before(second, first)
}

/// A placement holds one image: a second call is refused under the interim name of the first one, or makes an image
/// that is not recorded.
fn made_twice(case: &Case<'_>, at: &PlacementKey, name: &CompactString) -> Finding {
    let finding = Finding::about(
        at,
        format!("{at} would be made as `{}` while it may have an image already.", name.escape_debug()),
    );
    finding
        .at(case.desired.path_of(&Address::Placement(at.clone())), "made twice")
        .help("This plan was edited: make it again.\n\n    goldform plan")
}

fn finding(case: &Case<'_>, region: &Region, name: &CompactString, conflict: &Conflict<'_>) -> Finding {
    let (first, second) = conflict.pair;
    // The one that takes the name is the primary party.
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
            let is_key = image.name.0 == at.image.as_str();
            let path = if is_key { entry.key() } else { entry.field("name") };
            finding = finding.at(path, label);
        }
    }
    finding.repeats.same_cause = conflict.others.len();
    finding.help("Give one of them another name:\n\n    name: <another name>")
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
    fn a_copy_that_is_made_twice_is_refused_even_after_it_has_its_final_name() {
        let snapshot = applied(&[]);
        let mut plan = plan_to(&snapshot, EXAMPLE);
        assert_eq!(found(&snapshot, &plan), 0);
        let (copy, named) =
            (step(&plan, "copy image.web@ap-tokyo#1"), step(&plan, "update image.web@ap-tokyo#1"));
        let twin: Step = plan.graph.step(copy).unwrap().clone();
        let twin = plan.graph.add(twin);
        plan.graph.wait(twin, named, EdgeReason::ImageReady);
        assert_eq!(found(&snapshot, &plan), 1);
    }

    #[test]
    fn what_failed_is_made_again_only_once_it_is_deleted() {
        let mut snapshot = applied(&[EXAMPLE]);
        placement(&mut snapshot, "image.web@ap-tokyo#1").state = ImageState::CreateFailed;
        let mut plan = plan_to(&snapshot, EXAMPLE);
        assert_eq!(found(&snapshot, &plan), 0);
        plan.graph.drop_edges(|_, _, reason| *reason == EdgeReason::RemakeAfterDelete);
        assert_eq!(found(&snapshot, &plan), 1);
    }

    #[test]
    fn many_images_with_one_name_are_one_finding_with_their_number_and_first_places() {
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
