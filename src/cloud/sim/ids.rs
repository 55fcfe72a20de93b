//! Ids of resources and requests. They resemble random ones, are unique, and depend only on the seed of the world and a stored
//! counter, so that a run can be repeated exactly.

/// Number of ids of eight lower-case letters and digits.
const SPACE: u128 = 36u128.pow(8);

/// Factor without a common divisor with [`SPACE`] (odd, and not a multiple of three). Multiplying by it only permutes
/// the numbers below [`SPACE`].
const SHUFFLE: u128 = 1_181_783_497_277;

/// First number of the ids of built-in images. Created resources have lower numbers.
pub(super) const CATALOGUE: u64 = 1 << 40;

/// Returns the id with a prefix and a number, such as `img-6pb6lrmy`. Different numbers below 36⁸ lead to different
/// ids.
pub(super) fn resource_id(prefix: &str, seed: u64, number: u64) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut rest = (u128::from(number) * SHUFFLE + u128::from(mix(seed))) % SPACE;
    let mut id = String::with_capacity(prefix.len() + 8);
    id.push_str(prefix);
    for _ in 0..8 {
        let digit = usize::try_from(rest % 36).unwrap_or(0);
        id.push(char::from(DIGITS.get(digit).copied().unwrap_or(b'0')));
        rest /= 36;
    }
    id
}

/// Returns the id of a request, in the form of a UUID. Different numbers lead to different ids.
pub(super) fn request_id(seed: u64, number: u64) -> String {
    let first = mix(number ^ mix(seed));
    let second = mix(first);
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:04x}{:08x}",
        first >> 32,
        (first >> 16) & 0xffff,
        second & 0xfff,
        (second >> 12) & 0xfff,
        first & 0xffff,
        second >> 32,
    )
}

/// Returns a stable hash of a text, such as the code of a region.
pub(super) fn number_of(text: &str) -> u64 {
    text.bytes().fold(0x9e37_79b9_7f4a_7c15, |sum, byte| mix(sum ^ u64::from(byte)))
}

/// Mixes the bits of a number: the finalizer of splitmix64, a bijection on 64 bits.
fn mix(number: u64) -> u64 {
    let z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::ImageId;

    #[test]
    fn ids_never_repeat_and_have_the_documented_shape() {
        let numbers = (1..20_000).chain(CATALOGUE..CATALOGUE + 20_000);
        let ids: BTreeSet<String> = numbers.map(|n| resource_id("img-", 7, n)).collect();
        assert_eq!(ids.len(), 39_999);
        assert!(ids.iter().all(|id| id.len() == 12 && id.parse::<ImageId>().is_ok()));
    }

    #[test]
    fn request_ids_never_repeat_and_look_like_uuids() {
        let ids: BTreeSet<String> = (0..20_000).map(|n| request_id(7, n)).collect();
        assert_eq!(ids.len(), 20_000);
        assert!(ids.iter().all(|id| id.parse::<uuid::Uuid>().is_ok()));
    }

    #[test]
    fn the_same_seed_and_number_give_the_same_ids_and_another_seed_gives_others() {
        assert_eq!(resource_id("img-", 1, 5), resource_id("img-", 1, 5));
        assert_ne!(resource_id("img-", 1, 5), resource_id("img-", 2, 5));
        assert_ne!(request_id(1, 5), request_id(2, 5));
    }
}
