//! One entry of a plan: what happens to it, placement by placement.

use std::fmt::Write as _;

use similar::{ChangeTag, TextDiff};

use super::{DIFF_DEADLINE, PlanDetail, because, cut};
use crate::diagnostics::sanitize;
use crate::diff::{Action, FieldChange, ImageChange, PlacementChange, Reason, Work};
use crate::model::{GenerationNumber, ImageKey, Operation};
use crate::plan::PlanView;
use crate::report::{AccountNames, Paint};

/// Whether a text names what only one image has: its id, its name and its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    /// It does.
    Full,
    /// It holds for several images.
    Shared,
}

/// Text of a placement's change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// Sign of the action.
    pub(super) mark: String,
    /// What follows the region: the generation, if it is an earlier one.
    pub(super) suffix: String,
    /// What is done.
    pub(super) what: String,
    /// Lines below.
    pub(super) below: String,
}

pub(super) struct Writer<'a> {
    pub(super) view: &'a PlanView<'a>,
    pub(super) names: &'a AccountNames,
    pub(super) paint: Paint,
    pub(super) detail: PlanDetail,
}

impl Writer<'_> {
    pub(super) fn mark(&self, action: Action) -> String {
        match action {
            Action::Create | Action::Copy | Action::Adopt => self.paint.added(action.sign()),
            Action::Delete => self.paint.removed(action.sign()),
            Action::Update | Action::Replace | Action::Return | Action::Wait | Action::Unchanged => {
                self.paint.changed(action.sign())
            }
        }
    }

    /// An entry whose source asks for another generation than the pinned one. Nothing else of it changes.
    pub(super) fn pinned(&self, text: &mut String, change: &ImageChange) {
        let name = self.paint.bold(&format!("image.{}", change.image));
        let mark = self.mark(change.action);
        let _ = writeln!(text, "{mark} {name}: unchanged, because {}", because(&change.reason));
    }

    /// Returns the order in which a new generation replaces the old one.
    pub(super) fn order(&self, change: &ImageChange) -> &'static str {
        let is_earlier = |one: &&PlacementChange| one.deletes_image() || one.reason == Reason::Kept;
        let mut retired = change.placements.iter().filter(is_earlier);
        let is_early = |one: &PlacementChange| {
            (change.delete_first || one.is_deleted_first()) && !change.leaves_image(self.view.prior, &one.at)
        };
        match (retired.clone().any(is_early), retired.all(is_early)) {
            (true, true) => "delete first",
            (true, false) => "create first where there is room",
            (false, _) => "create first",
        }
    }

    pub(super) fn image(&self, text: &mut String, change: &ImageChange) {
        let mark = self.mark(change.action);
        let name = self.paint.bold(&format!("image.{}", change.image));
        let what = match (change.action, change.generation, change.supersedes) {
            (Action::Create, Some(generation), _) => format!("create generation {generation}"),
            (Action::Adopt, Some(generation), _) => format!("adopt as generation {generation}"),
            (Action::Replace, Some(new), Some(old)) => {
                format!("replace generation {old} by generation {new}, {}", self.order(change))
            }
            (Action::Return, Some(to), Some(from)) => {
                let revision = self.view.prior.revision(&change.image, to);
                let revision = revision.map(|text| format!(" ({})", sanitize::escape_truncated(&text)));
                format!("return from generation {from} to generation {to}{}", revision.unwrap_or_default())
            }
            (Action::Delete, ..) => "delete".to_owned(),
            (Action::Wait, Some(generation), _) => format!("wait for generation {generation}"),
            (action, Some(generation), _) => format!("{} generation {generation}", action.as_str()),
            (action, None, _) => action.as_str().to_owned(),
        };
        let from = match (&change.source, change.action) {
            (Some(source), Action::Create | Action::Replace | Action::Adopt) => {
                format!(", from {}", sanitize::escape_truncated(&source.describe()))
            }
            _ => String::new(),
        };
        text.push_str(&self.paint.wrapped(&format!("{mark} {name}: {what}{from}"), "", "    "));
        if change.action != Action::Update {
            let because = format!("because {}", because(&change.reason));
            // Painted line by line: a colour does not span an indent.
            for line in self.paint.wrapped(&because, "    ", "      ").lines() {
                let _ = writeln!(text, "{}", self.paint.dim(line));
            }
        }
        match self.detail {
            PlanDetail::Full => {
                for placement in &change.placements {
                    self.placement(text, change, placement);
                }
            }
            PlanDetail::Grouped => text.push_str(&self.regions(change, Naming::Full)),
        }
    }

    fn placement(&self, text: &mut String, image: &ImageChange, change: &PlacementChange) {
        let Block { mark, suffix, what, below } = self.block(image, change, Naming::Full);
        let _ = writeln!(text, "    {mark} {}{suffix}: {what}", change.at.region);
        text.push_str(&below);
    }

    /// Returns the text of a placement's change.
    pub(super) fn block(&self, image: &ImageChange, change: &PlacementChange, naming: Naming) -> Block {
        let mark = self.mark(change.action());
        let at = &change.at;
        let is_current = Some(at.generation) == image.generation;
        let suffix = match naming {
            _ if is_current => String::new(),
            Naming::Full => format!("#{}", at.generation),
            Naming::Shared => match self.view.prior.revision(&at.image, at.generation) {
                Some(revision) if self.is_written(&at.image, at.generation) => {
                    format!(" {}", sanitize::escape_truncated(&revision))
                }
                _ => " earlier".to_owned(),
            },
        };
        let id = change.id().filter(|_| naming == Naming::Full);
        let id = id.map(|id| format!(" {id}")).unwrap_or_default();
        let named = |verb: String| match naming {
            Naming::Full => format!("{verb} as `{}`", self.made_name(change)),
            Naming::Shared => verb,
        };
        let what = match change.action() {
            Action::Create if change.remakes_image() => {
                format!("delete{id}, which failed, and create it again")
            }
            Action::Create if naming == Naming::Full => format!("create `{}`", self.made_name(change)),
            Action::Create => "create".to_owned(),
            Action::Copy => {
                let from = change.copied_from().map(ToString::to_string).unwrap_or_default();
                let again = if change.remakes_image() {
                    format!(" after deleting{id}, which failed")
                } else {
                    String::new()
                };
                format!("{}{again}", named(format!("copy from {from}")))
            }
            Action::Adopt if change.before().is_none() => "adopt, once a refresh has observed it".to_owned(),
            Action::Adopt => format!("adopt{id}"),
            Action::Update => format!("change{id}"),
            Action::Delete => {
                let snapshots = match (naming, change.deletes_snapshots()) {
                    (Naming::Full, true) => " and its snapshots",
                    (Naming::Full, false) => ", its snapshots stay",
                    (Naming::Shared, true) => " with snapshots",
                    (Naming::Shared, false) => ", snapshots stay",
                };
                format!("delete{id}{snapshots}")
            }
            Action::Wait => format!("wait for{id}, which is not ready yet"),
            action => format!("{}{id}", action.as_str()),
        };
        Block { mark, suffix, what, below: self.below(image, change, naming) }
    }

    /// Returns the lines below a placement: why, what changes, and who gains or loses access.
    fn below(&self, image: &ImageChange, change: &PlacementChange, naming: Naming) -> String {
        let mut text = String::new();
        if matches!(
            change.reason,
            Reason::RegionWanted
                | Reason::RegionUnwanted
                | Reason::Failed { .. }
                | Reason::Pending { .. }
                | Reason::Kept
                | Reason::Superseded { .. }
                | Reason::Released { .. }
        ) || (change.action() == Action::Update && image.action == Action::Update)
        {
            let because = match (&change.reason, naming) {
                (Reason::Superseded { .. }, Naming::Shared) => {
                    "a newer generation takes its place".to_owned()
                }
                (Reason::Released { .. }, Naming::Shared) => {
                    "a newer generation takes its place, and the region has no slot to keep it".to_owned()
                }
                (reason, _) => because(reason),
            };
            let _ = writeln!(text, "        {}", self.paint.dim(&format!("because {because}")));
        }
        for field in change.fields() {
            self.field(&mut text, &field);
        }
        if change.before().is_none() && !change.deletes_image() && naming == Naming::Full {
            self.new_attributes(&mut text, change);
        }
        let share = change.share();
        if !share.is_empty() {
            let sign = self.paint.added("+");
            let line = format!("share with {}", self.names.list(&share));
            text.push_str(&self.paint.wrapped(&line, &format!("        {sign} "), "          "));
        }
        let carried = change.carried();
        if !carried.is_empty() {
            let sign = self.paint.added("+");
            let list = self.names.list(&carried);
            let line = format!("share with {list}, as others had shared the one before");
            text.push_str(&self.paint.wrapped(&line, &format!("        {sign} "), "          "));
        }
        if change.is_deleted_first() {
            let region = &change.at.region;
            let why = match image.leaves_image(self.view.prior, &change.at) {
                true => format!(
                    "before the new one is made: {region} has no slot for it; if the new one fails, this one is gone"
                ),
                false => format!(
                    "before its successor is there: {region} has no slot for both; one more in {region} would avoid it"
                ),
            };
            let first = format!("        {} ", self.paint.changed("!"));
            text.push_str(&self.paint.wrapped(&why, &first, "          "));
        }
        let unshare = change.unshare();
        if !unshare.is_empty() {
            let sign = self.paint.removed("-");
            let line = format!("unshare from {}", self.names.list(&unshare));
            text.push_str(&self.paint.wrapped(&line, &format!("        {sign} "), "          "));
        }
        text
    }

    /// Returns the revision of a generation, which images of a group share; its number they do not.
    pub(super) fn generation_name(&self, image: &ImageKey, generation: GenerationNumber) -> String {
        match self.view.prior.revision(image, generation).filter(|_| self.is_written(image, generation)) {
            Some(revision) => sanitize::escape_truncated(&revision),
            None => "an earlier generation".to_owned(),
        }
    }

    /// Returns whether a generation was made with a revision, which people know it by.
    fn is_written(&self, image: &ImageKey, generation: GenerationNumber) -> bool {
        let recorded = self.view.prior.images.get(image);
        let build = recorded.and_then(|image| image.generations.get(&generation));
        build.is_some_and(|build| build.source.revision.is_some())
    }

    /// The name that the image is made under, and what it takes later where that is another.
    fn made_name(&self, change: &PlacementChange) -> String {
        let steps: Vec<_> = self.view.steps_at(&change.at).map(|(_, step)| &step.operation).collect();
        let made = steps.iter().find_map(|operation| operation.made_name());
        let later = steps.iter().find_map(|operation| match operation {
            Operation::Update { set, .. } => set.name.as_ref(),
            _ => None,
        });
        let made = made.map(|name| sanitize::escape_truncated(name)).unwrap_or_default();
        match later.filter(|later| **later != made) {
            Some(later) => format!("{made}`, then named `{}", sanitize::escape_truncated(later)),
            None => made,
        }
    }

    fn new_attributes(&self, text: &mut String, change: &PlacementChange) {
        // Reported once, where it is built; the copies are like it.
        let Work::Make { from: None, after, .. } = &change.work else { return };
        if let Some(description) = after.attributes.description.as_ref().filter(|text| !text.is_empty()) {
            let mut lines = description.trim_end_matches('\n').lines();
            let first = lines.next().unwrap_or_default();
            let _ = writeln!(text, "        description: {}", sanitize::escape_truncated(&cut(first)));
            for line in lines {
                let line = sanitize::escape_truncated(&cut(line));
                let _ = writeln!(text, "                     {}", sanitize::escape_ci_command(&line));
            }
        }
        if let Some(family) = after.attributes.family.as_ref().filter(|text| !text.is_empty()) {
            let _ = writeln!(text, "        family: {}", sanitize::escape_truncated(family));
        }
        if !after.tags.is_empty() {
            let tags: Vec<String> = after
                .tags
                .iter()
                .map(|(key, value)| {
                    format!("{}={}", sanitize::escape_truncated(key), sanitize::escape_truncated(value))
                })
                .collect();
            let _ = writeln!(text, "        tags: {}", tags.join(", "));
        }
    }

    fn field(&self, text: &mut String, change: &FieldChange) {
        let FieldChange { field, before, after } = change;
        let _ = writeln!(text, "        {}", sanitize::escape_truncated(field));
        let (before, after) = (before.as_deref().unwrap_or_default(), after.as_deref().unwrap_or_default());
        let mut config = TextDiff::configure();
        let diff = config.timeout(DIFF_DEADLINE).diff_lines(before, after);
        for line in diff.iter_all_changes() {
            let shown =
                sanitize::escape_controls(&cut(line.value().trim_end_matches(['\n', '\r']))).to_string();
            let shown = sanitize::escape_ci_command(&shown);
            let line = match line.tag() {
                ChangeTag::Delete => self.paint.removed(&format!("- {shown}")),
                ChangeTag::Insert => self.paint.added(&format!("+ {shown}")),
                ChangeTag::Equal => format!("  {shown}"),
            };
            let _ = writeln!(text, "          {line}");
        }
    }
}
