//! A manifest that was read, its rules' levels, its state and its cloud: what most commands start from.

mod cloud;
mod state;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use compact_str::CompactString;

use super::args::{DEFAULT_MANIFEST, ManifestArgs, RuleArgs};
use super::inputs::{Manifests, check_declared, read_manifests, variables};
use super::{CommandError, env, service};
use crate::cloud::client::{Client, Secret};
use crate::cloud::{Lease, SystemClock};
use crate::constraints::Levels;
use crate::diagnostics::{Diagnostic, Severity, sanitize};
use crate::engine::Engine;
use crate::manifest::{self, Desired, Input, Locator, StateLocation, Variables};
use crate::model::{ImageKey, Level};
use crate::plan::{Plan, PlanInputs};

/// Manifest that was read, with access to its state and its cloud.
pub struct Workspace {
    /// What the manifest means and how it is judged.
    pub engine: Engine,
    /// Whether all of it could be read.
    pub complete: bool,
    /// What was wrong with the text.
    pub diagnostics: Vec<Diagnostic>,
    /// Positions of the manifest's values in the text.
    pub locator: Locator,
    /// The folder that the state's and the world's places are relative to.
    base: PathBuf,
    /// Who runs this.
    actor: String,
    /// The values that were given for variables.
    pub variables: Variables,
    /// `--state`: read from here, write nothing.
    state_file: Option<PathBuf>,
    /// Lease of the state's lock: writes are sent to the cloud while it lasts.
    lease: Lease,
    cloud: OnceLock<Arc<Client>>,
}

impl Workspace {
    /// Reads the manifest. Its problems are in [`Workspace::diagnostics`].
    ///
    /// # Errors
    /// If a file cannot be read, or the text has no meaning at all.
    pub fn open(args: &ManifestArgs, rules: Option<&RuleArgs>) -> Result<Self, CommandError> {
        let Manifests { inputs, paths, folder, skipped } = read_manifests(&args.files)?;
        let given = variables(args)?;
        let variables = Variables::new(given.values.clone());
        let loaded = manifest::load(inputs, &variables);
        check_declared(args, &loaded)?;
        let ineffective = given.without_effect(&loaded);
        let base = Manifests::base(&paths, folder, &loaded);
        let Some(desired) = loaded.desired else {
            let (diagnostics, locator) = (loaded.diagnostics, Box::new(loaded.locator));
            return Err(CommandError::ManifestUnusable { diagnostics, locator });
        };
        let mut diagnostics = loaded.diagnostics;
        diagnostics.extend(ineffective);
        if !skipped.is_empty() {
            diagnostics.push(manifest::skipped(&skipped));
        }
        let (levels, unknown) = Levels::new(&desired.levels, &rules.map(command_line).unwrap_or_default());
        diagnostics.extend(unknown);
        // A level of the command line decides what may be planned too.
        let desired = Desired { levels: levels.all(), ..desired };
        Ok(Self {
            engine: Engine::with_levels(desired, levels, Arc::new(SystemClock)),
            complete: loaded.complete,
            diagnostics,
            locator: loaded.locator,
            base,
            actor: state::actor()?,
            variables,
            state_file: args.state.clone(),
            lease: Lease::default(),
            cloud: OnceLock::new(),
        })
    }

    /// As [`Workspace::open`]; where no manifest was named and there is none, a workspace of the sandbox as it is
    /// in this folder, for commands that only read.
    ///
    /// # Errors
    /// As [`Workspace::open`].
    pub fn open_or_look_around(args: &ManifestArgs) -> Result<Self, CommandError> {
        let is_default = matches!(args.files.as_slice(), [file] if file.as_os_str() == DEFAULT_MANIFEST);
        if !is_default || Path::new(DEFAULT_MANIFEST).exists() {
            return Self::open(args, None);
        }
        let bytes = b"version: 1\naccount: \"100000000001\"\n".to_vec();
        let inputs = vec![Input { name: "no manifest".to_owned(), bytes }];
        let loaded = manifest::load(inputs, &Variables::default());
        let desired = loaded
            .desired
            .ok_or_else(|| CommandError::Internal("the empty manifest cannot be read".to_owned()))?;
        let rules = RuleArgs { allow: Vec::new(), warn: Vec::new(), deny: Vec::new() };
        let workspace = Self::without_manifest(desired, PathBuf::new(), args, &rules)?;
        let path = workspace.world();
        let cloud =
            service::sandbox_as_it_is(&path, workspace.engine.desired.account, &workspace.engine.clock)?;
        let _ = workspace.cloud.set(Arc::new(Client::new(cloud)));
        Ok(workspace)
    }

    /// The workspace of a saved plan. Its state is the one that the plan names, or the one that `--state` does.
    ///
    /// # Errors
    /// If a variable file cannot be read.
    pub fn of_plan(inputs: &PlanInputs, args: &ManifestArgs) -> Result<Self, CommandError> {
        let state = match &args.state {
            Some(path) => StateLocation::File(absolute(path)?),
            None => StateLocation::parse(&inputs.state).unwrap_or_default(),
        };
        let desired = Desired { state, ..inputs.desired.clone() };
        Self::without_manifest(desired, PathBuf::new(), args, &rule_args(&inputs.rules))
    }

    /// A workspace without a manifest. Variables are still taken from the arguments.
    fn without_manifest(
        desired: Desired,
        base: PathBuf,
        args: &ManifestArgs,
        rules: &RuleArgs,
    ) -> Result<Self, CommandError> {
        let (levels, diagnostics) = Levels::new(&desired.levels, &command_line(rules));
        Ok(Self {
            engine: Engine::with_levels(desired, levels, Arc::new(SystemClock)),
            complete: true,
            diagnostics,
            locator: Locator::default(),
            base,
            actor: state::actor()?,
            variables: Variables::new(variables(args)?.values),
            state_file: None,
            lease: Lease::default(),
            cloud: OnceLock::new(),
        })
    }

    /// The absolute place of the state, for a saved plan.
    ///
    /// # Errors
    /// If its path is not UTF-8.
    pub fn absolute_state(&self) -> Result<String, CommandError> {
        match self.state_path() {
            Some(path) => absolute(&path),
            None => Ok(self.engine.desired.state.to_string()),
        }
    }

    /// Returns whether the folder of the state exists. Storage has none.
    pub fn has_state_folder(&self) -> bool {
        let state = self.state_path();
        let folder = state.as_deref().and_then(Path::parent);
        folder.is_none_or(|folder| folder.as_os_str().is_empty() || folder.is_dir())
    }

    /// The queries of imports' URLs, with the sensitive variables in their places.
    ///
    /// # Errors
    /// When a variable has no value.
    pub fn queries(&self) -> Result<BTreeMap<ImageKey, Secret>, CommandError> {
        let mut queries = BTreeMap::new();
        for (key, image) in &self.engine.desired.images {
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

    /// Checks that a plan builds everything that it should.
    ///
    /// # Errors
    /// If a selected entry asks for a build from a lookup for which no image is known.
    pub fn check_lookups(&self, plan: &Plan) -> Result<(), CommandError> {
        let Some(key) = plan.waiting.first() else { return Ok(()) };
        let lookup = self.engine.desired.images.get(key).and_then(|image| image.lookup.as_ref());
        let name = lookup.map(|lookup| lookup.name.to_string()).unwrap_or_default();
        Err(CommandError::input(
            format!("image.{key} is made from ${{lookup.{name}}}, and no image is known for it"),
            "Check whether it exists:\n\n    goldform refresh",
        ))
    }

    /// Whether the text has errors of its own.
    pub fn has_errors(&self) -> bool {
        !self.complete || self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

/// The absolute path of a file, whose folder may be named by a link.
///
/// # Errors
/// If its folder cannot be read, or the path is not UTF-8.
pub fn absolute(path: &Path) -> Result<String, CommandError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let help = "Name a state in a folder that can be read.";
    let found = folder
        .canonicalize()
        .or_else(|_| std::path::absolute(folder))
        .map_err(|source| CommandError::File { path: sanitize::path(path), source, help: help.to_owned() })?;
    let full = path.file_name().map(|name| found.join(name)).unwrap_or(found);
    full.to_str().map(str::to_owned).ok_or_else(|| {
        CommandError::input(
            format!("{}: a saved plan names its state, and this path is not UTF-8", sanitize::path(&full)),
            "Keep the state in a folder whose name is UTF-8.",
        )
    })
}

/// The arguments that set these levels of rules.
pub fn rule_args(levels: &BTreeMap<CompactString, Level>) -> RuleArgs {
    let named = |wanted: Level| {
        let names = levels.iter().filter(|(_, level)| **level == wanted);
        names.map(|(name, _)| name.to_string()).collect()
    };
    RuleArgs { allow: named(Level::Allow), warn: named(Level::Warn), deny: named(Level::Deny) }
}

fn command_line(rules: &RuleArgs) -> Vec<(String, Level)> {
    let levels = [(&rules.allow, Level::Allow), (&rules.warn, Level::Warn), (&rules.deny, Level::Deny)];
    levels.iter().flat_map(|(names, level)| names.iter().map(|name| (name.clone(), *level))).collect()
}
