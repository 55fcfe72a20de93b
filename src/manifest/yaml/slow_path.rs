//! Cheap scan that decides whether the fast path may be used.

use super::scalar::is_yes_or_no;

/// Returns whether a text may contain something that the fast path accepts and a manifest must not have, or that the tree
/// reads differently: a plain `no` or `on`, a tag, a merge key.
///
/// `true` may be wrong, since quotes are not considered. `false` is always right. One pass over the bytes costs about a
/// hundredth of the fast path.
pub(in crate::manifest) fn needs_slow_path(text: &str) -> bool {
    let bytes = text.as_bytes();
    // A scalar can start only after one of the bytes below.
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

/// Returns whether the scalar that starts here is a word that is a boolean in YAML 1.1.
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
        // `&anchor no`: the preceding token starts with an ampersand.
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
    fn only_whole_scalars_need_the_slow_path() {
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
    fn tags_and_merges_need_the_slow_path() {
        for text in ["a: !!str 5", "<<: *base", "{<<: *base}", "%YAML 1.1\n---\n"] {
            assert!(needs_slow_path(text), "{text:?}");
        }
        assert!(!needs_slow_path("a: hello!\n"));
    }
}
