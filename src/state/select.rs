//! Selects images from a listing by type, operating system, architecture, name, tags, age and owner.
//!
//! All criteria are compared here, because the service's own filters are fuzzy (213/15715 Filters) and know neither age
//! nor owner.

use super::ObservedImage;
use super::lookup::{Found, FoundImage, Near};
use crate::diagnostics::escape_truncated;
use crate::model::{Criteria, ImageKind, Lookup};

/// Number of candidates that are recorded: enough to choose from, few enough to read.
const LISTED: usize = 10;
/// Number of near misses that are recorded.
const NEAR: usize = 3;

impl Criteria {
    /// Returns whether an image matches all criteria.
    pub fn matches(&self, image: &ObservedImage) -> bool {
        self.mismatches(image).is_empty()
    }

    /// Returns the properties of an image that do not match, in clauses. Empty: it matches.
    pub fn mismatches(&self, image: &ObservedImage) -> Vec<String> {
        let Self { kinds, os, architecture, bits, name, from, tags, since, before, usable } = self;
        let mut misses = Vec::new();
        let mut judge = |fits: bool, clause: &dyn Fn() -> String| {
            if !fits {
                misses.push(clause());
            }
        };
        judge(kinds.is_empty() || kinds.contains(&image.kind), &|| format!("it is {}", a_kind(image.kind)));
        let build = &image.build;
        judge(os.as_ref().is_none_or(|os| holds(&build.os, os) || holds(&build.platform, os)), &|| {
            format!("its operating system is {}", build.os)
        });
        judge(architecture.is_none_or(|wanted| build.architecture == wanted), &|| {
            format!("its architecture is {}", build.architecture.as_str())
        });
        judge(bits.is_none_or(|wanted| build.architecture.bits() == Some(wanted)), &|| match build
            .architecture
            .bits()
        {
            Some(bits) => format!("it has {bits} bits"),
            None => "its architecture is not known".to_owned(),
        });
        judge(name.as_ref().is_none_or(|text| image.name.contains(text.as_str())), &|| {
            format!("its name is {}", image.name)
        });
        judge(from.is_none_or(|account| image.creator == account.to_string()), &|| {
            format!("it comes from {}", image.creator)
        });
        for (key, value) in tags {
            let carried = image.tags.get(key);
            let fits = carried.is_some_and(|carried| value.as_ref().is_none_or(|value| carried == value));
            judge(fits, &|| match carried {
                Some(carried) => format!("its tag {key} is {carried}"),
                None => format!("it has no tag {key}"),
            });
        }
        let made = || format!("it was made on {}", image.created.strftime("%Y-%m-%d"));
        judge(since.is_none_or(|since| image.created >= since), &made);
        judge(before.is_none_or(|before| image.created < before), &made);
        judge(!usable || image.state.is_ready(), &|| format!("it is {}", image.state.as_str()));
        judge(!usable || !image.deprecated, &|| "it is marked as deprecated".to_owned());
        misses
    }
}

/// Returns whether a text contains another, in any case.
fn holds(text: &str, part: &str) -> bool {
    text.to_lowercase().contains(&part.to_lowercase())
}

fn a_kind(kind: ImageKind) -> &'static str {
    match kind {
        ImageKind::Public => "a public image",
        ImageKind::Custom => "a custom image of this account",
        ImageKind::Shared => "an image that another account shares",
        ImageKind::Other => "of an unknown type",
    }
}

/// Returns what a lookup finds in a listing of its region.
///
/// If several images are equally new, `newest` selects the first by name: the service publishes its images in batches
/// with one time, and a repeatable result is worth more than a refusal.
pub fn select<'a>(lookup: &Lookup, images: impl IntoIterator<Item = &'a ObservedImage>) -> Found {
    let criteria = Criteria::of(lookup);
    let mut matches: Vec<&ObservedImage> = Vec::new();
    let mut others: Vec<(usize, &ObservedImage, String)> = Vec::new();
    for image in images {
        let misses = criteria.mismatches(image);
        if misses.is_empty() {
            matches.push(image);
        } else {
            others.push((misses.len(), image, misses.join(", ")));
        }
    }
    matches.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| (&a.name, &a.id).cmp(&(&b.name, &b.id))));
    match matches.as_slice() {
        [one] => Found::One(FoundImage::of(one)),
        [newest, ..] if lookup.newest => Found::One(FoundImage::of(newest)),
        [] => {
            let order = |(misses, image, _): &(usize, &'a ObservedImage, String)| {
                (*misses, std::cmp::Reverse(image.created), image.name.clone(), image.id.clone())
            };
            others.sort_by_cached_key(order);
            let least = others.first().map(|(misses, ..)| *misses);
            let near = others
                .into_iter()
                .take_while(|(misses, ..)| Some(*misses) == least)
                .take(NEAR)
                .map(|(_, image, misses)| Near { image: FoundImage::of(image), but: misses })
                .collect();
            Found::Nothing { near }
        }
        several => Found::Several {
            count: several.len(),
            first: several.iter().take(LISTED).map(|image| FoundImage::of(image)).collect(),
        },
    }
}

/// Describes a lookup: "a public image of Ubuntu with 64 bits, whose name holds `22.04`".
pub fn describe(lookup: &Lookup) -> String {
    let Lookup { region, kind, os, bits, architecture, name, newest, from } = lookup;
    let mut text = match kind {
        Some(ImageKind::Public) => "a public image",
        Some(ImageKind::Custom) => "a custom image of this account",
        Some(ImageKind::Shared) => "an image that another account shares",
        Some(ImageKind::Other) | None => "an image",
    }
    .to_owned();
    let mut add = |clause: String| text.push_str(&clause);
    if *newest {
        add(", the newest,".to_owned());
    }
    add(format!(" in {region}"));
    if let Some(account) = from {
        add(format!(" from {account}"));
    }
    if let Some(os) = os {
        add(format!(" of {}", escape_truncated(os)));
    }
    match (architecture, bits) {
        (Some(architecture), _) => add(format!(" for {}", architecture.as_str())),
        (None, Some(bits)) => add(format!(" with {bits} bits")),
        (None, None) => {}
    }
    if let Some(name) = name {
        add(format!(", whose name holds `{}`", escape_truncated(name)));
    }
    text
}

#[cfg(test)]
mod tests {
    use compact_str::CompactString;

    use super::*;
    use crate::model::image::Build;
    use crate::model::{Architecture, ImageState, Tags};

    fn image(id: u32, name: &str, os: &str, architecture: Architecture, created: &str) -> ObservedImage {
        ObservedImage {
            id: format!("img-{id:08}").parse().unwrap(),
            name: name.into(),
            description: String::new(),
            family: CompactString::default(),
            deprecated: false,
            tags: Tags::new(),
            state: ImageState::Normal,
            kind: ImageKind::Public,
            created: created.parse().unwrap(),
            creator: "tencent".into(),
            build: Build {
                size_gib: 20,
                os: os.into(),
                platform: os.split(' ').next().unwrap().into(),
                architecture,
                snapshots: Vec::new(),
            },
        }
    }

    fn listing() -> Vec<ObservedImage> {
        let old = "2024-01-01T00:00:00Z";
        let new = "2025-01-01T00:00:00Z";
        vec![
            image(1, "Ubuntu 22.04", "Ubuntu Server 22.04 LTS 64bit", Architecture::X86_64, old),
            image(2, "Ubuntu 22.04 for ARM", "Ubuntu Server 22.04 LTS 64bit", Architecture::Arm, old),
            image(3, "Ubuntu 24.04", "Ubuntu Server 24.04 LTS 64bit", Architecture::X86_64, new),
            image(4, "CentOS 6.10", "CentOS 6.10 32bit", Architecture::I386, old),
            image(5, "Debian 12", "Debian 12.0 64bit", Architecture::X86_64, old),
        ]
    }

    fn ubuntu() -> Lookup {
        Lookup {
            region: "ap-jakarta".parse().unwrap(),
            kind: Some(ImageKind::Public),
            os: Some("ubuntu".into()),
            bits: Some(64),
            architecture: None,
            name: Some("22.04".into()),
            newest: false,
            from: None,
        }
    }

    fn id(found: &Found) -> &str {
        match found {
            Found::One(image) => image.id.as_str(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn one_match_is_the_answer() {
        let lookup = Lookup { architecture: Some(Architecture::X86_64), ..ubuntu() };
        assert_eq!(id(&select(&lookup, &listing())), "img-00000001");
        let lookup = Lookup { os: None, bits: Some(32), name: None, ..ubuntu() };
        assert_eq!(id(&select(&lookup, &listing())), "img-00000004");
    }

    #[test]
    fn several_matches_are_listed_newest_first_unless_the_newest_is_requested() {
        let lookup = Lookup { name: None, ..ubuntu() };
        let Found::Several { count, first } = select(&lookup, &listing()) else { panic!() };
        assert_eq!(count, 3);
        let ids: Vec<&str> = first.iter().map(|image| image.id.as_str()).collect();
        assert_eq!(ids, ["img-00000003", "img-00000001", "img-00000002"]);
        assert_eq!(id(&select(&Lookup { newest: true, ..lookup }, &listing())), "img-00000003");
    }

    #[test]
    fn of_equally_new_images_the_first_by_name_is_taken_however_they_are_listed() {
        let lookup = Lookup { newest: true, ..ubuntu() };
        let mut images = listing();
        assert_eq!(id(&select(&lookup, &images)), "img-00000001");
        images.reverse();
        assert_eq!(id(&select(&lookup, &images)), "img-00000001");
    }

    #[test]
    fn what_cannot_be_used_is_a_near_miss() {
        let mut images = listing();
        images[0].deprecated = true;
        images[1].state = ImageState::Creating;
        let Found::Nothing { near } = select(&ubuntu(), &images) else { panic!() };
        let mismatches: Vec<&str> = near.iter().map(|near| near.but.as_str()).collect();
        assert_eq!(mismatches, ["its name is Ubuntu 24.04", "it is marked as deprecated", "it is CREATING"]);
        assert_eq!(select(&ubuntu(), &[]), Found::Nothing { near: Vec::new() });
    }

    #[test]
    fn each_criterion_counts() {
        let mut one = image(9, "web", "Ubuntu Server", Architecture::Arm, "2025-06-01T00:00:00Z");
        one.creator = "200000000001".into();
        one.tags.insert("team".into(), "platform".into());
        let matches = |criteria: Criteria| criteria.matches(&one);
        let time = |text: &str| Some(text.parse().unwrap());
        for (criteria, expected) in [
            (Criteria::default(), true),
            (Criteria { kinds: vec![ImageKind::Custom, ImageKind::Public], ..Criteria::default() }, true),
            (Criteria { kinds: vec![ImageKind::Custom], ..Criteria::default() }, false),
            (Criteria { os: Some("UBUNTU".into()), ..Criteria::default() }, true),
            (Criteria { architecture: Some(Architecture::I386), ..Criteria::default() }, false),
            (Criteria { bits: Some(32), ..Criteria::default() }, false),
            (Criteria { name: Some("Web".into()), ..Criteria::default() }, false),
            (Criteria { from: "200000000001".parse().ok(), ..Criteria::default() }, true),
            (Criteria { from: "200000000002".parse().ok(), ..Criteria::default() }, false),
            (Criteria { tags: vec![("team".into(), None)], ..Criteria::default() }, true),
            (Criteria { tags: vec![("team".into(), Some("web".into()))], ..Criteria::default() }, false),
            (Criteria { tags: vec![("owner".into(), None)], ..Criteria::default() }, false),
            (Criteria { since: time("2025-06-01T00:00:00Z"), ..Criteria::default() }, true),
            (Criteria { since: time("2025-06-01T00:00:01Z"), ..Criteria::default() }, false),
            (Criteria { before: time("2025-06-01T00:00:00Z"), ..Criteria::default() }, false),
            (Criteria { before: time("2025-06-01T00:00:01Z"), ..Criteria::default() }, true),
        ] {
            assert_eq!(matches(criteria.clone()), expected, "{criteria:?}");
        }
    }

    #[test]
    fn a_lookup_is_described_in_words() {
        assert_eq!(
            describe(&Lookup { newest: true, ..ubuntu() }),
            "a public image, the newest, in ap-jakarta of ubuntu with 64 bits, whose name holds `22.04`"
        );
        let shared = Lookup {
            kind: Some(ImageKind::Shared),
            from: "200000000001".parse().ok(),
            os: None,
            bits: None,
            name: None,
            ..ubuntu()
        };
        assert_eq!(describe(&shared), "an image that another account shares in ap-jakarta from 200000000001");
    }
}
