//! Meaning of plain scalars, in exact agreement with the fast path and its options.

/// Meaning of a scalar without quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::manifest) enum Plain {
    /// No value: empty, `~` or `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// Whole number that a number field accepts.
    Integer(u64),
    /// Number that a number field does not accept: `-1`, `1.10`, `007`, `1_000`, `.inf`.
    OtherNumber,
    /// Word that is a boolean in YAML 1.1 and text in YAML 1.2: `no`, `on`, `Y`.
    YesOrNo,
    /// Text.
    Text,
}

/// Returns the meaning of a plain scalar.
pub(in crate::manifest) fn plain(text: &str) -> Plain {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Plain::Null,
        "true" | "True" | "TRUE" => Plain::Boolean(true),
        "false" | "False" | "FALSE" => Plain::Boolean(false),
        _ if is_yes_or_no(text) => Plain::YesOrNo,
        _ => match integer(text) {
            Some(number) => Plain::Integer(number),
            None if is_number(text) => Plain::OtherNumber,
            None => Plain::Text,
        },
    }
}

/// Returns whether a word is a boolean in YAML 1.1 but not in YAML 1.2.
pub(super) fn is_yes_or_no(text: &str) -> bool {
    matches!(
        text,
        "y" | "Y"
            | "yes"
            | "Yes"
            | "YES"
            | "n"
            | "N"
            | "no"
            | "No"
            | "NO"
            | "on"
            | "On"
            | "ON"
            | "off"
            | "Off"
            | "OFF"
    )
}

/// Parses a whole number that a number field accepts: decimal without a leading zero, or with a radix.
fn integer(text: &str) -> Option<u64> {
    if text.contains('_') {
        return None;
    }
    let digits = text.strip_prefix('+').unwrap_or(text);
    match radix(digits) {
        (10, digits) if digits.starts_with('0') && digits != "0" => None,
        (radix, digits) => digits_of(digits, radix).and_then(|number| u64::try_from(number).ok()),
    }
}

/// Returns whether the fast path refuses the scalar as text because it is a number.
fn is_number(text: &str) -> bool {
    // A fast exit: only these characters start a number, and most scalars are words.
    if !text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-' | '.')) {
        return false;
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    if text.parse::<f64>().is_ok_and(f64::is_finite) {
        return true;
    }
    match radix(unsigned) {
        (10, digits) if digits.starts_with('0') && digits != "0" => false,
        (radix, digits) => digits_of(digits, radix).is_some_and(|number| i128::try_from(number).is_ok()),
    }
}

fn radix(digits: &str) -> (u32, &str) {
    let with = |prefixes: [&'static str; 2]| prefixes.iter().find_map(|prefix| digits.strip_prefix(*prefix));
    if let Some(rest) = with(["0x", "0X"]) {
        (16, rest)
    } else if let Some(rest) = with(["0o", "0O"]) {
        (8, rest)
    } else if let Some(rest) = with(["0b", "0B"]) {
        (2, rest)
    } else {
        (10, digits)
    }
}

/// Returns the value of digits, which single underscores may separate.
fn digits_of(digits: &str, radix: u32) -> Option<u128> {
    let mut value: Option<u128> = None;
    let mut after_digit = false;
    for c in digits.chars() {
        if c == '_' {
            if !after_digit {
                return None;
            }
            after_digit = false;
            continue;
        }
        let digit = c.to_digit(radix)?;
        value = Some(value.unwrap_or(0).checked_mul(u128::from(radix))?.checked_add(u128::from(digit))?);
        after_digit = true;
    }
    value.filter(|_| after_digit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;

    /// Reads `v: SCALAR` on the fast path, as text and as any value.
    fn typed(scalar: &str) -> (bool, Option<serde_json::Value>) {
        #[derive(Deserialize)]
        struct Text {
            #[serde(rename = "v")]
            _v: String,
        }
        #[derive(Deserialize)]
        struct Any {
            v: serde_json::Value,
        }
        let yaml = format!("v: {scalar}\n");
        (super::super::read::<Text>(&yaml).is_some(), super::super::read::<Any>(&yaml).map(|any| any.v))
    }

    fn agrees(scalar: &str) {
        let (is_text, any) = typed(scalar);
        let found = plain(scalar);
        assert_eq!(is_text, matches!(found, Plain::Text | Plain::YesOrNo), "{scalar:?} is {found:?}");
        match (found, any) {
            (Plain::Integer(number), any) => assert_eq!(any, Some(number.into()), "{scalar:?}"),
            (Plain::Boolean(value), any) => assert_eq!(any, Some(value.into()), "{scalar:?}"),
            (Plain::Null, any) => assert_eq!(any, Some(serde_json::Value::Null), "{scalar:?}"),
            // A number field accepts no sign, so it refuses `-0`.
            (_, any) => {
                assert!(
                    scalar.starts_with('-') || !any.is_some_and(|any| any.is_u64()),
                    "{scalar:?} is {found:?}"
                );
            }
        }
    }

    #[test]
    fn plain_scalars_mean_the_same_on_the_fast_path() {
        for scalar in [
            "",
            "~",
            "null",
            "Null",
            "NULL",
            "nULL",
            "true",
            "True",
            "TRUE",
            "tRUE",
            "false",
            "yes",
            "no",
            "on",
            "off",
            "y",
            "N",
            "0",
            "1",
            "-1",
            "+1",
            "007",
            "-007",
            "0o17",
            "0x1F",
            "0X1f",
            "0b101",
            "1_000",
            "1__0",
            "_1",
            "1_",
            "0x_1",
            "1.10",
            "1.",
            ".5",
            "1e3",
            "1e999",
            "-1e999",
            ".inf",
            "-.inf",
            ".nan",
            "+.NaN",
            "inf",
            "nan",
            "infinity",
            "18446744073709551615",
            "18446744073709551616",
            "170141183460469231731687303715884105727",
            "340282366920938463463374607431768211455",
            "340282366920938463463374607431768211456",
            "2026-11-24",
            "12:30:45",
            "1.2.3",
            "100000000001",
            "+",
            "0x",
            "0o",
            "0b",
            "0o8",
            "1e",
            "e1",
            "+0",
            "-0",
            "00",
            "0.5",
            "00.5",
            "0x1.8",
            "1_0.5",
        ] {
            agrees(scalar);
        }
    }

    proptest! {
        #[test]
        fn numbers_mean_the_same_on_the_fast_path(
            scalar in "[+-]?(0[xobXOB])?[0-9a-f_.]{1,9}([eE][+-]?[0-9]{1,3})?",
        ) {
            prop_assume!(!scalar.ends_with('-') && !scalar.starts_with("--"));
            agrees(&scalar);
        }
    }
}
