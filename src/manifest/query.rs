//! Query of an import's URL, the only place of a manifest where a secret is allowed.

use std::fmt;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// Query of an import's URL, with the names of secrets instead of their values.
///
/// It is not part of the build's identity and is never recorded. [`fill`](Self::fill) inserts the values when the request
/// is made.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportQuery {
    parts: Vec<QueryPart>,
}

/// Part of a query.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryPart {
    /// Text that is not secret.
    Text(String),
    /// Name of a sensitive variable.
    Secret(CompactString),
}

impl ImportQuery {
    /// Appends a part.
    pub(super) fn push(&mut self, part: QueryPart) {
        match (self.parts.last_mut(), part) {
            (_, QueryPart::Text(text)) if text.is_empty() => {}
            (Some(QueryPart::Text(before)), QueryPart::Text(text)) => before.push_str(&text),
            (_, part) => self.parts.push(part),
        }
    }

    /// Returns whether it has no parts.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Returns its parts in order.
    pub fn parts(&self) -> &[QueryPart] {
        &self.parts
    }

    /// Returns the names of the sensitive variables that it needs.
    pub fn secrets(&self) -> impl Iterator<Item = &CompactString> {
        self.parts.iter().filter_map(|part| match part {
            QueryPart::Secret(name) => Some(name),
            QueryPart::Text(_) => None,
        })
    }

    /// Returns the query with the values of its secrets, without a leading `?`.
    ///
    /// # Errors
    /// Returns the name of a variable for which `value_of` has no value.
    pub fn fill<'v>(&self, value_of: impl Fn(&str) -> Option<&'v str>) -> Result<String, CompactString> {
        let mut query = String::new();
        for part in &self.parts {
            match part {
                QueryPart::Text(text) => query.push_str(text),
                QueryPart::Secret(name) => query.push_str(value_of(name).ok_or_else(|| name.clone())?),
            }
        }
        Ok(query.strip_prefix('?').map_or_else(|| query.clone(), str::to_owned))
    }
}

/// Hides text, which may be a signature.
impl fmt::Debug for ImportQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.parts).finish()
    }
}

impl fmt::Debug for QueryPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("…"),
            Self::Secret(name) => write!(f, "${{{name}}}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_names_until_the_query_is_filled() {
        let mut query = ImportQuery::default();
        query.push(QueryPart::Text("?v=1&".into()));
        query.push(QueryPart::Secret("signature".into()));
        assert_eq!(format!("{query:?}"), "[…, ${signature}]");
        assert_eq!(query.fill(|_| Some("q=2")).unwrap(), "v=1&q=2");
        assert_eq!(query.fill(|_| None).unwrap_err(), "signature");
    }
}
