//! The sandbox's world, past the program: somebody else's hands.

use std::fmt::Write as _;
use std::sync::Arc;

use goldform::cloud::client::Client;
use goldform::cloud::sim::{Fault, Settings, Sim, SimTransport};
use goldform::cloud::{CloudRead as _, CloudWrite as _, NewImage, SystemClock};
use goldform::model::{Accounts, Attributes, ImageId, Region, Source, SourceKind, Tags};

use super::TestEnv;

/// The account that the tests' manifests name.
pub const ACCOUNT: &str = "100000000001";

/// The world beside `goldform.yaml`.
pub fn open(env: &TestEnv) -> Arc<Sim> {
    Arc::new(Sim::open(&env.path("goldform.world.db"), Settings::default()).unwrap())
}

/// The id of an image by its name and region.
pub fn id(sim: &Sim, name: &str, region: &str) -> ImageId {
    let images = sim.images().unwrap();
    let found = images.iter().find(|image| image.name == name && image.region == region);
    found.unwrap_or_else(|| panic!("no image {name} in {region}")).id.parse().unwrap()
}

/// Does what a line says, as the owner would in the console:
///
/// ```text
/// delete NAME REGION          describe NAME REGION TEXT      rename NAME REGION NEW
/// unshare NAME REGION ID      share NAME REGION ID           tag NAME REGION KEY=VALUE
/// create NAME REGION          deprecate NAME REGION          list
/// fault {"action": …, "effect": …}
/// ```
pub fn run(env: &TestEnv, line: &str) -> String {
    let sim = open(env);
    let words: Vec<&str> = line.splitn(4, ' ').collect();
    let transport = SimTransport {
        sim: Arc::clone(&sim),
        caller: ACCOUNT.parse().unwrap(),
        clock: Arc::new(SystemClock),
    };
    let client = Client::new(Arc::new(transport));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let accounts = |text: &str| -> Accounts { [text.parse().unwrap()].into_iter().collect() };
    let change = |name: &str, region: &str, set: Attributes| {
        let (region, image) = (region.parse::<Region>().unwrap(), id(&sim, name, region));
        runtime.block_on(client.modify_image(&region, &image, &set)).unwrap();
    };
    match *words.as_slice() {
        ["list"] => return list(&sim),
        ["fault", ..] => {
            let (_, fault) = line.split_once(' ').unwrap();
            sim.add_fault(&serde_json::from_str::<Fault>(fault).unwrap()).unwrap();
        }
        ["create", name, region] => {
            let source = Source {
                kind: SourceKind::Instance {
                    id: "ins-99999999".parse().unwrap(),
                    power_off: false,
                    sysprep: false,
                    data_disks: Vec::new(),
                },
                revision: None,
            };
            let attributes = Attributes { name: Some(name.into()), ..Attributes::default() };
            let image = NewImage::new(attributes, Tags::default(), source);
            runtime.block_on(client.create_image(&region.parse().unwrap(), &image)).unwrap();
        }
        ["delete", name, region] => {
            let image = id(&sim, name, region);
            let region: Region = region.parse().unwrap();
            let shared = runtime.block_on(client.shares(&region, &image)).unwrap();
            if !shared.is_empty() {
                runtime.block_on(client.unshare_image(&region, &image, &shared)).unwrap();
            }
            runtime.block_on(client.delete_image(&region, &image, true)).unwrap();
        }
        ["describe", name, region, text] => {
            change(name, region, Attributes { description: Some(text.into()), ..Attributes::default() });
        }
        ["rename", name, region, new] => {
            change(name, region, Attributes { name: Some(new.into()), ..Attributes::default() });
        }
        ["deprecate", name, region] => {
            change(name, region, Attributes { deprecated: Some(true), ..Attributes::default() });
        }
        ["share", name, region, account] => {
            let image = id(&sim, name, region);
            runtime
                .block_on(client.share_image(&region.parse().unwrap(), &image, &accounts(account)))
                .unwrap();
        }
        ["unshare", name, region, account] => {
            let image = id(&sim, name, region);
            runtime
                .block_on(client.unshare_image(&region.parse().unwrap(), &image, &accounts(account)))
                .unwrap();
        }
        _ => panic!("unknown: cloud {line}"),
    }
    String::new()
}

/// As [`list`], of a world in a file.
pub fn list_file(path: &std::path::Path) -> String {
    list(&Sim::open(path, Settings::default()).unwrap())
}

/// Every custom image by region and name, with the accounts it is shared with.
pub fn list(sim: &Sim) -> String {
    let mut images = sim.images().unwrap();
    images.sort_by(|a, b| (&a.region, &a.name).cmp(&(&b.region, &b.name)));
    let mut text = String::new();
    for image in images {
        let shares = sim.shares(&image.id).unwrap();
        let accounts: Vec<String> = shares.iter().map(|share| share.account.to_string()).collect();
        let _ = writeln!(
            text,
            "{} {} {:?} [{}]",
            image.region,
            image.name,
            image.description,
            accounts.join(" ")
        );
    }
    text
}
