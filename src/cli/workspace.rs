//! A manifest that was read, its rules' levels, its state and its cloud: what most commands start from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use tokio::sync::OnceCell;
use uuid::Uuid;

use super::args::{ManifestArgs, RuleArgs};
use super::inputs::{read_manifests, variables};
use super::printer::Printer;
use super::reports::tell_unread;
use super::{CommandError, ExitStatus, env, service};
use crate::backend::{FileStore, LockInfo, LockWait, StateStore};
use crate::cloud::client::{Client, Secret};
use crate::cloud::{Clock, CloudWrite, SystemClock};
use crate::constraints::Levels;
use crate::diagnostics::{Diagnostic, Severity};
use crate::diff::{Intention, use_lookups};
use crate::manifest::{self, Desired, Input, Level, Locator, Provider, StateLocation, Variables};
use crate::model::{ImageKey, Region};
use crate::plan::{Outcome, Plan, StepOutcome};
use crate::state::{Lineage, Run, RunEnd, RunResult, Snapshot};

/// The manifest that is read where none is named.
pub const DEFAULT_MANIFEST: &str = "goldform.yaml";

/// A manifest that was read, and everything that is reached from it.
pub struct Workspace {
    /// What the manifest means.
    pub desired: Desired,
    /// Whether all of it could be read.
    pub complete: bool,
    /// What each rule does.
    pub levels: Levels,
    /// What was wrong with the text.
    pub diagnostics: Vec<Diagnostic>,
    /// Where things stand in the text.
    pub locator: Locator,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The folder that the state's and the world's places are relative to.
    base: PathBuf,
    /// The values that were given for variables.
    pub variables: Variables,
    /// `--state`: read from here, write nothing.
    state_file: Option<PathBuf>,
    cloud: OnceLock<Arc<Client>>,
    is_caller_known: OnceCell<()>,
}

impl Workspace {
    /// Reads the manifest. What is wrong with it is in [`Workspace::diagnostics`].
    ///
    /// # Errors
    /// When a file cannot be read, or nothing useful can be made of the text; that is told then.
    pub fn open(
        args: &ManifestArgs,
        rules: Option<&RuleArgs>,
        printer: &Printer,
    ) -> Result<Self, CommandError> {
        let (inputs, base) = read_manifests(&args.files)?;
        let variables = Variables::new(variables(args)?);
        let loaded = manifest::load(inputs, &variables);
        let Some(desired) = loaded.desired else {
            printer.diagnostics(&loaded.diagnostics, &loaded.locator);
            tell_unread(&loaded.diagnostics, &loaded.locator, printer)?;
            return Err(CommandError::Told(ExitStatus::Error));
        };
        let mut diagnostics = loaded.diagnostics;
        let (levels, unknown) = Levels::new(&desired.levels, &rules.map(command_line).unwrap_or_default());
        diagnostics.extend(unknown);
        Ok(Self {
            desired,
            complete: loaded.complete,
            levels,
            diagnostics,
            locator: loaded.locator,
            clock: Arc::new(SystemClock),
            base,
            variables,
            state_file: args.state.clone(),
            cloud: OnceLock::new(),
            is_caller_known: OnceCell::new(),
        })
    }

    /// As [`Workspace::open`]; where no manifest was named and there is none, a workspace of the embedded cloud as it is
    /// in this folder, for looking around.
    ///
    /// # Errors
    /// As [`Workspace::open`].
    pub fn open_or_look_around(args: &ManifestArgs, printer: &Printer) -> Result<Self, CommandError> {
        let is_default = matches!(args.files.as_slice(), [file] if file.as_os_str() == DEFAULT_MANIFEST);
        if !is_default || Path::new(DEFAULT_MANIFEST).exists() {
            return Self::open(args, None, printer);
        }
        let bytes = b"version: 1\naccount: \"100000000001\"\n".to_vec();
        let inputs = vec![Input { name: "no manifest".to_owned(), bytes }];
        let loaded = manifest::load(inputs, &Variables::default());
        let desired = loaded
            .desired
            .ok_or_else(|| CommandError::Internal("the empty manifest cannot be read".to_owned()))?;
        let rules = RuleArgs { allow: Vec::new(), warn: Vec::new(), deny: Vec::new() };
        let workspace = Self::of_plan(desired, "", args, &rules)?;
        let path = workspace.world();
        let cloud = service::sandbox_as_it_is(&path, workspace.desired.account, &workspace.clock)?;
        let _ = workspace.cloud.set(Arc::new(Client::new(cloud)));
        Ok(workspace)
    }

    /// A workspace without a manifest: of a saved plan. Variables are still taken from the arguments.
    ///
    /// # Errors
    /// When a variable file cannot be read, or a rule has no such name.
    pub fn of_plan(
        desired: Desired,
        folder: &str,
        args: &ManifestArgs,
        rules: &RuleArgs,
    ) -> Result<Self, CommandError> {
        let (levels, diagnostics) = Levels::new(&desired.levels, &command_line(rules));
        Ok(Self {
            desired,
            complete: true,
            levels,
            diagnostics,
            locator: Locator::default(),
            clock: Arc::new(SystemClock),
            base: PathBuf::from(folder),
            variables: Variables::new(variables(args)?),
            state_file: None,
            cloud: OnceLock::new(),
            is_caller_known: OnceCell::new(),
        })
    }

    /// The folder that the state's place is relative to, as the user named it.
    pub fn folder(&self) -> String {
        self.base.display().to_string()
    }

    /// The queries of imports' URLs, with the sensitive variables in their places.
    ///
    /// # Errors
    /// When a variable has no value.
    pub fn queries(&self) -> Result<BTreeMap<ImageKey, Secret>, CommandError> {
        let mut queries = BTreeMap::new();
        for (key, image) in &self.desired.images {
            let Some(query) = image.import_query.as_ref().filter(|query| !query.is_empty()) else { continue };
            let query = query.fill(|name| self.variables.get(name)).map_err(|name| {
                CommandError::input(
                    format!(
                        "the import of image.{key} needs the sensitive variable `{name}`, which has no value"
                    ),
                    format!("Set it in the environment:\n\n    {}{name}=…", env::VARIABLE_PREFIX),
                )
            })?;
            queries.insert(key.clone(), Secret::new(query));
        }
        Ok(queries)
    }

    /// Puts what lookups found, as recorded, into the sources that name them. What is deleted needs none of it.
    pub fn use_lookups(&mut self, snapshot: Option<&Snapshot>, intention: Intention) {
        if intention == Intention::Destroy {
            self.desired.lookups.clear();
        }
        let Some(snapshot) = snapshot else { return };
        use_lookups(&mut self.desired, &snapshot.recorded);
    }

    /// Whether every entry is known well enough to be applied.
    ///
    /// # Errors
    /// When what an entry is made from is looked up, and no image is known.
    pub fn check_lookups(&self) -> Result<(), CommandError> {
        let waiting = self.desired.images.iter().find(|(_, image)| image.waits_for_lookup());
        let Some((key, image)) = waiting else { return Ok(()) };
        let name = image.lookup.as_ref().map(|lookup| lookup.name.to_string()).unwrap_or_default();
        Err(CommandError::input(
            format!("image.{key} is made from ${{lookup.{name}}}, and no image is known for it"),
            "Look for it first:\n\n    goldform refresh",
        ))
    }

    /// Whether the text has errors of its own.
    pub fn has_errors(&self) -> bool {
        !self.complete || self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    fn state_path(&self) -> Result<PathBuf, CommandError> {
        match &self.desired.state {
            StateLocation::File(path) => Ok(self.base.join(path)),
            StateLocation::Object { bucket, key } => Err(CommandError::input(
                format!(
                    "the state is at s3://{bucket}/{key}, and this goldform keeps states in local files only"
                ),
                "Name a file:\n\n    state: goldform.state.json",
            )),
        }
    }

    /// The store of the state.
    ///
    /// # Errors
    /// When the place is of a kind that is not supported.
    pub fn store(&self) -> Result<FileStore, CommandError> {
        Ok(FileStore::at(self.state_path()?).with_clock(Arc::clone(&self.clock)))
    }

    /// The store, locked for writing.
    ///
    /// # Errors
    /// When somebody else holds the lock, or `--state` asks for reading only.
    pub async fn locked_store(&self, operation: &str, wait: LockWait) -> Result<FileStore, CommandError> {
        if self.state_file.is_some() {
            return Err(CommandError::input(
                format!("`{operation}` writes the state, and --state is for reading"),
                "Leave --state out; the place of the state stands in the manifest:\n\n    state: goldform.state.json",
            ));
        }
        let mut store = self.store()?;
        store.lock(self.lock_info(operation), wait).await?;
        Ok(store)
    }

    /// An entry for the history: a run of this plan begins.
    pub fn run(&self, command: &str, plan: &Plan, serial: u64) -> Run {
        let mut steps = BTreeMap::new();
        for (_, step) in plan.graph.steps() {
            let number: &mut usize = steps.entry(step.verb()).or_default();
            *number = number.saturating_add(1);
        }
        Run {
            at: self.clock.now(),
            by: owner().into(),
            command: command.into(),
            digest: plan.digest.clone(),
            serial,
            steps,
            end: None,
        }
    }

    /// How a run ended, for the history.
    pub fn run_end(&self, outcome: &Outcome) -> RunEnd {
        let done = outcome.count(|step| *step == StepOutcome::Done);
        let result = match (outcome.is_complete(), outcome.interrupted) {
            (true, _) => RunResult::Complete,
            (false, true) => RunResult::Interrupted,
            (false, false) if done > 0 => RunResult::Partial,
            (false, false) => RunResult::Failed,
        };
        RunEnd {
            at: self.clock.now(),
            result,
            done,
            failed: outcome.count(|step| matches!(step, StepOutcome::Failed { .. })),
            open: outcome.count(|step| matches!(step, StepOutcome::Pending | StepOutcome::Unknown { .. })),
            left: outcome.count(|step| matches!(step, StepOutcome::Skipped { .. } | StepOutcome::NotStarted)),
        }
    }

    fn lock_info(&self, operation: &str) -> LockInfo {
        LockInfo {
            owner: owner(),
            pid: std::process::id(),
            operation: operation.to_owned(),
            since: self.clock.now(),
        }
    }

    /// The recorded state, for reading: the store's, or the file that `--state` names.
    ///
    /// # Errors
    /// When it cannot be read, or belongs to another account or service.
    pub async fn snapshot(&self) -> Result<Option<Snapshot>, CommandError> {
        let snapshot = match &self.state_file {
            Some(path) => match FileStore::at(path).load().await? {
                Some(snapshot) => Some(snapshot),
                None => {
                    return Err(CommandError::input(
                        format!("{}: there is no such state", path.display()),
                        "Leave --state out to start from nothing.",
                    ));
                }
            },
            None => self.store()?.load().await?,
        };
        if let Some(snapshot) = &snapshot {
            self.check_owner(snapshot)?;
        }
        Ok(snapshot)
    }

    /// A state belongs to one account on one service: a plan against another would delete nothing and make
    /// everything twice.
    ///
    /// # Errors
    /// When the manifest names another.
    pub fn check_owner(&self, snapshot: &Snapshot) -> Result<(), CommandError> {
        // Of a manifest with errors the account may be unknown; those are what is told, and nothing is written.
        if self.has_errors() {
            return Ok(());
        }
        let (account, provider) = (self.desired.account, self.desired.cloud.provider);
        if snapshot.account != account {
            return Err(CommandError::input(
                format!("the state belongs to account {}, the manifest to {account}", snapshot.account),
                "Correct the manifest, or name the account's own state:\n\n    state: <file>",
            ));
        }
        if snapshot.provider != provider {
            return Err(CommandError::input(
                format!("the state is of {}, the manifest of {}", name(snapshot.provider), name(provider)),
                "Give each its own state:\n\n    state: <file>",
            ));
        }
        Ok(())
    }

    /// The first snapshot of a new state.
    #[expect(clippy::disallowed_methods, reason = "a state's lineage is made here, once")]
    pub fn first_snapshot(&self) -> Snapshot {
        let lineage = Lineage(Uuid::new_v4().to_string().into());
        Snapshot::first(lineage, self.desired.account, self.desired.cloud.provider)
    }

    /// The cloud that the manifest names: one client for the whole command, so that its calls are paced together and
    /// its keys fetched once.
    ///
    /// # Errors
    /// When it cannot be reached, or the embedded one's world cannot be opened.
    pub fn cloud(&self) -> Result<Arc<dyn CloudWrite>, CommandError> {
        Ok(self.client()?.clone())
    }

    /// The same cloud, where every change is only tried.
    ///
    /// # Errors
    /// As [`Workspace::cloud`].
    pub fn trying(&self) -> Result<Arc<dyn CloudWrite>, CommandError> {
        Ok(Arc::new(self.client()?.trying()))
    }

    fn client(&self) -> Result<&Arc<Client>, CommandError> {
        if let Some(client) = self.cloud.get() {
            return Ok(client);
        }
        let transport = match self.desired.cloud.provider {
            Provider::Sandbox => {
                let (settings, account) = (&self.desired.cloud.sandbox, self.desired.account);
                service::sandbox(&self.world(), settings, account, &self.clock)?
            }
            Provider::Tencent => service::tencent(&self.desired.cloud, &self.clock)?,
        };
        Ok(self.cloud.get_or_init(|| Arc::new(Client::new(transport))))
    }

    /// The file of the embedded cloud's world: beside the state.
    fn world(&self) -> PathBuf {
        let state = self.state_path().unwrap_or_else(|_| self.base.join("goldform.state.json"));
        let folder = state.parent().map(Path::to_path_buf).unwrap_or_default();
        folder.join(self.desired.cloud.sandbox.world.as_deref().unwrap_or("goldform.world.db"))
    }

    /// Whether the keys belong to the account that the manifest names: with another's, nothing that is recorded would
    /// be there, and everything would be made again. The embedded cloud takes the manifest's word. Asked once.
    ///
    /// # Errors
    /// When they belong to another account, or the service does not take them.
    pub async fn check_caller(&self) -> Result<(), CommandError> {
        if self.desired.cloud.provider == Provider::Sandbox {
            return Ok(());
        }
        self.is_caller_known
            .get_or_try_init(async || {
                let (caller, account) = (self.cloud()?.caller().await?, self.desired.account);
                if caller == account {
                    return Ok(());
                }
                Err(CommandError::input(
                    format!("the keys belong to account {caller}, the manifest to {account}"),
                    "Use the account's own keys, or correct the manifest:\n\n    account: \"<main account id>\"",
                ))
            })
            .await
            .copied()
    }

    /// The regions to look at: those that the manifest names, and those that are recorded.
    pub fn regions(&self, snapshot: &Snapshot) -> BTreeSet<Region> {
        let mut regions: BTreeSet<Region> = snapshot.recorded.regions.keys().cloned().collect();
        regions.extend(snapshot.recorded.placements().map(|(at, _)| at.region));
        for image in self.desired.images.values() {
            regions.extend(image.placements().into_iter().cloned());
        }
        regions
    }
}

/// Who runs this, as far as the environment says: user and host.
fn owner() -> String {
    let user = env::get(env::USER).or_else(|| env::get(env::USERNAME));
    let user = user.unwrap_or_else(|| "somebody".to_owned());
    let host = env::get(env::HOSTNAME).or_else(|| env::get(env::COMPUTERNAME));
    env::get(env::ACTOR).unwrap_or_else(|| match host {
        Some(host) => format!("{user}@{host}"),
        None => user,
    })
}

fn name(provider: Provider) -> &'static str {
    match provider {
        Provider::Sandbox => "the embedded cloud",
        Provider::Tencent => "Tencent Cloud",
    }
}

fn command_line(rules: &RuleArgs) -> Vec<(String, Level)> {
    let levels = [(&rules.allow, Level::Allow), (&rules.warn, Level::Warn), (&rules.deny, Level::Deny)];
    levels.iter().flat_map(|(names, level)| names.iter().map(|name| (name.clone(), *level))).collect()
}
