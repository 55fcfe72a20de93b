//! Files that are not manifests. A key file, an environment or a configuration of another program may be named by mistake,
//! or through a link. What is wrong with such a file is reported without any of its text.

use super::reader::top_level_keys;
use crate::diagnostics::catalogue::syntax::{LIMIT_EXCEEDED, MANIFEST_FOREIGN, TEXT_INVALID};
use crate::diagnostics::{Code, Diagnostic, Place, Severity, closest, escape_truncated};

/// Number of skipped files that are named.
const SKIPPED_NAMED: usize = 3;

/// Returns whether a line of a text starts with a top-level key of a manifest. This holds for a manifest
/// with a mistake anywhere else too.
pub fn is_manifest(text: &str) -> bool {
    let text = text.trim_start_matches('\u{feff}');
    // In brackets, as JSON is, keys may be indented.
    let is_flow = text.trim_start().starts_with('{');
    text.lines().any(|line| {
        let line =
            if is_flow { line.trim_start_matches(|c: char| c.is_whitespace() || c == '{') } else { line };
        // A list of keys is a mistake in a manifest.
        let line = line.strip_prefix("- ").unwrap_or(line);
        let line = line.strip_prefix(['"', '\'']).unwrap_or(line);
        let end = line.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(line.len());
        let (key, rest) = line.split_at(end);
        let rest = rest.strip_prefix(['"', '\'']).unwrap_or(rest);
        top_level_keys().contains(&key) && rest.trim_start().starts_with(':')
    })
}

/// Returns whether a text is the root of a manifest: it has this version, and another key that only a manifest has. Many
/// files of other programs have a `version`, or `images`.
pub fn is_root(text: &str) -> bool {
    let shared = ["version", "include", "variables"];
    let is_version = |(key, value): (&str, &str)| {
        let value = value.split('#').next().unwrap_or_default();
        key == "version" && value.trim() == "1"
    };
    entries(text).any(is_version)
        && entries(text).any(|(key, _)| top_level_keys().contains(&key) && !shared.contains(&key))
}

/// Returns whether a text is a part of a manifest: it has a key of a manifest, and every other key could be a mistyped one.
pub fn is_part(text: &str) -> bool {
    let is_known = |key: &str| top_level_keys().contains(&key);
    let is_ours = |key: &str| {
        is_known(key) || key.starts_with("x-") || closest(key, top_level_keys().iter().copied()).is_some()
    };
    entries(text).any(|(key, _)| is_known(key)) && entries(text).all(|(key, _)| is_ours(key))
}

/// Returns the keys at the top of a text in block style, each with the text after its colon.
fn entries(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let text = text.trim_start_matches('\u{feff}');
    let entries = text.lines().filter_map(|line| {
        let line = line.strip_prefix(['"', '\'']).unwrap_or(line);
        let (key, value) = line.split_once(':')?;
        let key = key.trim_end_matches(['"', '\'']);
        key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).then_some((key, value))
    });
    entries.filter(|(key, _)| !key.is_empty())
}

/// Returns whether a file that was found in a directory is of another program: it has no key of a manifest, nor one that could
/// be a mistyped one. What is missing in a manifest is deleted, so a doubtful file is not.
pub fn is_foreign(text: &str) -> bool {
    let text = text.trim_start_matches('\u{feff}');
    let is_flow = text.trim_start().starts_with('{');
    let mut keys = entries(text).map(|(key, _)| key).peekable();
    // `apiVersion` is similar to `version` and is not a mistyped one.
    let is_mistyped = |key: &str| {
        closest(key, top_level_keys().iter().copied()).is_some_and(|known| known.get(..1) == key.get(..1))
    };
    !is_flow && !is_manifest(text) && keys.peek().is_some() && !keys.any(is_mistyped)
}

/// Returns the warning about files of a directory that are not read.
pub fn skipped(names: &[String]) -> Diagnostic {
    let listed: Vec<String> = names.iter().take(SKIPPED_NAMED).map(|name| escape_truncated(name)).collect();
    let more = match names.len().saturating_sub(SKIPPED_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let detail = format!(
        "Not read, since no line starts with a key of a manifest: {}{more}. If one is part of the manifest, what it declares is \
         missing.",
        listed.join(", ")
    );
    Diagnostic::new(&MANIFEST_FOREIGN, Severity::Warning, detail)
        .about("files")
        .help("Name the files or the directory of the manifest with -f.")
}

/// Returns a diagnostic without text of the file, instead of those that were found. Returns `None` if none were found.
pub(super) fn reported(name: &str, text: &str, found: &[Diagnostic]) -> Option<Diagnostic> {
    let first = found.first()?;
    let place = first.labels.first().and_then(|label| match &label.place {
        Place::Span(span) => text.get(..span.start),
        Place::Path(_) => None,
    });
    let line = place.map(|before| before.matches('\n').count().saturating_add(1));
    let file = match line {
        Some(line) => format!("`{}`, line {line}", escape_truncated(name)),
        None => format!("`{}`", escape_truncated(name)),
    };
    // Their details name only the encoding and the size of a text.
    let safe_to_repeat: [&Code; 2] = [&TEXT_INVALID, &LIMIT_EXCEEDED];
    if let Some(code) = safe_to_repeat.into_iter().find(|code| *code == first.code) {
        let diagnostic = code.found(format!("{file}: {}", first.detail)).about(name);
        return Some(Diagnostic { help: first.help.clone(), ..diagnostic });
    }
    let detail = format!(
        "{file}: it cannot be read as a manifest, and no line of it starts with a key of one. Its text is not shown, \
         since it may hold secrets."
    );
    let mut keys = top_level_keys().to_vec();
    keys.sort_unstable();
    Some(MANIFEST_FOREIGN.found(detail).about(name).help(format!(
        "Name another file. A manifest, and a part of one, starts a line with one of its keys: {}.",
        keys.join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Input, Variables, load};

    #[test]
    fn a_file_of_another_program_is_no_mistyped_manifest() {
        for text in ["apiVersion: v1\nkind: Pod\nmetadata: {}\n", "on: push\njobs: {}\n"] {
            assert!(is_foreign(text), "{text}");
        }
        for text in
            ["imges: {}\n", "image: {}\n", "- x\n", "", "# nothing\n", "{ a: b }", "shares: []\nfoo: 1\n"]
        {
            assert!(!is_foreign(text), "{text}");
        }
    }

    #[test]
    fn a_text_with_a_key_of_a_manifest_is_one() {
        for text in [
            "version: 1",
            "# a comment\n\nimages:\n\tweb: {}",
            "\u{feff}\"version\" : 1",
            "{version: 1}",
            "{\n  \"version\": 1\n}",
            "x: [\nshares:\n",
            "- version: 1\n",
        ] {
            assert!(is_manifest(text), "{text:?}");
        }
        for text in [
            "",
            "version = 1",
            "  version: 1",
            "conversion: 1",
            "PATH=/bin\0HOME=/root",
            "-----BEGIN PRIVATE KEY-----\nMIIE",
            "imgaes: {}",
        ] {
            assert!(!is_manifest(text), "{text:?}");
        }
    }

    /// No text of such a file is printed, or available to reports.
    #[test]
    fn no_word_of_another_file_is_reported() {
        let texts: [&[u8]; 9] = [
            b"TENCENTCLOUD_SECRET_KEY=SECRET\0PATH=SECRET\0",
            b"-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----\n",
            b"root:SECRET:19000:0:99999:7:::\ndaemon:*:19000\n",
            b"SECRET: SECRET\nSECRETS: [SECRET]\n",
            b"password: SECRET\n\ttoken: SECRET\n",
            b"{\"SECRET\": \"SECRET\"",
            b"# SECRET\n",
            b"SECRET \xff SECRET",
            b"- SECRET\n- &SECRET SECRET\n- *SECRETS\n",
        ];
        for bytes in texts {
            let input = Input { name: "other.yaml".to_owned(), bytes: bytes.to_vec() };
            let loaded = load(vec![input], &Variables::default());
            let text = String::from_utf8_lossy(bytes);
            let of_this: Vec<&Diagnostic> =
                loaded.diagnostics.iter().filter(|found| found.subject == "other.yaml").collect();
            assert!(of_this.len() == 1 || text.starts_with('#'), "{text}: {:#?}", loaded.diagnostics);
            assert!(!format!("{:?}", loaded.diagnostics).contains("SECRET"), "{:#?}", loaded.diagnostics);
            for source in loaded.locator.sources().iter() {
                assert_eq!(&*source.text, "", "{text}");
            }
        }
    }

    #[test]
    fn a_mistake_in_the_first_line_of_a_manifest_is_shown() {
        let bytes = b"vresion: 1\naccount: \"100000000001\"\n".to_vec();
        let loaded = load(vec![Input { name: "a.yaml".to_owned(), bytes }], &Variables::default());
        assert!(loaded.diagnostics.iter().any(|found| found.code.id == "GF105"), "{:#?}", loaded.diagnostics);
        assert!(loaded.locator.sources().iter().any(|source| source.text.contains("vresion")));
    }
}
