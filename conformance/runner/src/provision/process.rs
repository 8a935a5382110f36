//! Servers from binaries of this machine, each in a process group and a folder of its own.

use std::{io, path::Path};

use tokio::time::Instant;

use super::{
    Context, Refusal, Server,
    fill::{self, Place},
    ready::{NotReady, Probe, wait},
    server::{ProvisionKind, Running},
};
use crate::{
    lines::with_lines,
    process::{Spawn, find_program, free_port, is_taken},
    registry::{
        Origin, Process, Setup,
        placeholder::{self, ADDRESS, PORT},
    },
};

/// How often a port is tried that somebody else took before the server could.
const ATTEMPTS: usize = 3;

pub(super) async fn start(
    process: &Process,
    setup: &Setup,
    origin: &Origin,
    context: &Context,
) -> Result<Server, Refusal> {
    let name = &process.command[0];
    let search = context.variable("PATH").unwrap_or_default();
    let program = find_program(name, origin.folder.as_deref(), &search).map_err(|why| {
        let how = if name.contains('/') { "build or install" } else { "install" };
        Refusal::Unavailable { why, remedy: format!("{how} {name}") }
    })?;
    let mut attempt = 1;
    loop {
        match start_once(&program, process, setup, context).await {
            Err(Stumble::PortTaken) if attempt < ATTEMPTS => attempt += 1,
            Err(Stumble::PortTaken) => {
                return Err(Refusal::Failed(format!(
                    "{name} found its port taken by somebody else {ATTEMPTS} times"
                )));
            }
            Err(Stumble::Failed(reason)) => return Err(Refusal::Failed(format!("{name} {reason}"))),
            Ok(server) => return Ok(server),
        }
    }
}

/// Why one attempt came to nothing; the text goes on from the program's name.
enum Stumble {
    PortTaken,
    Failed(String),
}

async fn start_once(
    program: &Path,
    process: &Process,
    setup: &Setup,
    context: &Context,
) -> Result<Server, Stumble> {
    let cannot =
        |what: &str, error: io::Error| Stumble::Failed(format!("cannot be started: {what}: {error}"));
    let workdir = fill::workdir().map_err(|error| cannot("no temporary folder", error))?;
    let port = free_port().map_err(|error| cannot("no free port", error))?;
    let told = Place {
        socket: Some(workdir.path().join("server.sock")),
        workdir: Some(workdir.path().to_owned()),
        ..Place::at("127.0.0.1", port)
    };
    let uses_port = process
        .command
        .iter()
        .chain(process.env.values())
        .any(|text| placeholder::uses(text, PORT) || placeholder::uses(text, ADDRESS));
    // A server that was not told the port does not listen on it, so its driver must not be told either.
    let place = if uses_port { told.clone() } else { Place { host: None, port: None, ..told.clone() } };
    let settings = place.fill_map("`settings`", &setup.settings).map_err(Stumble::Failed)?;
    let arguments = process.command[1..]
        .iter()
        .map(|argument| told.fill("`command`", argument))
        .collect::<Result<Vec<_>, _>>()
        .map_err(Stumble::Failed)?;
    let env = told.fill_map("`env`", &process.env).map_err(Stumble::Failed)?;
    let spawn = Spawn { program, arguments: &arguments, env: &env, folder: workdir.path() };
    let running = spawn.start().map_err(Stumble::Failed)?;

    let address = place.address();
    let probe = match (&address, &place.socket) {
        (Some(address), _) => Probe::Port(address),
        (None, Some(socket)) => Probe::Socket(socket),
        (None, None) => return Err(Stumble::Failed("has no place to listen".to_owned())),
    };
    let within = context.ready_within();
    match wait(probe, Instant::now() + within, running.ended()).await {
        Ok(()) => Ok(Server {
            image: None,
            address,
            kind: ProvisionKind::Process,
            settings,
            description: program.display().to_string(),
            running: Running::Process(running),
            workdir: Some(workdir),
        }),
        Err(NotReady::Died(_)) if uses_port && is_taken(port) => Err(Stumble::PortTaken),
        Err(NotReady::Died(how)) => {
            let sentence = format!("{how} before it accepted connections");
            Err(Stumble::Failed(with_lines(sentence, &running.logs())))
        }
        Err(NotReady::Refused(error)) => {
            let sentence = format!("did not accept connections within {within:?} ({error})");
            let reason = with_lines(sentence, &running.logs());
            // What it says about its end adds nothing to why it did not get ready.
            drop(running.stop().await);
            Err(Stumble::Failed(reason))
        }
    }
}
