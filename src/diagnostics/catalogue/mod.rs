//! Codes of all findings except violations of rules, whose codes are declared by the rules in `constraints/rules/`.

pub mod findings;
pub mod syntax;

use super::Code;

/// Returns the code with this id (`GF105`, in any case) or name (`key_unknown`).
pub fn find(id_or_name: &str) -> Option<&'static Code> {
    let codes = syntax::CODES.iter().chain(findings::CODES);
    codes.copied().find(|code| code.is_named(id_or_name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_by_id_and_name() {
        assert_eq!(find("gf105"), Some(&syntax::KEY_UNKNOWN));
        assert_eq!(find("key_unknown"), Some(&syntax::KEY_UNKNOWN));
        assert_eq!(find("drift"), Some(&findings::DRIFT));
        assert_eq!(find("no_such_code"), None);
    }
}
