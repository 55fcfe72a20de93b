//! The cheap scan that says whether the typed read can be trusted alone.

use super::scalar::is_yes_or_no;

/// Whether the text may hold something that the typed read takes and a manifest must not, or that the tree
/// reads in another way: a plain `no` or `on`, a tag, a merge key. The tree then decides.
///
/// May say yes without need (it knows nothing of quotes), never no wrongly. One pass over the bytes, which
/// costs about a hundredth of the typed read.
pub(in crate::manifest) fn needs_slow_path(text: &str) -> bool {
    let bytes = text.as_bytes();
    // The byte before: a scalar can only start after one of these.
    let mut before = b'\n';
    for (at, &byte) in bytes.iter().enumerate() {
        if matches!(before, b' ' | b'\n' | b'\t' | b'\r' | b'[' | b'{' | b',' | b':' | b'"' | b'\'' | 0xBF) {
            let found = match byte {
                b'!' | b'%' => true,
                b'<' => bytes.get(at + 1) == Some(&b'<'),
                b'y' | b'Y' | b'n' | b'N' | b'o' | b'O' => is_doubtful_word(bytes, at),
                _ => false,
            };
            if found {
                return true;
            }
        }
        before = byte;
    }
    false
}

/// Whether a whole scalar that starts here is a word that YAML 1.1 takes for a boolean.
fn is_doubtful_word(bytes: &[u8], start: usize) -> bool {
    let rest = bytes.get(start..).unwrap_or_default();
    let length = rest.iter().take(4).take_while(|byte| byte.is_ascii_alphabetic()).count();
    let Some((word, after)) = rest.split_at_checked(length) else { return false };
    if !std::str::from_utf8(word).is_ok_and(is_yes_or_no) {
        return false;
    }
    // A word among others on its line is part of a longer text.
    let next = after.iter().find(|byte| !matches!(byte, b' ' | b'\t'));
    if !matches!(next, None | Some(b'\n' | b'\r' | b',' | b']' | b'}' | b':' | b'#')) {
        return false;
    }
    let mut earlier =
        bytes.get(..start).unwrap_or_default().iter().rev().skip_while(|byte| matches!(byte, b' ' | b'\t'));
    match earlier.next() {
        None | Some(b'\n' | b'\r' | b':' | b'-' | b',' | b'[' | b'{' | b'?' | b'"' | b'\'' | 0xBF) => true,
        // `&anchor no`: the token before starts with an ampersand.
        Some(first) => {
            let mut token_start = *first;
            for &byte in earlier {
                if matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'[' | b'{' | b',' | b':') {
                    break;
                }
                token_start = byte;
            }
            token_start == b'&'
        }
    }
}

#[cfg(test)]
mod tests {
    use super::needs_slow_path;

    #[test]
    fn only_whole_scalars_are_doubtful() {
        for text in [
            "a: no",
            "- on\n",
            "[yes, b]",
            "{n: 1}",
            "off: x",
            "a: &x no",
            "a: no # comment",
            "y",
            "\u{feff}no: 1",
        ] {
            assert!(needs_slow_path(text), "{text:?}");
        }
        for text in [
            "description: no root login on port 22",
            "a: \"north\"",
            "no-proxy: 1",
            "a: nothing",
            "name: on-call",
            "a: yes-man",
            "a: |\n  say yes or no to\n",
        ] {
            assert!(!needs_slow_path(text), "{text:?}");
        }
    }

    #[test]
    fn tags_and_merges_are_looked_at() {
        for text in ["a: !!str 5", "<<: *base", "{<<: *base}", "%YAML 1.1\n---\n"] {
            assert!(needs_slow_path(text), "{text:?}");
        }
        assert!(!needs_slow_path("a: hello!\n"));
    }
}
