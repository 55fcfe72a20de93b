//! `sandbox serve`.

use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;

use super::args::ServeArgs;
use super::{switches, tls};
use crate::apply::Shutdown;
use crate::cli::args::Format;
use crate::cli::printer::Printer;
use crate::cli::signals::Signals;
use crate::cli::{CommandError, ExitStatus};
use crate::cloud::SystemClock;
use crate::cloud::client::Secret;
use crate::cloud::sim::http::{ApiService, Key, Server};
use crate::cloud::sim::{Settings, Sim};
use crate::diagnostics::sanitize;
use crate::model::AccountId;
use crate::report::envelope::document;

/// The account that may call when none was named.
const ACCOUNT: &str = "100000000001";
/// The id of its key.
const SECRET_ID: &str = "AKIDgoldformsandbox";

/// Serves until a signal stops it.
pub(super) async fn run(args: &ServeArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let is_open = !args.listen.ip().is_loopback();
    let (keys, is_default) = match args.accounts.as_slice() {
        [] => (vec![new_key()?], true),
        given => (given.to_vec(), false),
    };
    if let Some(folder) = args.tls.as_deref().filter(|folder| folder.to_str().is_none()) {
        return Err(CommandError::input(
            format!(
                "{}: the name of the folder is not UTF-8, so it cannot be announced",
                sanitize::path(folder)
            ),
            "Name another folder.",
        ));
    }
    let sim = world(args)?;
    let identity = args.tls.as_deref().map(|folder| tls::identity(folder, &args.hosts)).transpose()?;
    let face = ApiService::new(sim, keys.iter().cloned().collect(), Arc::new(SystemClock))
        .with_hosts(args.hosts.iter().cloned());
    let mut server = Server::bind(args.listen, face).await.map_err(|source| CommandError::File {
        path: args.listen.to_string(),
        source,
        help: "Listen elsewhere; port 0 takes one that is free:\n\n    --listen 127.0.0.1:0".to_owned(),
    })?;
    if let Some(identity) = &identity {
        server = server
            .with_tls(identity)
            .map_err(|error| CommandError::input(error.to_string(), "Empty the folder."))?;
    }
    // From here on a signal ends the server, and not the process in the middle of a call.
    let mut signals = Signals::listen(printer.clone());
    if is_open {
        printer.always(&format!(
            "warning: everybody who reaches {} sees the page, and calls with a key of {}",
            server.address(),
            if is_default { "those below" } else { "those given" }
        ));
    }
    announce(&server, &keys, is_default, args, printer);
    let announced = printer.output_status();
    if announced != ExitStatus::Done {
        // Nobody can know where it is.
        return Ok(announced);
    }
    let stop = async move {
        // The sender lives as long as the listener.
        let _ = signals.stop.wait_for(|stop| *stop != Shutdown::No).await;
        signals
    };
    let (sender, receiver) = tokio::sync::oneshot::channel();
    server
        .run(async move {
            // Kept until the end: a second signal does not wait for calls that are under way.
            let _ = sender.send(stop.await);
        })
        .await;
    drop(receiver);
    Ok(ExitStatus::Done)
}

fn world(args: &ServeArgs) -> Result<Sim, CommandError> {
    let path = &args.world.world;
    let fresh = Settings::default();
    let opened = if args.in_memory { Sim::in_memory(fresh) } else { Sim::open(path, fresh) };
    let broken = |error| super::broken(path, &error);
    let sim = opened.map_err(broken)?;
    let before = sim.settings().map_err(broken)?;
    let after = switches::apply(before.clone(), &args.switches)?;
    if after != before {
        sim.set_settings(after).map_err(broken)?;
    }
    Ok(sim)
}

/// Returns a key that is new with every start. A fixed one would let every program of this machine call, and every page
/// that finds a way to send requests.
#[expect(clippy::disallowed_methods, reason = "a key that others cannot guess")]
fn new_key() -> Result<Key, CommandError> {
    let account: AccountId = ACCOUNT.parse().map_err(|error| CommandError::Internal(format!("{error}")))?;
    let secret_key = Uuid::new_v4().simple().to_string();
    Ok(Key { account, secret_id: SECRET_ID.to_owned(), secret_key: Secret::new(secret_key) })
}

/// Prints the address and the keys that may call. A key from the command line is not printed.
fn announce(server: &Server, keys: &[Key], show: bool, args: &ServeArgs, printer: &Printer) {
    let url = server.url();
    let ca = args.tls.as_ref().map(|folder| folder.join("ca.pem").display().to_string());
    match printer.format {
        Format::Json => {
            let accounts: Vec<_> = keys
                .iter()
                .map(|key| {
                    json!({
                        "account": key.account,
                        "secret_id": key.secret_id,
                        "secret_key": show.then(|| key.secret_key.reveal()),
                    })
                })
                .collect();
            // One line, so that who reads it knows that it is whole.
            printer
                .data(&format!("{}\n", document(json!({ "endpoint": url, "ca": ca, "accounts": accounts }))));
        }
        Format::Text => {
            let mut text = format!("endpoint    {url}\n");
            if let Some(ca) = ca {
                text.push_str(&format!("trust       {ca}\n"));
            }
            for key in keys {
                text.push_str(&format!("account     {}\nsecret id   {}\n", key.account, key.secret_id));
                if show {
                    text.push_str(&format!("secret key  {}\n", key.secret_key.reveal()));
                }
            }
            printer.data(&text);
            let world = if args.in_memory {
                "a world in memory".to_owned()
            } else {
                args.world.world.display().to_string()
            };
            printer.say(&format!("Serving {world}; a browser shows what is in it. Ctrl-C ends it."));
        }
    }
}
