//! The digest that a state file holds of itself, so that a damaged file is never taken for a record.
//!
//! `digest` is the second member of the file, after `format`: the SHA-256 of the file's text without the white space
//! between its parts, with an empty text in the place of the digest itself. So every byte that means something counts,
//! while a file that git or an editor has given other line ends or another indentation is the same state. A digest over
//! the text, and not over what was understood of it, stays true when a later version adds fields.

use super::snapshot::FORMAT;
use crate::model::Digest;

/// Puts the digest into the text of a snapshot. Returns `None` if the text does not start as one of the present format does.
pub(super) fn seal(text: &str) -> Option<String> {
    let rest = text.strip_prefix(&format!("{{\n  \"format\": {FORMAT},\n"))?;
    let with = |digest: &str| format!("{{\n  \"format\": {FORMAT},\n  \"digest\": \"{digest}\",\n{rest}");
    let digest = Digest::of_bytes(&compact(&with("")));
    Some(with(digest.as_str()))
}

/// Returns the digest that this text of a file should have. `None` if `claimed` is not where a digest belongs.
pub(super) fn digest(text: &str, format: u32, claimed: &Digest) -> Option<Digest> {
    let compact = compact(text);
    let start = |digest: &str| format!("{{\"format\":{format},\"digest\":\"{digest}\",").into_bytes();
    let rest = compact.strip_prefix(start(claimed.as_str()).as_slice())?;
    let mut sealed = start("");
    sealed.extend_from_slice(rest);
    Some(Digest::of_bytes(&sealed))
}

/// A JSON text without the white space between its parts.
fn compact(text: &str) -> Vec<u8> {
    let mut compact = Vec::with_capacity(text.len());
    let (mut is_in_string, mut is_escaped) = (false, false);
    for byte in text.bytes() {
        if is_in_string {
            (is_in_string, is_escaped) = (is_escaped || byte != b'"', !is_escaped && byte == b'\\');
        } else if matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
            continue;
        } else {
            is_in_string = byte == b'"';
        }
        compact.push(byte);
    }
    compact
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_counts_in_strings_only() {
        let text = " {\r\n\t\"a b\" : [ 1 , \"\\\" \\\\\" ] , \"c\":\" \" } \n";
        assert_eq!(String::from_utf8(compact(text)).unwrap(), r#"{"a b":[1,"\" \\"],"c":" "}"#);
    }

    #[test]
    fn a_text_that_is_no_snapshot_gets_no_digest() {
        for text in ["", "{}", "{\n  \"format\": 1,\n}"] {
            assert_eq!(seal(text), None, "{text}");
        }
    }

    #[test]
    fn the_digest_is_the_hash_that_the_documentation_describes() {
        let sealed = seal(&format!("{{\n  \"format\": {FORMAT},\n  \"serial\": 1\n}}\n")).unwrap();
        let expected =
            Digest::of_bytes(format!("{{\"format\":{FORMAT},\"digest\":\"\",\"serial\":1}}").as_bytes());
        assert!(sealed.contains(&format!("\n  \"digest\": \"{expected}\",\n")), "{sealed}");
        assert_eq!(digest(&sealed, FORMAT, &expected), Some(expected));
    }
}
