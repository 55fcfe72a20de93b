//! The ids for other tools.

use super::*;
use serde_json::Value;

use crate::model::ImageState;
use crate::testing::worlds::{applied, generation, key, placement, region};
use crate::testing::{EXAMPLE, desired};

fn some() -> Outputs {
    let id = |text: &str| text.parse::<ImageId>().unwrap();
    let serving = |number, text| Serving {
        generation: generation(number),
        id: id(text),
        name: format!("web-base-{number}").into(),
        revision: Some("2026-W48".into()),
        created: crate::testing::worlds::noon(),
        is_current: true,
    };
    let regions = [
        (region("ap-jakarta"), serving(3, "img-00000001")),
        (region("ap-tokyo"), serving(3, "img-00000002")),
    ];
    Outputs {
        images: [(key("web-base"), regions.into())].into(),
        lookups: [(key("ubuntu-22.04"), (region("ap-jakarta"), id("img-00000003")))].into(),
        missing: Vec::new(),
    }
}

#[test]
fn shells_read_the_variables_as_they_are() {
    let text = some().env().unwrap();
    assert_eq!(
        text,
        "GOLDFORM_IMAGE_WEB_BASE_AP_JAKARTA=img-00000001\nGOLDFORM_IMAGE_WEB_BASE_AP_TOKYO=img-00000002\n\
         GOLDFORM_LOOKUP_UBUNTU_22_04=img-00000003\n"
    );
    for line in text.lines() {
        let (name, value) = line.split_once('=').unwrap();
        assert!(name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'), "{name}");
        assert!(value.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{value}");
    }
}

#[test]
fn two_ids_of_one_variable_are_an_error() {
    let mut ids = some();
    let twin = ids.images[&key("web-base")].clone();
    ids.images.insert(key("web_base"), twin);
    assert_eq!(
        ids.env().unwrap_err().to_string(),
        "image.web-base@ap-jakarta and image.web_base@ap-jakarta would both be `GOLDFORM_IMAGE_WEB_BASE_AP_JAKARTA`"
    );
    assert!(ids.tfvars().contains("web_base"), "quoted keys differ");
}

#[test]
fn terraform_reads_maps() {
    insta::assert_snapshot!(some().tfvars());
}

/// The example after a second build of `web`, of which every image still has this state.
fn rebuilt(state: ImageState) -> crate::state::Snapshot {
    let again = EXAMPLE.replace("ins-8f3a1c2d", "ins-8f3a1c2e");
    let kept = |text: &str| text.replace("keep: 0", "keep: 1");
    let mut snapshot = applied(&[&kept(EXAMPLE), &kept(&again)]);
    let image = snapshot.recorded.images.get_mut(&key("web")).unwrap();
    image.serving.clear();
    for placement in image.generations.get_mut(&generation(1)).unwrap().placements.values_mut() {
        placement.deprecated = false;
    }
    for placement in image.generations.get_mut(&generation(2)).unwrap().placements.values_mut() {
        placement.state = state;
    }
    snapshot
}

#[test]
fn an_image_that_is_not_ready_is_never_printed() {
    for state in [ImageState::Creating, ImageState::Syncing, ImageState::CreateFailed] {
        let outputs = Outputs::of(&desired(EXAMPLE), &rebuilt(state).recorded, None);
        let web = &outputs.images[&key("web")];
        assert!(web.values().all(|serving| serving.generation == generation(1)), "{state:?}: {web:?}");
        assert_eq!(outputs.missing, Vec::new());
    }
}

#[test]
fn regions_that_serve_different_generations_are_listed_with_them() {
    let mut snapshot = rebuilt(ImageState::Normal);
    placement(&mut snapshot, "image.web@ap-tokyo#2").state = ImageState::Syncing;
    let json = Value::Object(Outputs::of(&desired(EXAMPLE), &snapshot.recorded, None).json().unwrap());
    let listed: Vec<(&str, &str, u64, bool)> = json["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(|image| {
            let text = |key: &str| image[key].as_str().unwrap();
            let generation = image["generation"].as_u64().unwrap();
            (text("image"), text("region"), generation, image["current"].as_bool().unwrap())
        })
        .collect();
    assert_eq!(
        listed,
        [
            ("db", "ap-jakarta", 1, true),
            ("web", "ap-jakarta", 2, true),
            ("web", "ap-singapore", 2, true),
            ("web", "ap-tokyo", 1, false),
        ]
    );
}

#[test]
fn programs_read_everything_about_an_image() {
    let missing = Missing {
        image: key("db"),
        region: region("ap-tokyo"),
        account: Some("200000000001".parse().unwrap()),
        reason: MissingReason::NotMade,
    };
    insta::assert_snapshot!(Outputs { missing: vec![missing], ..some() }.yaml().unwrap());
}

#[test]
fn an_account_gets_the_image_that_it_sees() {
    let mut snapshot = rebuilt(ImageState::Normal);
    let wanted = desired(EXAMPLE);
    let partner = wanted.accounts["partner"];
    let ids = |snapshot: &crate::state::Snapshot, account| {
        let outputs = Outputs::of(&wanted, &snapshot.recorded, Some(account));
        let web = outputs.images.get(&key("web")).and_then(|web| web.get(&region("ap-tokyo")));
        let missing: Vec<String> = outputs.missing.iter().map(Missing::to_string).collect();
        (web.map(|serving| serving.generation.0), missing)
    };
    assert_eq!(ids(&snapshot, partner), (Some(2), Vec::new()));
    let newest = placement(&mut snapshot, "image.web@ap-tokyo#2");
    newest.shares = newest.shares.without(&[partner].into_iter().collect());
    let id = newest.id.clone();
    assert_eq!(ids(&snapshot, partner), (Some(1), Vec::new()), "the earlier one is shared with it still");
    let earlier = placement(&mut snapshot, "image.web@ap-tokyo#1");
    earlier.shares = crate::model::Accounts::EMPTY;
    let lacks =
        format!("{partner} has no image of image.web@ap-tokyo to use: {id} is not shared with it yet");
    assert_eq!(ids(&snapshot, partner), (None, vec![lacks]));
    assert_eq!(
        ids(&snapshot, "200000000099".parse().unwrap()),
        (None, Vec::new()),
        "a stranger lacks nothing"
    );
    assert_eq!(ids(&snapshot, wanted.account).0, Some(2), "the owner sees all");
}

#[test]
fn a_region_in_which_nothing_serves_is_missing_with_the_reason() {
    let wanted = desired(EXAMPLE);
    let mut snapshot = applied(&[EXAMPLE]);
    let mut reason = |change: fn(&mut crate::state::Placement)| {
        let mut changed = snapshot.clone();
        change(placement(&mut changed, "image.web@ap-tokyo#1"));
        let outputs = Outputs::of(&wanted, &changed.recorded, None);
        assert!(!outputs.images[&key("web")].contains_key(&region("ap-tokyo")));
        let missing: Vec<String> = outputs.missing.iter().map(Missing::to_string).collect();
        let id = placement(&mut snapshot, "image.web@ap-tokyo#1").id.to_string();
        missing.join("\n").replace(&id, "ID")
    };
    let prefix = "image.web@ap-tokyo has no image to use";
    assert_eq!(
        reason(|is| is.state = ImageState::Syncing),
        format!("{prefix}: ID is not ready yet: SYNCING")
    );
    assert_eq!(
        reason(|is| is.state = ImageState::CreateFailed),
        format!("{prefix}: ID failed: CREATEFAILED")
    );
    let mut gone = applied(&[EXAMPLE]);
    gone.recorded.remove(&crate::testing::worlds::at("image.web@ap-tokyo#1"));
    let outputs = Outputs::of(&wanted, &gone.recorded, None);
    assert_eq!(outputs.missing[0].to_string(), format!("{prefix}: its image is not made yet"));
    let none = Outputs::of(&wanted, &Recorded::default(), None);
    let regions: usize = wanted.images.values().map(|image| image.placements().len()).sum();
    assert_eq!((none.images.len(), none.missing.len()), (0, regions));
}
