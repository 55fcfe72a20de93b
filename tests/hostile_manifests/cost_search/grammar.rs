//! The grammar of the search: fragments of a manifest, each of which grows with a number.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Random;

/// The top-level keys, and the lines below each.
type Sections = BTreeMap<&'static str, String>;
/// A fragment: its name, and what it adds.
type Fragment = (&'static str, fn(usize, &mut Sections, &mut Vec<String>));

/// Everything that a manifest is grown from. Entries are texts between `{` and `}`, so that fragments can add to them.
pub(super) const FRAGMENTS: &[Fragment] = &[
    ("roomy", |_, top, _| {
        add(top, "limits", "  images_per_region: 1000000\n  accounts_per_image: 1000000\n")
    }),
    ("entries", |n, _, images| {
        images.extend(
            (0..n).map(|i| format!("e{i}: {{region: ap-tokyo, source: {{instance: {{id: ins-{i:08x}}}}}")),
        );
    }),
    ("one name", |n, _, images| {
        images.extend((0..n).map(|i| {
            format!("n{i}: {{region: ap-tokyo, name: web, source: {{instance: {{id: ins-{i:08x}}}}}")
        }));
    }),
    ("copies", |n, _, images| {
        const ALL: &[&str] = &[
            "ap-seoul",
            "ap-jakarta",
            "ap-singapore",
            "ap-bangkok",
            "na-ashburn",
            "na-siliconvalley",
            "eu-frankfurt",
            "ap-hongkong",
            "sa-saopaulo",
            "ap-x1",
            "ap-x2",
            "ap-x3",
        ];
        let copies = ALL.iter().take(n).copied().collect::<Vec<_>>().join(", ");
        images
            .iter_mut()
            .filter(|line| !line.contains("copies"))
            .for_each(|line| *line += &format!(", copies: [{copies}]"));
    }),
    ("regions", |n, _, images| {
        let copies: Vec<String> = (0..n).map(|i| format!("ap-r{i}")).collect();
        images.push(format!(
            "many: {{region: ap-tokyo, source: {{instance: {{id: ins-0000000a}}}}, copies: [{}]",
            copies.join(", ")
        ));
    }),
    ("long text", |n, _, images| {
        let text = "x".repeat(n);
        images
            .iter_mut()
            .filter(|line| !line.contains("description"))
            .take(3)
            .for_each(|line| *line += &format!(", description: {text}"));
    }),
    ("tags", |n, _, images| {
        let tags: Vec<String> = (0..n).map(|i| format!("t{i}: v")).collect();
        images
            .iter_mut()
            .filter(|line| !line.contains("tags"))
            .take(3)
            .for_each(|line| *line += &format!(", tags: {{{}}}", tags.join(", ")));
    }),
    ("same region", |n, _, images| {
        images.push(format!(
            "same: {{region: ap-tokyo, source: {{instance: {{id: ins-0000000b}}}}, copies: [{}]",
            vec!["ap-seoul"; n].join(", ")
        ));
    }),
    ("no region", |n, _, images| {
        images.push(format!(
            "none: {{region: ap-tokyo, source: {{instance: {{id: ins-0000000c}}}}, copies: [{}]",
            (0..n).map(|i| format!("X{i}")).collect::<Vec<_>>().join(", ")
        ));
    }),
    ("chain", |n, _, images| {
        images.push("c0: {region: ap-tokyo, source: {instance: {id: ins-0000000d}}".to_owned());
        images.extend((1..n.max(2)).map(|i| {
            format!("c{i}: {{region: ap-tokyo, source: {{encrypted: {{image: c{}, kms_key: k}}}}", i - 1)
        }));
    }),
    ("circle", |n, _, images| {
        images.extend((0..n).map(|i| {
            format!(
                "o{i}: {{region: ap-tokyo, source: {{encrypted: {{image: o{}, kms_key: k}}}}",
                (i + 1) % n.max(1)
            )
        }));
    }),
    ("accounts", |n, top, images| {
        let accounts: Vec<String> =
            (0..n).map(|i| format!("\"{}\"", 200_000_000_000u64 + i as u64)).collect();
        let key = images.last().and_then(|line| line.split(':').next()).unwrap_or("none").to_owned();
        add(top, "shares", &format!("- {{image: {key}, with: [{}]}}\n", accounts.join(", ")));
    }),
    ("shares", |n, top, images| {
        let key = images.first().and_then(|line| line.split(':').next()).unwrap_or("none").to_owned();
        let shares =
            (0..n).map(|i| format!("- {{image: {key}, with: [\"{}\"]}}\n", 300_000_000_000u64 + i as u64));
        add(top, "shares", &shares.collect::<String>());
    }),
    ("long value", |n, top, _| add(top, "variables", &format!("  v: {{default: {}}}\n", "x".repeat(n)))),
    ("repeats", |n, _, images| {
        images.push(format!(
            "rep: {{region: ap-tokyo, source: {{instance: {{id: ins-0000000e}}}}, description: \"{}\"",
            "${v}".repeat(n)
        ));
    }),
    ("descriptions", |n, _, images| {
        images.extend((0..n).map(|i| {
            format!(
                "d{i}: {{region: ap-tokyo, source: {{instance: {{id: ins-{i:08x}}}}}, description: \"${{v}}\""
            )
        }));
    }),
    ("unset", |n, top, images| {
        add(top, "variables", "  unset: {}\n");
        images.extend(
            (0..n).map(|i| format!("u{i}: {{region: ap-tokyo, source: {{instance: {{id: \"${{unset}}\"}}}}")),
        );
    }),
    ("undeclared", |n, _, images| {
        images.extend(
            (0..n).map(|i| format!("w{i}: {{region: ap-tokyo, source: {{instance: {{id: \"${{w{i}}}\"}}}}")),
        );
    }),
    ("merge base", |n, _, images| {
        let keys: Vec<String> = (0..n).map(|i| format!("k{i}: 1")).collect();
        images.insert(0, format!("base: &base {{{}", keys.join(", ")));
    }),
    ("merges", |n, _, images| images.extend((0..n).map(|i| format!("m{i}: {{<<: *base")))),
    ("merged mistakes", |n, _, images| {
        let keys: Vec<String> = (0..n).map(|i| format!("x{i}: 1")).collect();
        images.push(format!("wide: {{<<: [*base, *base], {}", keys.join(", ")));
        images.push(format!("gone: {{<<: *base, region: ap-tokyo, copies: [{}]", vec!["X"; n].join(", ")));
    }),
    ("unknown keys", |n, top, _| {
        for i in 0..n {
            let _ = writeln!(top.entry("").or_default(), "kye{i}: 1");
        }
    }),
    ("unknown keys of entries", |n, _, images| {
        images.extend((0..n).map(|i| format!("q{i}: {{regoin: ap-tokyo, soruce: x")));
    }),
    ("one line", |n, top, _| {
        let keys: Vec<String> = (0..n).map(|i| format!("é{i}: {{日: 1}}")).collect();
        let _ = writeln!(top.entry("").or_default(), "lookups: {{{}}}", keys.join(", "));
    }),
    ("long lines", |n, _, images| {
        images.extend((0..n).map(|i| format!("l{i}: {{x{}: 1", "日本".repeat(100))))
    }),
    ("lookups", |n, top, images| {
        let lookups = (0..n).map(|i| format!("  l{i}: {{region: ap-tokyo, type: public, os: Windows}}\n"));
        add(top, "lookups", &lookups.collect::<String>());
        images.extend(
            (0..n).map(|i| {
                format!("k{i}: {{region: ap-tokyo, source: {{shared: {{id: \"${{lookup.l{i}}}\"}}}}")
            }),
        );
    }),
    ("imports", |n, _, images| {
        images.extend((0..n).map(|i| {
            format!(
                "i{i}: {{region: ap-tokyo, source: {{import: {{url: \"https://b.cos.ap-tokyo.myqcloud.com/{i}.qcow2\", \
                 os: Ubnutu, version: \"22\", architecture: x86_64}}}}"
            )
        }));
    }),
    ("names", |n, top, _| {
        let names = (0..n).map(|i| format!("  p{i}: \"{}\"\n", 400_000_000_000u64 + i as u64));
        add(top, "accounts", &names.collect::<String>());
    }),
    ("borrowed", |n, _, images| {
        images.extend((0..n).map(|i| {
            format!(
                "b{i}: {{region: ap-tokyo, source: {{shared: {{id: img-{i:08x}, from: \"{}\"}}}}",
                500_000_000_000u64 + i as u64
            )
        }));
    }),
    ("long alias", |n, _, images| {
        images.push(format!("t0: {{region: ap-tokyo, description: &long {}", "y".repeat(10 * n)));
        images.extend((1..n).map(|i| format!("t{i}: {{description: *long")));
    }),
    ("long key", |n, top, _| {
        let copies = vec!["X"; n].join(", ");
        let _ = write!(
            top.entry("images").or_default(),
            "  ? {}\n  : {{copies: [{copies}]}}\n",
            "z".repeat(20 * n)
        );
    }),
    ("renames", |n, top, _| {
        let renames = (0..n).map(|i| format!("- {{from: image.a{i}, to: image.a{}}}\n", i + 1));
        add(top, "renames", &renames.collect::<String>());
    }),
    ("rules", |n, top, _| {
        add(top, "rules", &(0..n).map(|i| format!("  share_gpa{i}: deny\n")).collect::<String>());
    }),
    ("placeholders", |n, _, images| {
        images.push(format!(
            "ph: {{region: ap-tokyo, source: {{instance: {{id: ins-0000000f}}}}, name: \"{}\"",
            "{x}{generation}".repeat(n)
        ));
    }),
];

fn add(top: &mut Sections, key: &'static str, lines: &str) {
    top.entry(key).or_default().push_str(lines);
}

/// A manifest as fragments with their numbers, in order.
#[derive(Debug, Clone)]
pub(super) struct Manifest(Vec<(&'static str, usize)>);

impl Manifest {
    /// These fragments.
    pub(super) fn of(parts: &[(&'static str, usize)]) -> Self {
        Self(parts.to_vec())
    }

    /// With every number doubled.
    pub(super) fn doubled(&self) -> Self {
        Self(self.0.iter().map(|(name, number)| (*name, number * 2)).collect())
    }

    /// Another one that is like it.
    pub(super) fn mutated(&self, random: &mut Random) -> Self {
        let mut parts = self.0.clone();
        let at = random.below(parts.len());
        let name = FRAGMENTS[random.below(FRAGMENTS.len())].0;
        match random.below(6) {
            0 => parts.insert(at, (name, 1 + random.below(60))),
            1 => parts.push((name, 1 + random.below(60))),
            2 if parts.len() > 1 => drop(parts.remove(at)),
            3 => parts[at].1 = 1 + parts[at].1 / 2,
            _ => parts[at].1 = (parts[at].1 * 2).min(5_000),
        }
        // A fragment twice is a larger one, and keys would clash.
        let mut seen = std::collections::BTreeSet::new();
        parts.retain(|(name, _)| seen.insert(*name));
        parts.truncate(6);
        Self(parts)
    }

    /// Its text.
    pub(super) fn text(&self) -> String {
        let (mut top, mut images) = (Sections::new(), Vec::new());
        for (name, number) in &self.0 {
            let fragment = FRAGMENTS.iter().find(|(known, _)| known == name);
            fragment.unwrap_or_else(|| panic!("no fragment `{name}`")).1(*number, &mut top, &mut images);
        }
        let mut text = "version: 1\naccount: \"100000000001\"\n".to_owned();
        for image in images {
            let _ = writeln!(top.entry("images").or_default(), "  {image}}}");
        }
        for (key, lines) in top {
            if !key.is_empty() {
                let _ = writeln!(text, "{key}:");
            }
            text.push_str(&lines);
        }
        text
    }
}
