//! Operating systems that can be imported: 213/15718 DescribeImportImageOs.

use serde_json::{Value, json};

use super::Action;
use crate::cloud::Service;
use crate::cloud::sim::context::RequestContext;
use crate::cloud::sim::protocol::Reply;
use crate::cloud::sim::refusal::ActionError;
use crate::cloud::sim::schema::Args;
use crate::cloud::sim::settings::{ImportSystems, Settings};

pub(super) const ACTIONS: &[Action] = &[Action {
    service: Service::Cvm,
    name: "DescribeImportImageOs",
    regional: true,
    rate: 288,
    fields: &[],
    codes: &[],
    run: describe_import_image_os,
}];

/// Operating system that can be imported.
pub(super) struct System {
    /// Name of the action.
    pub(super) name: &'static str,
    /// Versions that can be imported.
    pub(super) versions: &'static [&'static str],
    /// Architectures that can be imported.
    pub(super) architectures: &'static [&'static str],
    /// Whether the system is Windows.
    pub(super) windows: bool,
}

const INTEL: &[&str] = &["x86_64", "i386"];
const ALL: &[&str] = &["x86_64", "i386", "arm_64"];

const fn linux(
    name: &'static str,
    versions: &'static [&'static str],
    architectures: &'static [&'static str],
) -> System {
    System { name, versions, architectures, windows: false }
}

/// Returns the documents print one odd version for every Windows.
const fn windows(name: &'static str) -> System {
    System { name, versions: &["9"], architectures: INTEL, windows: true }
}

/// Systems of 213/4945, with the versions that their vendors have supported since the example.
const TODAY: &[System] = &[
    linux("CentOS", &["5", "6", "7", "8"], ALL),
    linux("CentOS Stream", &["8", "9"], ALL),
    linux("Ubuntu", &["10", "12", "14", "16", "18", "20", "22", "24"], ALL),
    linux("Debian", &["6", "7", "8", "9", "10", "11", "12"], ALL),
    linux("OpenSUSE", &["11", "12", "13", "15"], ALL),
    linux("SUSE", &["10", "11", "12", "13", "15"], ALL),
    linux("CoreOS", &["7"], INTEL),
    linux("FreeBSD", &["10", "11", "12", "13", "14"], INTEL),
    linux("AlmaLinux", &["8", "9"], ALL),
    linux("Rocky Linux", &["8", "9"], ALL),
    linux("Fedora", &["37", "38", "39", "40"], ALL),
    linux("Redhat", &["5", "6", "7", "8", "9"], ALL),
    linux("Kylin", &["10"], ALL),
    linux("UnionTech", &["20"], ALL),
    linux("TencentOS", &["2", "3", "4"], ALL),
    linux("Other Linux", &["8"], ALL),
    windows("Windows Server 2008"),
    windows("Windows Server 2012"),
    windows("Windows Server 2016"),
    windows("Windows Server 2019"),
    windows("Windows Server 2022"),
];

/// Systems of the example in the documents of DescribeImportImageOs.
const EXAMPLE: &[System] = &[
    linux("CentOS", &["5", "6", "7"], INTEL),
    linux("Ubuntu", &["10", "12", "14", "16"], INTEL),
    linux("Debian", &["6", "7", "8", "9"], INTEL),
    linux("OpenSUSE", &["11", "12"], INTEL),
    linux("SUSE", &["10", "11", "12", "13"], INTEL),
    linux("CoreOS", &["7"], INTEL),
    linux("FreeBSD", &["10"], INTEL),
    linux("Redhat", &["5", "6", "7"], INTEL),
    linux("Other Linux", &["8"], INTEL),
    windows("Windows Server 2008"),
    windows("Windows Server 2012"),
    windows("Windows Server 2016"),
];

/// Returns the systems that the world imports.
pub(super) fn systems(settings: &Settings) -> &'static [System] {
    match settings.import_systems {
        ImportSystems::Today => TODAY,
        ImportSystems::Example => EXAMPLE,
    }
}

fn describe_import_image_os(context: &RequestContext<'_>, _: Args<'_>) -> Result<Reply, ActionError> {
    let systems = systems(context.settings);
    let names = |windows: bool| -> Vec<&str> {
        systems.iter().filter(|system| system.windows == windows).map(|system| system.name).collect()
    };
    let versions: Vec<Value> = systems
        .iter()
        .map(|system| {
            json!({
                "OsName": system.name,
                "OsVersions": system.versions,
                "Architecture": system.architectures,
            })
        })
        .collect();
    Ok(Reply::from_iter([
        ("ImportImageOsListSupported".to_owned(), json!({"Windows": names(true), "Linux": names(false)})),
        ("ImportImageOsVersionSet".to_owned(), Value::Array(versions)),
    ]))
}
