//! TC3-HMAC-SHA256, the signature of API 3.0 requests ("Signature v3" in the documents of every service).
//!
//! ```text
//!  canonical request = method, `/`, query, headers, their names, hash of the payload
//!  string to sign    = algorithm, timestamp, scope (UTC date/service/tc3_request), hash of the canonical request
//!  signing key       = HMAC(HMAC(HMAC("TC3" + key, date), service), "tc3_request")
//!  signature         = hex(HMAC(signing key, string to sign))
//! ```
//!
//! The signed payload must be the sent bytes: the JSON must not be serialized a second time in between.

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

const ALGORITHM: &str = "TC3-HMAC-SHA256";

/// Signed parts of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signed<'a> {
    /// `POST` or `GET`.
    pub(crate) method: &'a str,
    /// Encoded query exactly as it is sent. Empty for `POST`.
    pub(crate) query: &'a str,
    /// Signed headers in alphabetical order, with names in lower case. They must include `content-type` and `host`.
    pub(crate) headers: &'a [(&'a str, &'a str)],
    /// Body exactly as it is sent.
    pub(crate) payload: &'a [u8],
    /// First label of the service's host.
    pub(crate) service: &'a str,
    /// Time of `X-TC-Timestamp`.
    pub(crate) at: Timestamp,
}

impl Signed<'_> {
    /// Returns the value of the `Authorization` header.
    pub(crate) fn authorization(&self, secret_id: &str, secret_key: &str) -> String {
        let key = signing_key(secret_key, &self.date(), self.service);
        let signature = signature(&*key, &self.string_to_sign());
        let scope = self.scope();
        let names = self.header_names();
        format!("{ALGORITHM} Credential={secret_id}/{scope}, SignedHeaders={names}, Signature={signature}")
    }

    /// Returns whether a signature is that of the request with a key.
    pub(crate) fn is_signed_by(&self, secret_key: &str, other: &str) -> bool {
        signature(&*signing_key(secret_key, &self.date(), self.service), &self.string_to_sign()) == other
    }

    fn canonical_request(&self) -> String {
        let Self { method, query, headers, payload, service: _, at: _ } = self;
        let headers: String =
            headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim().to_lowercase())).collect();
        format!("{method}\n/\n{query}\n{headers}\n{}\n{}", self.header_names(), hash(payload))
    }

    fn header_names(&self) -> String {
        self.headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";")
    }

    fn string_to_sign(&self) -> String {
        let hashed = hash(self.canonical_request().as_bytes());
        format!("{ALGORITHM}\n{}\n{}\n{hashed}", self.at.as_second(), self.scope())
    }

    /// Returns the date of the timestamp in UTC.
    fn date(&self) -> String {
        self.at.strftime("%Y-%m-%d").to_string()
    }

    fn scope(&self) -> String {
        format!("{}/{}/tc3_request", self.date(), self.service)
    }
}

fn signing_key(secret_key: &str, date: &str, service: &str) -> Zeroizing<[u8; 32]> {
    let key = Zeroizing::new(format!("TC3{secret_key}"));
    let date = Zeroizing::new(mac(key.as_bytes(), date));
    let service = Zeroizing::new(mac(&*date, service));
    Zeroizing::new(mac(&*service, "tc3_request"))
}

fn signature(signing_key: &[u8], string_to_sign: &str) -> String {
    hex(&mac(signing_key, string_to_sign))
}

fn mac(key: &[u8], message: &str) -> [u8; 32] {
    // HMAC pads a short key with zeros and hashes a long one. Doing that here makes the construction infallible.
    let mut block = Zeroizing::new([0u8; 64]);
    if key.len() > block.len() {
        block.iter_mut().zip(Sha256::digest(key)).for_each(|(to, from)| *to = from);
    } else {
        block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    }
    let mut mac = Hmac::<Sha256>::new(&(*block).into());
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().into()
}

fn hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    //! Vectors: V1 to V4 were computed with the official SDK and a frozen clock, V5 and V6 are in the documents.

    use super::*;

    const ID: &str = "AKIDTESTVECTOR0000000000000000000001";
    const KEY: &str = "TestVectorSecretKey00000000000001";
    const JSON: &str = "application/json";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn post<'a>(headers: &'a [(&'a str, &'a str)], payload: &'a str, second: i64) -> Signed<'a> {
        let (method, query, payload) = ("POST", "", payload.as_bytes());
        Signed { method, query, headers, payload, service: "cvm", at: at(second) }
    }

    fn signature_of(signed: &Signed<'_>) -> String {
        let authorization = signed.authorization(ID, KEY);
        authorization.rsplit_once("Signature=").unwrap().1.to_owned()
    }

    #[test]
    fn a_plain_post_is_signed_step_by_step() {
        let headers = [("content-type", JSON), ("host", "cvm.tencentcloudapi.com")];
        let payload = r#"{"Filters": [{"Name": "image-type", "Values": ["PRIVATE_IMAGE"]}], "Offset": 0, "Limit": 100}"#;
        let signed = post(&headers, payload, 1_700_000_000);
        let hashed = "ee49cc93e7a2f6131c7fa2ce7407a0c9798f4cc647b7b754247e13444e7635db";
        assert_eq!(hash(payload.as_bytes()), hashed);
        assert_eq!(
            signed.canonical_request(),
            format!(
                "POST\n/\n\ncontent-type:application/json\nhost:cvm.tencentcloudapi.com\n\ncontent-type;host\n{hashed}"
            )
        );
        assert_eq!(
            signed.string_to_sign(),
            "TC3-HMAC-SHA256\n1700000000\n2023-11-14/cvm/tc3_request\n\
             11a4fe9e0dd5ef6af6858f709b6f3c3698c16141f65544edd6bddb26a394c819"
        );
        let date = mac(format!("TC3{KEY}").as_bytes(), "2023-11-14");
        assert_eq!(hex(&date), "8e135064a76881118425e51f1b0737e260eff320bf30f8694a30695ab1173729");
        let service = mac(&date, "cvm");
        assert_eq!(hex(&service), "d53c9738fff31454626e4f0ff4c4c3ff888a1d4d3cae92b23871ad6e49c310f0");
        assert_eq!(
            hex(&*signing_key(KEY, "2023-11-14", "cvm")),
            "900b5091b1bd69d8ef9ed4c78a457e26083be10726ccadca0c273c64fdb2bb76"
        );
        assert_eq!(
            signed.authorization(ID, KEY),
            "TC3-HMAC-SHA256 Credential=AKIDTESTVECTOR0000000000000000000001/2023-11-14/cvm/tc3_request, \
             SignedHeaders=content-type;host, \
             Signature=ef83c873ec51ec4314c8acb0846f9d2950ee183675319d3bcd0d2a6657cf36f3"
        );
    }

    #[test]
    fn the_date_is_the_one_in_utc_to_the_last_second_of_a_year() {
        let headers = [("content-type", JSON), ("host", "cvm.intl.tencentcloudapi.com")];
        let payload = r#"{"ImageId": "img-6pb6lrmy", "AccountIds": ["103849387508"], "Permission": "SHARE"}"#;
        let signed = post(&headers, payload, 1_735_689_599);
        assert_eq!(
            hash(payload.as_bytes()),
            "45c484732272991b56f41d70bd2c25119b8548b371e53514493c811842e00d28"
        );
        assert_eq!(
            hash(signed.canonical_request().as_bytes()),
            "76c8c807cca117497bb22b0b24b2e61db77f73a951024796587665aca50f385c"
        );
        assert_eq!(signed.scope(), "2024-12-31/cvm/tc3_request");
        assert_eq!(
            hex(&*signing_key(KEY, "2024-12-31", "cvm")),
            "8c7bcea6b2a72739cd444b351912195c517cab510a77f962c9629fd9a5ae3546"
        );
        assert_eq!(signature_of(&signed), "e03996c474af8449997ebd8150ad0c79b7960774959345864cb646af5277ad94");
    }

    #[test]
    fn a_get_is_signed_with_its_query_and_an_empty_payload() {
        let headers =
            [("content-type", "application/x-www-form-urlencoded"), ("host", "cvm.tencentcloudapi.com")];
        let signed = Signed {
            method: "GET",
            query: "Filters.0.Name=image-type&Filters.0.Values.0=PRIVATE_IMAGE&Limit=20",
            ..post(&headers, "", 1_700_000_000)
        };
        assert_eq!(
            hash(signed.canonical_request().as_bytes()),
            "1191f0a6afc73736201dfff5e550d98f7adbce86aed45cbe68e9aade6b47ce2b"
        );
        assert_eq!(signature_of(&signed), "442509c3d68800f15cbbbcb0ef89c24dc4088c552fb5f64e9970fdb99c6321ed");
    }

    #[test]
    fn a_name_outside_ascii_is_signed_as_it_is_written() {
        let headers = [("content-type", JSON), ("host", "cvm.tencentcloudapi.com")];
        let payload = r#"{"ImageName": "\u955c\u50cf-\u03b1", "InstanceId": "ins-2v3sqe2t"}"#;
        let signed = post(&headers, payload, 1_700_000_000);
        assert_eq!(
            hash(payload.as_bytes()),
            "45473766a4185f1429fc356be4b419dd164d419bf8f66eb85ba6d614845d1b7a"
        );
        assert_eq!(
            hash(signed.canonical_request().as_bytes()),
            "1e792c42ab6e8d01e62cff9ddc79a329899077f6b16d5868f1c8ab8ca00d1a7c"
        );
        assert_eq!(signature_of(&signed), "f7ba4a903e988f6442cc5713a928d7ec2737f81f3c04e06c5d0adae4f5c51778");
    }

    #[test]
    fn the_documents_example_of_a_get_is_reproduced() {
        let headers =
            [("content-type", "application/x-www-form-urlencoded"), ("host", "cvm.tencentcloudapi.com")];
        let signed =
            Signed { method: "GET", query: "Limit=10&Offset=0", ..post(&headers, "", 1_539_084_154) };
        assert_eq!(
            hash(signed.canonical_request().as_bytes()),
            "91c9c192c14460df6c1ffc69e34e6c5e90708de2a6d282cccf957dbf1aa7f3a7"
        );
        let authorization =
            signed.authorization("AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE", "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE");
        assert!(authorization.contains("/2018-10-09/cvm/tc3_request"));
        assert!(
            authorization
                .ends_with("Signature=5da7a33f6993f0614b047e5df4582db9e9bf4672ba50567dba16c6ccf174c474")
        );
    }

    #[test]
    fn the_documents_example_of_a_post_with_the_action_signed_is_reproduced() {
        let headers = [
            ("content-type", "application/json; charset=utf-8"),
            ("host", "cvm.tencentcloudapi.com"),
            ("x-tc-action", "DescribeInstances"),
        ];
        let payload =
            r#"{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}"#;
        let signed = post(&headers, payload, 1_551_113_065);
        assert_eq!(
            hash(payload.as_bytes()),
            "35e9c5b0e3ae67532d3c9f17ead6c90222632e5b1ff7f6e89887f1398934f064"
        );
        assert_eq!(
            hash(signed.canonical_request().as_bytes()),
            "7019a55be8395899b900fb5564e4200d984910f34794a27cb3fb7d10ff6a1e84"
        );
        // The key itself is masked in the documents; the derived one is printed.
        let printed = "b596b923aad85185e2d1f6659d2a062e0a86731226e021e61bfe06f7ed05f5af";
        let key: Vec<u8> =
            (0..64).step_by(2).map(|i| u8::from_str_radix(&printed[i..i + 2], 16).unwrap()).collect();
        assert_eq!(
            signature(&key, &signed.string_to_sign()),
            "10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f"
        );
    }

    #[test]
    fn keys_longer_than_a_block_are_hashed_first() {
        // RFC 4231, test case 6.
        let tag = mac(&[0xaa; 131], "Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(hex(&tag), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    }
}
