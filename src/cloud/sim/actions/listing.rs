//! Parts that all listings share: filters, pages and times.

use crate::cloud::sim::refusal::{ActionError, refuse};
use crate::cloud::sim::schema::{Args, Field, Kind, required};
use crate::cloud::sim::settings::Timestamps;

/// Structure of a filter of every listing.
pub(super) const FILTER: &[Field] = &[required("Name", Kind::Text), required("Values", Kind::Texts)];

/// Maximum number of filters in one call, and of values in one filter (213/15715 Filters).
pub(super) const FILTERS_MAX: usize = 10;
/// See [`FILTERS_MAX`].
pub(super) const VALUES_MAX: usize = 5;

/// Offset and Limit of a listing. Defaults: 0 and 20. The maximum Limit is 100.
pub(super) struct Page {
    /// Number of skipped items.
    pub(super) offset: usize,
    /// Maximum number of items on the page.
    pub(super) limit: usize,
}

impl Page {
    /// Parses Offset and Limit. `code` is the error code of an invalid Limit.
    pub(super) fn read(args: Args<'_>, code: &'static str) -> Result<Self, ActionError> {
        let limit = args.integer("Limit").unwrap_or(20);
        if !(1..=100).contains(&limit) {
            return refuse(code, format!("Limit {limit} is not from 1 to 100."));
        }
        let offset = args.integer("Offset").unwrap_or(0);
        match (usize::try_from(offset), usize::try_from(limit)) {
            (Ok(offset), Ok(limit)) => Ok(Self { offset, limit }),
            _ => refuse("InvalidParameterValue", format!("Offset {offset} is negative.")),
        }
    }

    /// Limits the length of the page.
    pub(super) fn at_most(self, images: u32) -> Self {
        let most = usize::try_from(images).unwrap_or(usize::MAX).max(1);
        Self { limit: self.limit.min(most), ..self }
    }

    /// Returns the items on the page.
    pub(super) fn of<T>(self, items: Vec<T>) -> impl Iterator<Item = T> {
        items.into_iter().skip(self.offset).take(self.limit)
    }
}

/// Formats a time as the service does, truncated to seconds.
pub(super) fn time(form: Timestamps, micros: i64) -> String {
    let text = jiff::Timestamp::from_second(micros.div_euclid(1_000_000))
        .map_or_else(|_| String::new(), |timestamp| timestamp.to_string());
    match form {
        Timestamps::Zulu => text,
        Timestamps::Offset => text.replace('Z', "+00:00"),
    }
}
