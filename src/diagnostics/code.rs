//! Codes of diagnostics.

use crate::model::Level;

use super::Severity;

/// Kind of finding. Every diagnostic refers to one, so that every code that is printed has a page.
///
/// A code is never reused for another finding. [`catalogue`](super::catalogue) declares all codes except those of rules,
/// which are declared by the rules.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// Id such as `GF105`, or the name again if the finding has no number.
    pub id: &'static str,
    /// Name such as `key_unknown`. It names what is wrong, so that "allow *name*" reads as English.
    pub name: &'static str,
    /// Summary of every diagnostic with this code, without user data.
    pub title: &'static str,
    /// Default level. Only the level of a rule can be changed.
    pub level: Level,
    /// Page that `goldform explain` prints below the title, as Markdown.
    pub docs: &'static str,
}

impl Code {
    /// Returns the severity of a diagnostic at the default level.
    pub fn severity(&self) -> Severity {
        match self.level {
            Level::Deny => Severity::Error,
            Level::Warn => Severity::Warning,
            Level::Allow => Severity::Advice,
        }
    }

    /// Returns whether the text is the id, in any case, or the name.
    pub fn is_named(&self, id_or_name: &str) -> bool {
        self.name == id_or_name || self.id.eq_ignore_ascii_case(id_or_name)
    }

    /// Returns the heading of the page: id, name and title.
    pub fn heading(&self) -> String {
        let Self { id, name, title, .. } = self;
        if id == name { format!("# {title}\n") } else { format!("# {id} {name}: {title}\n") }
    }

    /// Returns the page as Markdown.
    pub fn page(&self) -> String {
        format!("{}\n{}", self.heading(), self.docs)
    }
}

/// Prints the id.
impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id)
    }
}
