//! What happens beside goldform while it runs: others make, share and delete images, and listings leave images out.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use goldform::cloud::sim::{Image, ImageStatus, Share, Sim, Snapshot};
use goldform::cloud::{Request, Transport, TransportError};
use goldform::model::Clock;
use serde_json::Value;

use super::fleet::{EntryKey, Fleet, OWNER, REGIONS, STRANGERS};
use super::judge::Judge;

/// Something that others do. What it is about is drawn when it happens, by the number in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// An image of theirs appears under a name that an entry wants.
    Squat { draw: usize, ahead: usize },
    /// They share an image of goldform's with an account of theirs.
    Share { draw: usize },
    /// They delete an image of goldform's.
    Delete { draw: usize },
}

/// What listings leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// Each listing leaves images out by chance; an image that is asked for by its id is found.
    Partial { draw: u64 },
    /// Listings are empty; an image that is asked for by its id is found.
    Empty,
    /// Nothing is found in any region, in listings or by id.
    Nothing,
    /// The same in one region.
    NothingIn { region: usize },
}

/// The time in microseconds since 1970.
pub fn micros(clock: &dyn Clock) -> i64 {
    clock.now().as_microsecond()
}

/// Puts a ready image of others into the owner's account. Returns its id, unless the name is taken.
pub fn make_image(sim: &Sim, region: &str, name: &str, now: i64) -> Option<String> {
    let id = sim.new_id("img-").unwrap();
    let image = Image {
        id: id.clone(),
        region: region.to_owned(),
        owner: OWNER.to_owned(),
        name: name.to_owned(),
        description: String::new(),
        family: String::new(),
        deprecated: false,
        size_gib: 50,
        os: "Ubuntu Server 22.04 LTS 64bit".to_owned(),
        platform: "Ubuntu".to_owned(),
        architecture: "x86_64".to_owned(),
        license: "TencentCloud".to_owned(),
        source: "CREATE_IMAGE".to_owned(),
        cloudinit: true,
        encrypted: false,
        created_at: now,
        visible_at: now,
        state: ImageStatus::Normal,
        ready_at: None,
        becomes: ImageStatus::Normal,
        made_from: String::new(),
    };
    let disk = Snapshot {
        id: sim.new_id("snap-").unwrap(),
        region: region.to_owned(),
        owner: OWNER.to_owned(),
        system: true,
        size_gib: 50,
        disk: String::new(),
        encrypted: false,
        state: "NORMAL".to_owned(),
        ready_at: None,
        created_at: now,
    };
    sim.put_image(&image, &[disk]).ok().map(|()| id)
}

impl Happening {
    /// Lets it happen. Returns what happened, for people, unless there is nothing that it could happen to.
    pub fn happen(&self, sim: &Sim, fleet: &Fleet, judge: &Mutex<Judge>, now: i64) -> Option<String> {
        let said = self.act(sim, fleet, judge, now);
        let view = sim.view().unwrap();
        let mut judge = judge.lock().unwrap();
        if let Some(said) = &said {
            judge.count(match self {
                Self::Squat { .. } => "images of others under a wanted name",
                Self::Share { .. } => "shares of others",
                Self::Delete { .. } => "deletions by others",
            });
            judge.note(now, format!("others: {said}"));
        }
        judge.others_acted(view, now);
        said
    }

    fn act(&self, sim: &Sim, fleet: &Fleet, judge: &Mutex<Judge>, now: i64) -> Option<String> {
        match self {
            Self::Squat { draw, ahead } => {
                let places: Vec<(u8, String)> = fleet.wants().into_keys().collect();
                let (number, region) = places.get(draw % places.len().max(1))?;
                let template = fleet.name(*number);
                let last = judge.lock().unwrap().last_generation((fleet.team, *number), &template);
                let name = template.replace("{generation}", &(last + ahead).to_string());
                let id = make_image(sim, region, &name, now)?;
                Some(format!("{id} named {name} in {region}"))
            }
            Self::Share { draw } => {
                let (id, _) = any_image(judge, fleet.team, *draw, now)?;
                let account = STRANGERS[draw % STRANGERS.len()];
                sim.put_share(&id, &Share { account: account.to_owned(), created_at: now }).ok()?;
                Some(format!("{id} shared with {account}"))
            }
            Self::Delete { draw } => {
                let (id, place) = any_image(judge, fleet.team, *draw, now)?;
                judge.lock().unwrap().others_delete(place, now);
                sim.remove_image(&id).ok()?;
                Some(format!("{id} deleted"))
            }
        }
    }
}

/// A ready image of an entry of a team.
fn any_image(
    judge: &Mutex<Judge>,
    team: usize,
    draw: usize,
    now: i64,
) -> Option<(String, (EntryKey, String))> {
    let judge = judge.lock().unwrap();
    let ours: Vec<_> =
        judge.normal_images(now).filter(|(entry, seen)| entry.0 == team && !seen.image.encrypted).collect();
    let (entry, seen) = ours.get(draw % ours.len().max(1))?;
    Some((seen.image.id.clone(), (*entry, seen.image.region.clone())))
}

/// The way from one run of a team to the cloud.
pub struct Way {
    pub inner: Arc<dyn Transport>,
    pub sim: Arc<Sim>,
    pub clock: Arc<dyn Clock>,
    pub fleet: Fleet,
    pub judge: Arc<Mutex<Judge>>,
    /// What happens before which call of the run, from 0.
    pub happenings: Vec<(usize, Happening)>,
    /// What listings leave out during how many calls of the run.
    pub lie: Option<(Lie, usize)>,
    pub calls: AtomicUsize,
}

#[async_trait]
impl Transport for Way {
    async fn send(&self, request: Request) -> Result<Vec<u8>, TransportError> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        for (before, happening) in &self.happenings {
            if *before == call {
                happening.happen(&self.sim, &self.fleet, &self.judge, micros(self.clock.as_ref()));
            }
        }
        let lie = self.lie.filter(|(_, calls)| call < *calls && request.action == "DescribeImages");
        let by_id = String::from_utf8_lossy(&request.body).contains("\"ImageIds\"");
        let region = request.region.as_ref().map(ToString::to_string).unwrap_or_default();
        // The cloud in memory executes the call before it first waits: the next poll is this run's.
        self.judge.lock().unwrap().calling = Some(self.fleet.team);
        let answer = self.inner.send(request).await;
        match (lie, answer) {
            (Some((lie, _)), Ok(answer)) => Ok(lie.applied_to(answer, by_id, &region, call)),
            (_, answer) => answer,
        }
    }
}

impl Lie {
    pub fn kind(self) -> &'static str {
        match self {
            Self::Partial { .. } => "that are partial",
            Self::Empty => "that are empty",
            Self::Nothing => "that find nothing",
            Self::NothingIn { .. } => "that find nothing in a region",
        }
    }

    /// The answer to a DescribeImages with what the lie leaves out left out.
    fn applied_to(self, answer: Vec<u8>, by_id: bool, region: &str, call: usize) -> Vec<u8> {
        let keeps: Box<dyn Fn(usize) -> bool> = match self {
            Self::Partial { draw } if !by_id => {
                let draw = draw.rotate_left(u32::try_from(call % 64).unwrap());
                Box::new(move |at| (draw >> (at % 64)) & 1 == 1)
            }
            Self::Empty if !by_id => Box::new(|_| false),
            Self::Nothing => Box::new(|_| false),
            Self::NothingIn { region: only } if REGIONS[only] == region => Box::new(|_| false),
            _ => return answer,
        };
        let Ok(mut envelope) = serde_json::from_slice::<Value>(&answer) else { return answer };
        let Some(response) = envelope.get_mut("Response") else { return answer };
        let Some(images) = response.get_mut("ImageSet").and_then(Value::as_array_mut) else { return answer };
        let before = images.len();
        // One image that is hidden from every question cannot be distinguished from one that somebody deleted.
        if before == 1 && matches!(self, Self::NothingIn { .. }) {
            return answer;
        }
        let mut at = 0;
        images.retain(|_| {
            at += 1;
            keeps(at - 1)
        });
        let gone = before - images.len();
        if let Some(total) = response.get("TotalCount").and_then(Value::as_u64) {
            response["TotalCount"] = Value::from(total.saturating_sub(u64::try_from(gone).unwrap()));
        }
        serde_json::to_vec(&envelope).unwrap()
    }
}
