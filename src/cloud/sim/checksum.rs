//! MD5 of tag keys and values, as in the answers of the tag service (TagKeyMd5, TagValueMd5). It is not a protection.

use std::fmt::Write as _;

use md5::{Digest as _, Md5};

/// Returns the MD5 of a text in lower-case hexadecimal.
pub(super) fn md5(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().fold(String::with_capacity(32), |mut hex, byte| {
        // Writing to a text cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_is_the_md5_that_everybody_computes() {
        assert_eq!(super::md5("abc"), "900150983cd24fb0d6963f7d28e17f72");
    }
}
