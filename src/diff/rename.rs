//! Entries that were renamed in the manifest: the state follows, and nothing is rebuilt.

use std::borrow::Cow;

use crate::manifest::Desired;
use crate::state::{Edit, Recorded};

/// The record as the manifest's `renames:` name its entries, and the edits that make it so. A rename whose old
/// name is not recorded is done already.
pub fn renamed<'a>(desired: &Desired, prior: &'a Recorded) -> (Cow<'a, Recorded>, Vec<Edit>) {
    let mut record = Cow::Borrowed(prior);
    let mut edits = Vec::new();
    for (from, to) in &desired.renames {
        let is_open = record.images.contains_key(from) && !record.images.contains_key(to);
        // An old name that is declared again is another entry's.
        if !is_open || desired.images.contains_key(from) {
            continue;
        }
        let edit = Edit::Rename { from: from.clone(), to: to.clone() };
        record.to_mut().apply(&edit);
        edits.push(edit);
    }
    (record, edits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::GenerationNumber;
    use crate::testing::worlds::{applied, key};
    use crate::testing::{EXAMPLE, desired};

    fn renaming() -> String {
        EXAMPLE.replace("  db:", "  store:").replace("image: db", "image: store")
            + "renames: [ { from: image.db, to: image.store } ]\n"
    }

    #[test]
    fn the_record_of_a_renamed_entry_goes_by_its_new_name_and_keeps_its_number() {
        let snapshot = applied(&[EXAMPLE]);
        let (record, edits) = renamed(&desired(&renaming()), &snapshot.recorded);
        assert!(matches!(&edits[..], [Edit::Rename { .. }]));
        assert!(record.images.contains_key(&key("store")) && !record.images.contains_key(&key("db")));
        assert_eq!(record.next_generation(&key("store")).0, 2);
    }

    #[test]
    fn a_rename_that_is_done_already_is_no_edit() {
        let snapshot = applied(&[EXAMPLE, &renaming()]);
        let (record, edits) = renamed(&desired(&renaming()), &snapshot.recorded);
        assert!(edits.is_empty());
        assert_eq!(*record, snapshot.recorded);
    }

    #[test]
    fn a_rename_builds_nothing_and_the_image_takes_the_name_of_its_entry() {
        let snapshot = applied(&[EXAMPLE]);
        let plan = crate::testing::worlds::plan_to(&snapshot, &renaming());
        assert_eq!(crate::testing::worlds::step_ids(&plan), Vec::<String>::new());
        assert_eq!(plan.edits.len(), 1);
    }

    #[test]
    fn an_image_that_is_made_from_a_renamed_entry_is_not_rebuilt() {
        const VAULT: &str = "  vault: { region: ap-jakarta, source: { encrypted: { image: db } } }\n";
        let before = EXAMPLE.replace("shares:\n", &format!("{VAULT}shares:\n"));
        let after = before.replace("  db:", "  store:").replace("image: db", "image: store")
            + "renames: [ { from: image.db, to: image.store } ]\n";
        let snapshot = applied(&[&before]);
        let plan = crate::testing::worlds::plan_to(&snapshot, &after);
        assert_eq!(crate::testing::worlds::step_ids(&plan), Vec::<String>::new());
        let renamed = applied(&[&before, &after]);
        let source = &renamed.recorded.images[&key("vault")].generations[&GenerationNumber(1)].source;
        assert_eq!(source.describe(), "encrypted copy of image.store");
    }
}
