//! Collects findings, and folds them as they arrive: a text of a few kilobytes can cause millions of findings.
//!
//! Findings of one kind with one cause become one finding with a count and its first places. Of findings with different
//! causes, the first of each kind are kept and the rest are counted. Memory stays bounded, and the count is exact.

use std::collections::HashMap;

use compact_str::CompactString;

use super::{Diagnostic, Label, Severity};

/// Most findings of one kind that are kept individually. It is enough for a fleet of 1,000 images that all have the same
/// mistake.
pub const MAX_PER_KIND: usize = 1_000;
/// Most places of one finding that are kept, which are all that are drawn.
pub const MAX_PLACES: usize = 12;

/// Further findings that a finding represents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Repeats {
    /// Further findings with the same cause.
    pub same_cause: usize,
    /// Further findings of the same kind, each with a cause of its own.
    pub same_kind: usize,
}

impl Repeats {
    /// Returns the number of findings, itself included.
    pub fn count(&self) -> usize {
        self.same_cause.saturating_add(self.same_kind).saturating_add(1)
    }

    /// Adds another finding and those that it represents.
    fn add(&mut self, other: Self, has_same_cause: bool) {
        let number = if has_same_cause { &mut self.same_cause } else { &mut self.same_kind };
        *number = number.saturating_add(other.same_cause).saturating_add(1);
        self.same_kind = self.same_kind.saturating_add(other.same_kind);
    }

    /// Returns sentences to append to a detail. Empty if there are no further findings.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        if self.same_cause > 0 {
            let places = if self.same_cause == 1 { "place" } else { "places" };
            text.push_str(&format!(" The same holds for {} more {places}.", self.same_cause));
        }
        if self.same_kind > 0 {
            let findings = if self.same_kind == 1 { "finding" } else { "findings" };
            text.push_str(&format!(" {} more {findings} of this kind are not listed.", self.same_kind));
        }
        text
    }
}

/// Finding that a [`Collector`] can fold.
pub trait Fold {
    /// Findings of different kinds are never folded.
    type Kind: Copy + Eq + std::hash::Hash;

    /// Returns the kind.
    fn kind(&self) -> Self::Kind;
    /// Returns the cause. Findings of one kind with the same cause are folded, unless it is empty.
    fn cause(&self) -> &CompactString;
    /// Returns the further findings that it represents.
    fn repeats(&mut self) -> &mut Repeats;
    /// Adds the places of another finding with the same cause, up to [`MAX_PLACES`].
    fn add_places(&mut self, other: Self);
}

/// Adds the primary place of a folded finding, unless it is known or there are [`MAX_PLACES`].
pub fn add_label(labels: &mut Vec<Label>, others: Vec<Label>) {
    if labels.len() >= MAX_PLACES {
        return;
    }
    labels.extend(
        others.into_iter().next().filter(|other| labels.iter().all(|label| label.place != other.place)),
    );
}

/// Collects findings in order.
#[derive(Debug, Clone)]
pub struct Collector<T: Fold> {
    found: Vec<T>,
    /// Position in `found` of the finding with a cause.
    causes: HashMap<(T::Kind, CompactString), usize>,
    /// Number of findings per code, and position in `found` of the last.
    kinds: HashMap<T::Kind, (usize, usize)>,
}

impl<T: Fold> Default for Collector<T> {
    fn default() -> Self {
        Self { found: Vec::new(), causes: HashMap::new(), kinds: HashMap::new() }
    }
}

impl<T: Fold> Collector<T> {
    /// Adds a finding, or folds it into an earlier one.
    pub fn push(&mut self, mut finding: T) {
        let kind = finding.kind();
        let cause = finding.cause().clone();
        let key = (kind, cause);
        if let Some(first) = self.causes.get(&key).and_then(|&at| self.found.get_mut(at)) {
            first.repeats().add(*finding.repeats(), true);
            first.add_places(finding);
            return;
        }
        let (number, last) = self.kinds.entry(kind).or_default();
        if *number >= MAX_PER_KIND
            && let Some(last) = self.found.get_mut(*last)
        {
            last.repeats().add(*finding.repeats(), false);
            return;
        }
        *number = number.saturating_add(1);
        *last = self.found.len();
        if !key.1.is_empty() {
            self.causes.insert(key, self.found.len());
        }
        self.found.push(finding);
    }

    /// Returns whether there are no findings.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Returns the findings so far.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.found.iter()
    }

    /// Returns the findings.
    pub fn into_vec(self) -> Vec<T> {
        self.found
    }
}

impl<T: Fold> Extend<T> for Collector<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, findings: I) {
        findings.into_iter().for_each(|finding| self.push(finding));
    }
}

impl Fold for Diagnostic {
    type Kind = (&'static str, Severity);

    fn kind(&self) -> Self::Kind {
        (self.code.id, self.severity)
    }

    fn cause(&self) -> &CompactString {
        &self.cause
    }

    fn repeats(&mut self) -> &mut Repeats {
        &mut self.repeats
    }

    fn add_places(&mut self, other: Self) {
        add_label(&mut self.labels, other.labels);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::{Code, ManifestPath};
    use crate::model::Level;

    static ONE: Code = Code { id: "one", name: "one", title: "One", level: Level::Deny, docs: "" };
    static OTHER: Code = Code { id: "other", name: "other", title: "Other", level: Level::Deny, docs: "" };

    fn found(code: &'static Code, place: usize, cause: &str) -> Diagnostic {
        code.found("detail.").at(ManifestPath::root().field("shares").index(place), "here").because_of(cause)
    }

    #[test]
    fn one_cause_is_one_finding_with_its_count_and_its_first_places() {
        let mut collector = Collector::default();
        collector.extend((0..4_000).map(|place| found(&ONE, place, "v")));
        collector.push(found(&ONE, 0, "w"));
        collector.push(found(&OTHER, 0, "v"));
        let all = collector.into_vec();
        assert_eq!(all.iter().map(|one| one.repeats.count()).collect::<Vec<_>>(), [4_000, 1, 1]);
        assert_eq!(all[0].labels.len(), MAX_PLACES);
        assert_eq!(all[0].whole_detail(), "detail. The same holds for 3999 more places.");
    }

    #[test]
    fn a_known_place_is_counted_and_not_repeated() {
        let mut collector = Collector::default();
        collector.extend([found(&ONE, 7, "v"), found(&ONE, 7, "v")]);
        let all = collector.into_vec();
        assert_eq!((all[0].labels.len(), all[0].repeats.count()), (1, 2));
    }

    #[test]
    fn without_a_common_cause_the_first_are_kept_and_the_rest_are_counted() {
        let mut collector = Collector::default();
        collector.extend((0..3_000).map(|place| found(&ONE, place, "")));
        collector.push(found(&OTHER, 0, ""));
        let all = collector.into_vec();
        assert_eq!(all.len(), MAX_PER_KIND + 1);
        assert_eq!(all.iter().map(|one| one.repeats.count()).sum::<usize>(), 3_001);
        let last = &all[MAX_PER_KIND - 1];
        assert_eq!(last.whole_detail(), "detail. 2000 more findings of this kind are not listed.");
    }

    #[test]
    fn folded_findings_are_folded_again_without_loss() {
        let mut files = Collector::default();
        for file in 0..3 {
            let mut one = Collector::default();
            one.extend((0..10).map(|place| found(&ONE, file * 10 + place, "v")));
            files.extend(one.into_vec());
        }
        let all = files.into_vec();
        assert_eq!((all.len(), all[0].repeats.count()), (1, 30));
    }
}
