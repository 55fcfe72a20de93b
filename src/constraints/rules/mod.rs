//! Table of all rules, sorted by id.

use super::rule::Rule;
use crate::manifest::schema::{NamedRule, schema};
use crate::model::LimitSource;

mod adopted_image_missing;
mod copy_target_invalid;
mod entry_renamed;
mod fixed_name_replaced;
mod image_name_invalid;
mod image_name_taken;
mod image_quota_exceeded;
mod limit_above_recorded;
mod lookup_unanswered;
mod lookup_unread;
mod mass_deletion;
mod mass_disappearance;
mod mass_unshare;
mod pinned_revision_missing;
mod protected_image_deleted;
mod record_stale;
mod region_unknown;
mod returned_without_revision;
mod share_account_invalid;
mod share_gap;
mod share_kind_refused;
mod share_limit_exceeded;
mod share_outside_image_region;
mod share_unmanaged;
mod shared_image_changed;
mod shared_image_copied;
mod shared_image_deleted;
mod shared_image_reshared;
mod shared_image_untrusted;
mod snapshot_storage_billed;
mod source_invalid;
mod source_not_shared;
mod windows_fee_outside_mainland;

/// Every rule, sorted by id.
pub static RULES: &[&Rule] = &[
    &image_name_invalid::RULE,
    &image_name_taken::RULE,
    &source_invalid::RULE,
    &region_unknown::RULE,
    &adopted_image_missing::RULE,
    &lookup_unanswered::RULE,
    &lookup_unread::RULE,
    &source_not_shared::RULE,
    &pinned_revision_missing::RULE,
    &shared_image_copied::RULE,
    &shared_image_reshared::RULE,
    &shared_image_changed::RULE,
    &copy_target_invalid::RULE,
    &share_account_invalid::RULE,
    &share_outside_image_region::RULE,
    &share_limit_exceeded::RULE,
    &share_kind_refused::RULE,
    &image_quota_exceeded::RULE,
    &limit_above_recorded::RULE,
    &protected_image_deleted::RULE,
    &shared_image_deleted::RULE,
    &share_gap::RULE,
    &mass_deletion::RULE,
    &fixed_name_replaced::RULE,
    &mass_unshare::RULE,
    &entry_renamed::RULE,
    &mass_disappearance::RULE,
    &shared_image_untrusted::RULE,
    &windows_fee_outside_mainland::RULE,
    &snapshot_storage_billed::RULE,
    &share_unmanaged::RULE,
    &record_stale::RULE,
    &returned_without_revision::RULE,
];

/// Rules that check an observation before it is recorded. All others check a manifest or a plan.
pub(super) static OBSERVATION_RULES: &[&Rule] = &[&mass_disappearance::RULE];

/// Rules about differences from the manifest that no apply removes. They are checked without a plan too.
pub(super) static LASTING_RULES: &[&Rule] = &[&share_unmanaged::RULE];

/// Returns the rule with this name or id.
pub fn find(name: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.code.is_named(name))
}

/// Returns the JSON Schema of a manifest, with the names of all rules.
pub fn manifest_schema() -> serde_json::Value {
    let named = |rule: &&Rule| NamedRule {
        id: rule.code.id,
        name: rule.code.name,
        title: rule.code.title,
        level: rule.code.level.as_str(),
    };
    schema(&RULES.iter().map(named).collect::<Vec<_>>())
}

/// Returns the source of a limit in a few words. `document` is the page with the documented limit.
fn describe_source(source: &LimitSource, document: &str) -> String {
    match source {
        LimitSource::Manifest => "set by the manifest".to_owned(),
        LimitSource::Recorded { at } => {
            format!("read from the service on {}", at.strftime("%Y-%m-%d"))
        }
        LimitSource::Documented => format!("the documented default, {document}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_its_ids_and_names_are_unique() {
        for pair in RULES.windows(2) {
            assert!(pair[0].code.id < pair[1].code.id, "{} before {}", pair[0].code.id, pair[1].code.id);
        }
        let names: std::collections::BTreeSet<_> = RULES.iter().map(|rule| rule.code.name).collect();
        assert_eq!(names.len(), RULES.len());
    }

    #[test]
    fn every_page_has_its_four_sections_in_order_and_every_rule_a_source() {
        for rule in RULES {
            let sections: Vec<_> = rule.code.docs.lines().filter(|line| line.starts_with("### ")).collect();
            let expected = ["### What it checks", "### Why", "### Example", "### What to do"];
            assert_eq!(sections, expected, "{}", rule.code.id);
            assert!(!rule.sources.is_empty(), "{}", rule.code.id);
            assert!(!rule.code.title.contains('`'), "{}: a title is fixed text", rule.code.id);
        }
    }

    #[test]
    fn every_file_of_the_folder_is_in_the_table() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/constraints/rules");
        for entry in std::fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let name = name.trim_end_matches(".rs");
            assert!(name == "mod" || find(name).is_some(), "{name}");
        }
    }
}
