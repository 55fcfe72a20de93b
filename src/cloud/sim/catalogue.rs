//! Built-in images of every region: public images of the provider, and one that another account shares with every
//! caller.
//!
//! They are not stored. Their ids depend only on seed, region and position, so they never change.

use super::ids::{self, resource_id};
use super::ownership::Ownership;
use super::settings::Settings;
use super::world::{Image, ImageStatus};

/// Title, platform, architecture, size in GiB. The titles are those of the real service, in English.
const PUBLIC: &[(&str, &str, &str, u32)] = &[
    ("Ubuntu Server 22.04 LTS 64bit", "Ubuntu", "x86_64", 20),
    ("Ubuntu Server 20.04 LTS 64bit", "Ubuntu", "x86_64", 20),
    ("TencentOS Server 3.1 (TK4)", "TencentOS", "x86_64", 20),
    ("CentOS 7.9 64bit", "CentOS", "x86_64", 20),
    ("CentOS 6.10 32bit", "CentOS", "i386", 20),
    ("Debian 12.0 64bit", "Debian", "x86_64", 20),
    ("Ubuntu Server 22.04 LTS 64bit for ARM", "Ubuntu", "arm", 20),
    ("TencentOS Server 3.1 (TK4) for ARM", "TencentOS", "arm", 20),
    ("Windows Server 2022 DataCenter 64bitEN", "Windows", "x86_64", 50),
    ("Windows Server 2019 DataCenter 64bitEN", "Windows", "x86_64", 50),
    ("Windows Server 2008 R2 Enterprise 32bitEN", "Windows", "i386", 50),
];

/// Number of ids that are reserved for one region.
const IDS_PER_REGION: u64 = 1_000;

/// Creation time of the images of the provider: 2024-01-01.
const CREATED_AT: i64 = 1_704_067_200_000_000;

/// Returns the built-in images of a region that an account sees, in a fixed order.
pub(super) fn images(settings: &Settings, region: &str, caller: &str) -> Vec<(Image, Ownership)> {
    let mut images = Vec::with_capacity(PUBLIC.len() + 1);
    if let Some(lender) = settings.lent_by.map(|lender| lender.to_string()).filter(|lender| lender != caller)
    {
        images.push((shared_image(settings, region, lender), Ownership::Shared));
    }
    if settings.public_images {
        for (position, &(title, platform, architecture, size_gib)) in PUBLIC.iter().enumerate() {
            let image = Image {
                id: id(settings, region, u64::try_from(position).unwrap_or(0)),
                name: title.to_owned(),
                os: title.to_owned(),
                platform: platform.to_owned(),
                architecture: architecture.to_owned(),
                size_gib,
                source: "OFFICIAL".to_owned(),
                ..blank(region)
            };
            images.push((image, Ownership::Public));
        }
    }
    images
}

/// Returns the built-in image with an id.
pub(super) fn find(settings: &Settings, region: &str, caller: &str, id: &str) -> Option<(Image, Ownership)> {
    images(settings, region, caller).into_iter().find(|(image, _)| image.id == id)
}

fn shared_image(settings: &Settings, region: &str, owner: String) -> Image {
    Image {
        id: id(settings, region, IDS_PER_REGION - 1),
        owner,
        name: "hardened-ubuntu".to_owned(),
        description: "Shared by another account".to_owned(),
        os: "Ubuntu Server 22.04 LTS 64bit".to_owned(),
        platform: "Ubuntu".to_owned(),
        architecture: "x86_64".to_owned(),
        size_gib: 30,
        source: "CREATE_IMAGE".to_owned(),
        ..blank(region)
    }
}

fn blank(region: &str) -> Image {
    Image {
        id: String::new(),
        region: region.to_owned(),
        owner: String::new(),
        name: String::new(),
        description: String::new(),
        family: String::new(),
        deprecated: false,
        size_gib: 0,
        os: String::new(),
        platform: String::new(),
        architecture: String::new(),
        license: "TencentCloud".to_owned(),
        source: String::new(),
        cloudinit: true,
        encrypted: false,
        created_at: CREATED_AT,
        visible_at: CREATED_AT,
        state: ImageStatus::Normal,
        ready_at: None,
        becomes: ImageStatus::Normal,
        made_from: String::new(),
    }
}

/// Returns the id of a built-in image. The code of the region selects one of 2²⁰ ranges above the numbers of created
/// resources.
fn id(settings: &Settings, region: &str, position: u64) -> String {
    let room = ids::number_of(region) % (1 << 20);
    resource_id("img-", settings.seed, ids::CATALOGUE + room * IDS_PER_REGION + position)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_region_offers_each_architecture_both_systems_and_one_shared_image() {
        let settings = Settings::default();
        let images = images(&settings, "ap-jakarta", "100000000001");
        for architecture in ["x86_64", "i386", "arm"] {
            assert!(images.iter().any(|(image, _)| image.architecture == architecture), "{architecture}");
        }
        assert!(images.iter().any(|(image, _)| image.platform == "Windows"));
        assert_eq!(images.iter().filter(|(_, ownership)| *ownership == Ownership::Shared).count(), 1);
        let ids: BTreeSet<_> = images.iter().map(|(image, _)| &image.id).collect();
        assert_eq!(ids.len(), images.len());
    }

    #[test]
    fn the_lender_does_not_see_its_image_as_a_shared_one() {
        let settings = Settings::default();
        let lender = settings.lent_by.unwrap().to_string();
        assert!(images(&settings, "ap-jakarta", &lender).iter().all(|(_, s)| *s == Ownership::Public));
    }

    #[test]
    fn ids_differ_between_regions_and_stay_the_same_in_one() {
        let settings = Settings::default();
        let id = |region| images(&settings, region, "100000000001")[0].0.id.clone();
        assert_eq!(id("ap-jakarta"), id("ap-jakarta"));
        assert_ne!(id("ap-jakarta"), id("ap-tokyo"));
    }
}
