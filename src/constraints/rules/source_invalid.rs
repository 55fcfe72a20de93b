//! GF301: source is not valid.

use compact_str::CompactString;

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::diagnostics::ManifestPath;
use crate::diagnostics::similar::closest;
use crate::manifest::{DesiredImage, FaultKind};
use crate::model::{Address, ImageKey, Level, Region, SourceKind};

/// GF301.
pub(super) static RULE: Rule = Rule {
    code: Code {
    id: "GF301",
    name: "source_invalid",
    title: "Source is not valid",
    level: Level::Deny,
    docs: "\
### What it checks
Each entry names exactly one kind of source, and its ids, URL and other arguments have the format that the service
accepts. A planned import names an operating system of the built-in list or, after a refresh, a system and version that
the service imports in its region. The object has a supported format (RAW, VHD, QCOW2, VMDK, and ISO with `force`), and
outside the Chinese mainland it is in the image's own region. The licence and boot mode exist. The original of an
encrypted copy is in the same region.

### Why
The service refuses other sources with the error codes below.

### Example
    source:
      instance: { id: i-12345678 }     # an instance id begins with ins-

### What to do
Name one kind of source, and copy its id from the console.
",
    },
    sources: &[
        RuleSource::Document("213/16726 CreateImage", "exactly one of InstanceId and SnapshotIds"),
        RuleSource::ErrorCode("InvalidParameter.SpecifyOneParameter"),
        RuleSource::ErrorCode("InvalidParameter.SnapshotNotFound"),
        RuleSource::ErrorCode("InvalidInstanceId.NotFound"),
        RuleSource::Document("213/15717 ImportImage", "its parameters"),
        RuleSource::Document("213/15718 DescribeImportImageOs", "systems and versions that can be imported in a region"),
        RuleSource::Document("213/4945", "importing images: systems and formats"),
        RuleSource::ErrorCode("InvalidImageOsType.Unsupported"),
        RuleSource::ErrorCode("InvalidImageOsVersion.Unsupported"),
        RuleSource::ErrorCode("InvalidParameter.InvalidParameterUrlError"),
        RuleSource::ErrorCode("InvalidParameterValue.ISOMustImportByForce"),
        RuleSource::ErrorCode("InvalidParameterValue.InvalidLicenseType"),
        RuleSource::ErrorCode("InvalidParameterValue.InvalidBootMode"),
    ],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    for (key, image) in &case.desired.images {
        let entry = ManifestPath::root().field("images").field(key.as_str()).field("source");
        match image.source.as_ref().map(|source| &source.kind) {
            Some(SourceKind::Encrypted { image: original, .. }) => {
                judge_encrypted(case, key, image, original, &entry, findings);
            }
            Some(kind @ SourceKind::Import { .. }) => judge_import(case, key, image, kind, &entry, findings),
            _ => {}
        }
    }
    for fault in &case.desired.faults {
        let subject = fault.image.as_ref().map(|key| format!("image.{key}")).unwrap_or_default();
        let (detail, label, help) = match &fault.kind {
            FaultKind::NoSource => (
                format!("{subject} has no source."),
                "has no source",
                "Add one:\n\n    source:\n      instance: { id: ins-8f3a1c2d }".to_owned(),
            ),
            FaultKind::SeveralSources { kinds } => (
                format!("{subject} names {} kinds of source: {}.", kinds.len(), kinds.join(", ")),
                "more than one kind",
                "Keep one of them.".to_owned(),
            ),
            FaultKind::MalformedSource { text, expected } => (
                format!("`{}` in the source of {subject} is not {expected}.", text.escape_debug()),
                "malformed",
                "Copy the id from the console or the official command line.".to_owned(),
            ),
            _ => continue,
        };
        let finding = Finding::about(subject, detail).at(fault.path.clone(), label).help(help);
        findings.push(finding.hard(fault.is_hard()).folded(fault, label));
    }
}

/// Operating systems that can be imported (213/4945). DescribeImportImageOs reports the versions.
const SYSTEMS: &[&str] = &[
    "AlmaLinux",
    "CentOS",
    "CentOS Stream",
    "CoreOS",
    "Debian",
    "Fedora",
    "FreeBSD",
    "Kylin",
    "OpenSUSE",
    "Other Linux",
    "Redhat",
    "Rocky Linux",
    "SUSE",
    "TencentOS",
    "Ubuntu",
    "UnionTech",
    "Windows Server 2008",
    "Windows Server 2012",
    "Windows Server 2016",
    "Windows Server 2019",
    "Windows Server 2022",
];

/// File extensions of formats that can be imported (213/4945). An object without an extension is not checked.
const FORMATS: &[&str] = &["raw", "img", "vhd", "qcow2", "vmdk", "iso"];

fn judge_import(
    case: &Case<'_>,
    key: &ImageKey,
    image: &DesiredImage,
    kind: &SourceKind,
    entry: &ManifestPath,
    findings: &mut Findings,
) {
    let SourceKind::Import { url, os, version, license, boot, force, .. } = kind else { return };
    // An import that is done remains valid if the service stops importing its system.
    let is_made = case.builds(key);
    let supported = case.prior.import_systems.get(&image.region);
    let entry = entry.field("import");
    let mut found = |field: &str, detail: String, help: Option<String>| {
        let finding = Finding::about(Address::Image(key.clone()), detail).at(entry.field(field), "refused");
        findings.push(match help {
            Some(help) => finding.help(help),
            None => finding,
        });
    };
    // The built-in list applies until a refresh has read the systems of the region.
    let systems: Vec<&str> =
        supported.map_or_else(|| SYSTEMS.to_vec(), |supported| supported.names().collect());
    if is_made && !systems.contains(&os.as_str()) {
        let help = closest(os, systems.iter().copied()).map(|similar| format!("Did you mean `{similar}`?"));
        let place = supported.map(|_| format!(" in {}", image.region)).unwrap_or_default();
        let detail =
            format!("`{}` is not an operating system that can be imported{place}.", os.escape_debug());
        found("os", detail, help.or_else(|| Some(format!("Use one of: {}.", systems.join(", ")))));
    }
    if let Some(versions) = supported.and_then(|supported| supported.versions(os))
        && is_made
        && !versions.contains(version)
    {
        let detail = format!(
            "Version `{}` of {} cannot be imported in {}.",
            version.escape_debug(),
            os.escape_debug(),
            image.region
        );
        let known: Vec<&str> = versions.iter().map(CompactString::as_str).collect();
        found("version", detail, Some(format!("Use one of: {}.", known.join(", "))));
    }
    let (host, object) = url.split_once("://").and_then(|(_, rest)| rest.split_once('/')).unwrap_or_default();
    let ending = object.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending);
    match ending.map(str::to_ascii_lowercase).as_deref() {
        Some("iso") if !force => found(
            "url",
            "An ISO can be imported with `force` only.".to_owned(),
            Some("Set it:\n\n    force: true".to_owned()),
        ),
        Some(ending) if !FORMATS.contains(&ending) => found(
            "url",
            format!(
                "Objects that end in `.{}` cannot be imported. Expected one of {}.",
                ending.escape_debug(),
                FORMATS.join(", ")
            ),
            None,
        ),
        _ => {}
    }
    match host.split_once(".cos.").and_then(|(_, rest)| rest.strip_suffix(".myqcloud.com")) {
        None => found(
            "url",
            "The service imports objects of its own object storage only.".to_owned(),
            Some(
                "Write it like this:\n\n    url: https://BUCKET.cos.REGION.myqcloud.com/FILE.qcow2"
                    .to_owned(),
            ),
        ),
        Some(region) if region.parse::<Region>().is_ok_and(|region| region != image.region) => {
            // Within the mainland, an object may be in another region.
            let is_mainland = |region: &str| region.starts_with("ap-") && MAINLAND.contains(&region);
            if !(is_mainland(region) && is_mainland(image.region.as_str())) {
                let detail = format!(
                    "The object is in {region}. Outside the Chinese mainland it must be in the image's own region, {}.",
                    image.region
                );
                found("url", detail, None);
            }
        }
        Some(_) => {}
    }
    if let Some(license) =
        license.as_ref().filter(|license| !["TencentCloud", "BYOL"].contains(&license.as_str()))
    {
        let detail =
            format!("`{}` is not a licence type. Expected `TencentCloud` or `BYOL`.", license.escape_debug());
        found("license", detail, None);
    }
    if let Some(boot) = boot.as_ref().filter(|boot| !["Legacy BIOS", "UEFI"].contains(&boot.as_str())) {
        let detail =
            format!("`{}` is not a boot mode. Expected `Legacy BIOS` or `UEFI`.", boot.escape_debug());
        found("boot", detail, None);
    }
}

/// Regions between which objects may be imported. Finance regions import from their own region only (213/4945).
const MAINLAND: &[&str] =
    &["ap-beijing", "ap-chengdu", "ap-chongqing", "ap-guangzhou", "ap-nanjing", "ap-shanghai"];

fn judge_encrypted(
    case: &Case<'_>,
    key: &ImageKey,
    image: &DesiredImage,
    original: &ImageKey,
    entry: &ManifestPath,
    findings: &mut Findings,
) {
    let path = entry.field("encrypted").field("image");
    if original == key {
        findings.push(
            Finding::about(Address::Image(key.clone()), format!("image.{key} cannot be a copy of itself."))
                .at(path, "itself"),
        );
        return;
    }
    // The reader of the manifest reports an entry that is not declared.
    let Some(other) = case.desired.images.get(original) else { return };
    if !other.placements().contains(&image.region) {
        findings.push(
            Finding::about(
                Address::Image(key.clone()),
                format!(
                    "image.{original} is not in {}, where its encrypted copy image.{key} is built.",
                    image.region
                ),
            )
            .at(path, "not in the same region")
            .at(ManifestPath::image(original), "this image")
            .help(format!("Copy it there first:\n\n    copies: [{}]", image.region)),
        );
    }
}
