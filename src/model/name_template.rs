//! Placeholders in names and descriptions: what belongs to a build.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::{GenerationNumber, ImageKey};

/// Name of an image, with placeholders of the generation. `{key}` is replaced when a manifest is read.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NameTemplate(pub CompactString);

impl NameTemplate {
    /// Placeholder of the generation's number.
    pub const GENERATION: &'static str = "{generation}";
    /// Placeholder of the generation's revision.
    pub const REVISION: &'static str = "{revision}";
    /// Placeholder of the entry's key.
    pub const KEY: &'static str = "{key}";

    /// Returns the name of an entry that names none: each generation has its own.
    pub fn default_of(key: &ImageKey) -> Self {
        Self(format!("{key}-{}", Self::GENERATION).into())
    }

    /// Returns whether every generation has the same name.
    pub fn is_fixed(&self) -> bool {
        !self.0.contains(Self::GENERATION) && !self.0.contains(Self::REVISION)
    }

    /// Returns whether a text has a placeholder.
    pub fn has_placeholder(text: &str) -> bool {
        [Self::GENERATION, Self::REVISION, Self::KEY]
            .into_iter()
            .any(|placeholder| text.contains(placeholder))
    }

    /// Returns the name of a generation that has this revision.
    pub fn of(&self, generation: GenerationNumber, revision: &str) -> CompactString {
        Self::fill(&self.0, generation, revision)
    }

    /// Returns the generation's number and revision that a name has by this template, as far as its placeholders say.
    /// `None` if the name is not one of the template's. A name that was given up for a successor, such as `web~g2`, is.
    pub fn parse(&self, name: &str) -> Option<(Option<GenerationNumber>, Option<CompactString>)> {
        let aside = name.rsplit_once("~g").and_then(|(rest, number)| Some((rest, number.parse().ok()?)));
        if let Some((rest, number)) = aside
            && let Some((_, revision)) = self.parse(rest)
        {
            return Some((Some(GenerationNumber(number)), revision));
        }
        let (mut generation, mut revision) = (None, None);
        let mut template = &*self.0;
        let mut rest = name;
        loop {
            let next = [Self::GENERATION, Self::REVISION]
                .into_iter()
                .filter_map(|placeholder| Some((template.find(placeholder)?, placeholder)))
                .min();
            let Some((at, placeholder)) = next else { break };
            let (literal, after) =
                (template.get(..at)?, template.get(at.saturating_add(placeholder.len())..)?);
            rest = rest.strip_prefix(literal)?;
            // Up to the text that follows, the last time that it is there.
            let following = after.split('{').next().unwrap_or_default();
            let end = if after.is_empty() { rest.len() } else { rest.rfind(following)? };
            let (value, left) = rest.split_at_checked(end)?;
            if placeholder == Self::GENERATION {
                generation = Some(GenerationNumber(value.parse().ok().filter(|number| *number > 0)?));
            } else {
                revision = Some(value.into()).filter(|_| !value.is_empty());
                revision.as_ref()?;
            }
            (template, rest) = (after, left);
        }
        (template == rest).then_some((generation, revision))
    }

    /// Returns a text with the placeholders of a generation replaced. The text of a revision is not searched for others.
    pub fn fill(text: &str, generation: GenerationNumber, revision: &str) -> CompactString {
        let mut filled = CompactString::default();
        for (position, part) in text.split(Self::REVISION).enumerate() {
            if position > 0 {
                filled.push_str(revision);
            }
            filled.push_str(&part.replace(Self::GENERATION, &generation.to_string()));
        }
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_replaced_once() {
        let template = NameTemplate("web-{revision}-{generation}-{other}".into());
        assert_eq!(template.of(GenerationNumber(7), "a{generation}b"), "web-a{generation}b-7-{other}");
        assert!(!template.is_fixed() && NameTemplate("web".into()).is_fixed());
    }

    #[test]
    fn a_name_says_which_build_it_is_of() {
        let parse = |template: &str, name: &str| {
            let (generation, revision) = NameTemplate(template.into()).parse(name)?;
            Some((generation.map(|number| number.0), revision.map(|text| text.to_string())))
        };
        let revision = |text: &str| Some(text.to_owned());
        assert_eq!(parse("web-{generation}", "web-12"), Some((Some(12), None)));
        assert_eq!(parse("web-{revision}-x", "web-2026-W48-x"), Some((None, revision("2026-W48"))));
        assert_eq!(parse("{revision}/{generation}", "a/b/3"), Some((Some(3), revision("a/b"))));
        assert_eq!(parse("web", "web"), Some((None, None)));
        assert_eq!(parse("web", "web~g3"), Some((Some(3), None)));
        for (template, name) in [
            ("web-{generation}", "web-x"),
            ("web-{generation}", "web-"),
            ("web-{generation}", "web-0"),
            ("web-{revision}", "web-"),
            ("web-{generation}", "webs-1"),
            ("web", "web-1"),
            ("web", "web~gx"),
        ] {
            assert_eq!(parse(template, name), None, "{template} {name}");
        }
    }
}
