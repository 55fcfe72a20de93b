//! GF202: image name is taken.

use compact_str::CompactString;

use crate::constraints::rule::{Case, Finding, Findings, Rule, RuleSource};
use crate::diagnostics::ManifestPath;
use crate::manifest::Level;
use crate::model::{Address, PlacementKey, Region};
use crate::plan::PlanView;
use crate::plan::view::{NameHolder, NameUse};

/// GF202.
pub(super) static RULE: Rule = Rule {
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
        for (position, first) in uses.iter().enumerate() {
            for second in uses.iter().skip(position.saturating_add(1)) {
                // What is so already, and what the plan does not touch, is not the plan's doing.
                let touched = first.taken.is_some() || second.taken.is_some();
                let images_differ = first.holder != second.holder;
                if touched && images_differ && !apart(view, first, second) {
                    findings.push(finding(case, &region, &name, first, second));
                }
            }
        }
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

fn finding(
    case: &Case<'_>,
    region: &Region,
    name: &CompactString,
    first: &NameUse,
    second: &NameUse,
) -> Finding {
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
    for (used, label) in [(taker, "takes the name"), (holder, "has the name")] {
        if let NameHolder::Managed(at) = &used.holder
            && let Some(image) = case.desired.images.get(&at.image)
        {
            let entry = ManifestPath::root().field("images").field(at.image.as_str());
            let is_key = image.name.0 == at.image.as_str();
            let path = if is_key { entry.key() } else { entry.field("name") };
            finding = finding.at(path, label);
        }
    }
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
        judged.diagnostics.into_iter().filter(|one| one.code == "GF202").count()
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
}
