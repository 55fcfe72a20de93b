//! The ordering rules: one file each. A rule reads the draft and adds edges; each edge carries its reason.

use super::draft::Draft;

mod copy_after_source;
mod delete_first;
mod edit_unshared;
mod encrypt_after_source;
mod grant_after_revoke;
mod remake_after_delete;
mod share_after_image;
mod source_outlives_copy;
pub(super) mod successor_first;
mod unshare_before_delete;

/// The rules, in the order they are applied. They are independent of each other: the order decides only which
/// reason an edge shows that two rules ask for.
pub(super) const RULES: &[fn(&mut Draft<'_>)] = &[
    remake_after_delete::order,
    copy_after_source::order,
    encrypt_after_source::order,
    share_after_image::order,
    unshare_before_delete::order,
    successor_first::order,
    delete_first::order,
    source_outlives_copy::order,
    grant_after_revoke::order,
    edit_unshared::order,
];
