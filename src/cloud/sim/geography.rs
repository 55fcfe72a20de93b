//! Regions and zones of the sandbox. The table is independent of that in `model`, so that tests can compare them.

use super::settings::Settings;

/// Facts about a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RegionInfo<'a> {
    /// Code, such as `ap-jakarta`.
    pub(super) code: &'a str,
    /// English name.
    pub(super) english: &'a str,
    /// Chinese name as in the APIs. Empty: not documented.
    pub(super) chinese: &'a str,
    /// Whether the region counts as Chinese mainland for copies. Hong Kong does not (213/4943).
    pub(super) mainland: bool,
    /// Numbers of the zones.
    pub(super) zones: &'a [u8],
    /// Base of the ids of the zones: id = base + number.
    pub(super) zone_base: u32,
}

const fn region(
    code: &'static str,
    english: &'static str,
    chinese: &'static str,
    mainland: bool,
    zones: &'static [u8],
    zone_base: u32,
) -> RegionInfo<'static> {
    RegionInfo { code, english, chinese, mainland, zones, zone_base }
}

/// From 213/6091, the zone lists of the cvm documents, and the region service's examples.
const REGIONS: &[RegionInfo<'static>] = &[
    region("ap-bangkok", "Southeast Asia (Bangkok)", "亚太东南(曼谷)", false, &[1, 2], 230_000),
    region("ap-beijing", "North China (Beijing)", "华北地区(北京)", true, &[1, 2, 3, 4, 5, 6, 7], 800_000),
    region("ap-chengdu", "Southwest China (Chengdu)", "西南地区(成都)", true, &[1, 2], 160_000),
    region("ap-chongqing", "Southwest China (Chongqing)", "西南地区(重庆)", true, &[1], 190_000),
    region("ap-guangzhou", "South China (Guangzhou)", "华南地区(广州)", true, &[1, 2, 3, 4, 6, 7], 100_000),
    region(
        "ap-hongkong",
        "Hong Kong/Macao/Taiwan (Hong Kong, China)",
        "港澳台地区(中国香港)",
        false,
        &[1, 2, 3],
        300_000,
    ),
    region("ap-jakarta", "Southeast Asia (Jakarta)", "亚太东南(雅加达)", false, &[1, 2], 720_000),
    region("ap-mumbai", "South Asia (Mumbai)", "亚太南部(孟买)", false, &[1, 2], 210_000),
    region("ap-nanjing", "East China (Nanjing)", "华东地区(南京)", true, &[1, 2, 3], 330_000),
    region("ap-seoul", "Northeast Asia (Seoul)", "亚太东北(首尔)", false, &[1, 2], 180_000),
    region("ap-shanghai", "East China (Shanghai)", "华东地区(上海)", true, &[1, 2, 3, 4, 5, 8], 200_000),
    region(
        "ap-shanghai-fsi",
        "East China (Shanghai Finance)",
        "华东地区(上海金融)",
        true,
        &[1, 2, 3],
        700_000,
    ),
    region(
        "ap-shenzhen-fsi",
        "South China (Shenzhen Finance)",
        "华南地区(深圳金融)",
        true,
        &[1, 2, 3],
        110_000,
    ),
    region("ap-singapore", "Southeast Asia (Singapore)", "亚太东南(新加坡)", false, &[1, 2, 3, 4], 900_000),
    region("ap-taipei", "Hong Kong/Macao/Taiwan (Taipei)", "港澳台地区(中国台北)", false, &[1], 390_000),
    region("ap-tokyo", "Northeast Asia (Tokyo)", "亚太东北(东京)", false, &[1, 2], 250_000),
    region("eu-frankfurt", "Europe (Frankfurt)", "欧洲地区(法兰克福)", false, &[1, 2], 170_000),
    region("eu-moscow", "Northeast Europe (Moscow)", "欧洲地区(莫斯科)", false, &[1], 240_000),
    region("na-ashburn", "East US (Virginia)", "美国东部(弗吉尼亚)", false, &[1, 2], 220_000),
    region("na-siliconvalley", "West US (Silicon Valley)", "美国西部(硅谷)", false, &[1, 2], 150_000),
    region("na-toronto", "North America (Toronto)", "北美地区(多伦多)", false, &[1], 400_000),
    region("sa-saopaulo", "South America (Sao Paulo)", "南美地区(圣保罗)", false, &[1], 740_000),
];

/// Returns the facts about a region. `None` if the world does not have it.
pub(super) fn find<'a>(settings: &'a Settings, code: &str) -> Option<RegionInfo<'a>> {
    REGIONS.iter().find(|info| info.code == code).copied().or_else(|| {
        settings.regions.iter().find(|(region, _)| region.as_str() == code).map(|(region, extra)| {
            RegionInfo {
                code: region.as_str(),
                english: region.as_str(),
                chinese: "",
                mainland: extra.mainland,
                zones: &[1],
                zone_base: 500_000,
            }
        })
    })
}

/// Returns every region of the world: the built-in ones by code, then those of the settings.
pub(super) fn all(settings: &Settings) -> impl Iterator<Item = RegionInfo<'_>> {
    let extra = settings.regions.keys().filter(|region| !REGIONS.iter().any(|p| p.code == region.as_str()));
    REGIONS.iter().copied().chain(extra.filter_map(|region| find(settings, region.as_str())))
}

/// Reason why an image cannot be copied between two regions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Border {
    /// One of the regions does not support copies: Taipei (questions and answers on images).
    NoCopies,
    /// One is in the Chinese mainland and the other is not: closed unless a ticket opens it (213/4943).
    Mainland,
}

/// Returns the reason why images cannot be copied between two regions. `None` if they can.
pub(super) fn border(from: RegionInfo<'_>, to: RegionInfo<'_>) -> Option<Border> {
    if to.code == "ap-taipei" || from.code == "ap-taipei" {
        Some(Border::NoCopies)
    } else if from.mainland != to.mainland {
        Some(Border::Mainland)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::sim::settings::ExtraRegion;

    #[test]
    fn hong_kong_is_outside_the_mainland_and_taipei_takes_no_copies() {
        let settings = Settings::default();
        let find = |code| find(&settings, code).unwrap();
        assert_eq!(border(find("ap-hongkong"), find("ap-jakarta")), None);
        assert_eq!(border(find("ap-hongkong"), find("ap-guangzhou")), Some(Border::Mainland));
        assert_eq!(border(find("ap-hongkong"), find("ap-taipei")), Some(Border::NoCopies));
    }

    #[test]
    fn a_region_of_the_settings_is_one_of_the_world() {
        let mut settings = Settings::default();
        assert!(find(&settings, "ap-osaka").is_none());
        let before = all(&settings).count();
        settings.regions.insert("ap-osaka".parse().unwrap(), ExtraRegion { mainland: false });
        assert!(find(&settings, "ap-osaka").is_some());
        assert_eq!(all(&settings).count(), before + 1);
    }
}
