//! Servers in containers.

use std::{collections::HashMap, fmt, time::Duration};

use futures::StreamExt;
use prism_reports::event::ServerImage;
use tempfile::TempDir;
use testcontainers::{
    ContainerAsync, ContainerRequest, GenericImage, ImageExt, TestcontainersError,
    bollard::{
        Docker,
        errors::Error as DockerError,
        models::PortBinding,
        query_parameters::{
            InspectContainerOptions, InspectNetworkOptions, ListContainersOptionsBuilder, LogsOptionsBuilder,
            RemoveContainerOptionsBuilder,
        },
    },
    core::{IntoContainerPort, client::docker_client_instance, error::ClientError},
    runners::AsyncRunner,
};
use tokio::time::{Instant, error::Elapsed, sleep, timeout};

use super::{
    Context, Refusal, Server,
    engine::Engine,
    fill::{self, Place},
    ready::{NotReady, Probe, wait},
    server::{ProvisionKind, Running},
};
use crate::{
    lines::{KEPT, with_lines},
    registry::{Container, Setup},
};

/// The label that tells which run a container belongs to.
const RUN_LABEL: &str = "org.prism.conformance.run";
/// The label that tells one server of a run from another, so that one that failed to start can be found.
const SERVER_LABEL: &str = "org.prism.conformance.server";
/// How long the engine may take over a question or a removal.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How often a container that is not ready yet is asked whether it still runs.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// A container that was started here.
pub(super) struct RunningContainer {
    docker: Docker,
    id: String,
    /// `None` once it was taken to be removed.
    container: Option<ContainerAsync<GenericImage>>,
}

pub(super) async fn start(declared: &Container, setup: &Setup, context: &Context) -> Result<Server, Refusal> {
    let engine = context.engine().await.as_ref().map_err(|why| Refusal::Unavailable {
        why: why.clone(),
        remedy: "start Docker, or set DOCKER_HOST to where it answers".to_owned(),
    })?;
    let docker = docker_client_instance().await.map_err(|error| Refusal::Failed(error.to_string()))?;
    let (host, bind) = reach(engine, &docker).await;
    let workdir = fill::workdir_for(setup.settings.values())
        .map_err(|error| Refusal::Failed(format!("no temporary folder can be made: {error}")))?;
    let server_id = format!("{:016x}", rand::random::<u64>());
    let request = request(declared, bind, context, &server_id).map_err(Refusal::Failed)?;
    // A task of its own, because the engine goes on with what it was asked for even if nobody waits for it any more;
    // what then comes of it is dropped, and so removed, or found by its label.
    let within = context.start_within();
    let guard = context.start_guard().await;
    let starting = tokio::spawn({
        let docker = docker.clone();
        async move {
            let _guard = guard;
            let container = timeout(within, request.start()).await?;
            Ok::<_, Elapsed>(container.map(|container| RunningContainer {
                docker,
                id: container.id().to_owned(),
                container: Some(container),
            }))
        }
    });
    let why = match starting.await {
        Ok(Ok(Ok(running))) => return look_after(running, declared, &host, setup, workdir, context).await,
        Ok(Ok(Err(TestcontainersError::Client(ClientError::PullImage { err, .. })))) => {
            return Err(Refusal::Unavailable {
                why: format!("{} cannot be pulled ({})", declared.image, first_line(&err)),
                remedy: format!("make `docker pull {}` work", declared.image),
            });
        }
        Ok(Ok(Err(error))) => format!("cannot be started ({})", first_line(&error)),
        Ok(Err(_)) => format!("did not start within {within:?}"),
        Err(error) => format!("cannot be started ({})", first_line(&error)),
    };
    // It may have been created all the same.
    remove_labelled(&docker, SERVER_LABEL, &server_id).await;
    Err(Refusal::Failed(format!("a container of {} {why}", declared.image)))
}

/// Waits until a container that was started is a server that can be used.
async fn look_after(
    running: RunningContainer,
    declared: &Container,
    host: &str,
    setup: &Setup,
    workdir: Option<TempDir>,
    context: &Context,
) -> Result<Server, Refusal> {
    match ready(&running, declared, host, context).await {
        Ok(port) => {
            let mut place = Place::at(host, port);
            place.workdir = workdir.as_ref().map(|folder| folder.path().to_owned());
            let image = running.image(&declared.image).await;
            Ok(Server {
                address: place.address(),
                kind: ProvisionKind::Container,
                settings: place.fill_map("`settings`", &setup.settings).map_err(Refusal::Failed)?,
                description: describe(&declared.image, image.as_ref()),
                image,
                running: Running::Container(Box::new(running)),
                workdir,
            })
        }
        Err(sentence) => {
            let reason = with_lines(sentence, &running.logs().await);
            if let Err(error) = running.stop().await {
                tracing::warn!(%error, "a container that did not get ready is left behind");
            }
            Err(Refusal::Failed(reason))
        }
    }
}

/// Removes the containers of a run that are still there, such as one that was starting when the run was cancelled.
/// Returns the ids of those that were removed. Call it when everything else of the run has ended.
pub async fn remove_leftovers(context: &Context) -> Vec<String> {
    if context.known_engine().is_none() {
        return Vec::new();
    }
    // A start that hangs must not hang the end of the run.
    let _none = timeout(ANSWER_WITHIN, context.no_starts()).await;
    match docker_client_instance().await {
        Ok(docker) => remove_labelled(&docker, RUN_LABEL, context.run_id()).await,
        Err(_) => Vec::new(),
    }
}

/// Where a published port is reached, and the address of the engine's machine to publish it on: no wider than needed,
/// because servers under test have no passwords.
async fn reach(engine: &Engine, docker: &Docker) -> (String, String) {
    const LOOPBACK: &str = "127.0.0.1";
    const EVERYWHERE: &str = "0.0.0.0";
    if let Some((_, authority)) = engine.host.split_once("://").filter(|(scheme, _)| *scheme != "unix") {
        let host = authority.trim_end_matches('/').rsplit_once(':').map_or(authority, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        return match host {
            "localhost" | "::1" | LOOPBACK => (LOOPBACK.to_owned(), LOOPBACK.to_owned()),
            _ => (host.to_owned(), EVERYWHERE.to_owned()),
        };
    }
    // Inside a container the loopback device of the engine's machine is out of reach, but its bridge is not.
    let in_container = std::path::Path::new("/.dockerenv").exists();
    let gateway = if in_container { gateway(docker).await } else { None };
    gateway.map_or((LOOPBACK.to_owned(), LOOPBACK.to_owned()), |gateway| (gateway.clone(), gateway))
}

async fn gateway(docker: &Docker) -> Option<String> {
    let network = timeout(ANSWER_WITHIN, docker.inspect_network("bridge", None::<InspectNetworkOptions>));
    network
        .await
        .ok()?
        .ok()?
        .ipam?
        .config?
        .into_iter()
        .find_map(|config| config.gateway)
        .filter(|gateway| !gateway.is_empty())
}

fn request(
    declared: &Container,
    bind: String,
    context: &Context,
    server_id: &str,
) -> Result<ContainerRequest<GenericImage>, String> {
    let (name, tag) = declared.image.rsplit_once(':').ok_or("the image has no tag")?;
    let inside = Place { port: Some(declared.port), ..Place::default() };
    let command = declared
        .command
        .iter()
        .map(|argument| inside.fill("`command`", argument))
        .collect::<Result<Vec<_>, _>>()?;
    let env = inside.fill_map("`env`", &declared.env)?;
    let port = declared.port.tcp();
    let mut request = GenericImage::new(name, tag)
        .with_exposed_port(port)
        .with_labels([(RUN_LABEL, context.run_id()), (SERVER_LABEL, server_id)])
        .with_startup_timeout(context.start_within())
        .with_host_config_modifier(move |config| {
            let binding = PortBinding { host_ip: Some(bind.clone()), host_port: Some("0".to_owned()) };
            config.publish_all_ports = Some(false);
            config.port_bindings = Some(HashMap::from([(port.to_string(), Some(vec![binding]))]));
        });
    if !command.is_empty() {
        request = request.with_cmd(command);
    }
    for (name, value) in env {
        request = request.with_env_var(name, value);
    }
    Ok(request)
}

/// Waits until the server inside accepts connections; the port that it is published on.
async fn ready(
    running: &RunningContainer,
    declared: &Container,
    host: &str,
    context: &Context,
) -> Result<u16, String> {
    let what = format!("the container of {}", declared.image);
    let container = running.container.as_ref().ok_or_else(|| format!("{what} is gone"))?;
    let port = match container.get_host_port_ipv4(declared.port.tcp()).await {
        Ok(port) => port,
        // A container that ended has no ports any more, and how it ended is what there is to tell.
        Err(error) => {
            let how = running.exit_status().await.unwrap_or_else(|| format!("publishes no port ({error})"));
            return Err(format!("{what} {how}"));
        }
    };
    let address = Place::at(host, port).address().unwrap_or_default();
    let died = async {
        loop {
            sleep(LOOK_EVERY).await;
            if let Some(how) = running.exit_status().await {
                return how;
            }
        }
    };
    let within = context.ready_within();
    match wait(Probe::ProxiedPort(&address), Instant::now() + within, died).await {
        Ok(()) => Ok(port),
        Err(NotReady::Died(how)) => Err(format!("{what} {how} before it accepted connections")),
        Err(NotReady::Refused(error)) => Err(format!(
            "{what} did not accept connections at port {} within {within:?} ({error})",
            declared.port
        )),
    }
}

impl RunningContainer {
    /// How it ended; `None` while it runs, and when the engine does not say.
    pub(super) async fn exit_status(&self) -> Option<String> {
        let inspected = self.docker.inspect_container(&self.id, None::<InspectContainerOptions>);
        match timeout(ANSWER_WITHIN, inspected).await.ok()? {
            Ok(inspected) => {
                let state = inspected.state?;
                if state.running == Some(true) || state.status.is_none() {
                    return None;
                }
                let code = state.exit_code.unwrap_or_default();
                let memory = if state.oom_killed == Some(true) { ", out of memory" } else { "" };
                Some(format!("exited with code {code}{memory}"))
            }
            Err(DockerError::DockerResponseServerError { status_code: 404, .. }) => {
                Some("was removed".to_owned())
            }
            Err(_) => None,
        }
    }

    /// The last lines that it wrote; none when the engine does not tell.
    pub(super) async fn logs(&self) -> Vec<String> {
        let options = LogsOptionsBuilder::new().stdout(true).stderr(true).tail(&KEPT.to_string()).build();
        let mut stream = self.docker.logs(&self.id, Some(options));
        let mut bytes = Vec::new();
        let read = async {
            while let Some(Ok(frame)) = stream.next().await {
                bytes.extend_from_slice(&frame.into_bytes());
            }
        };
        drop(timeout(ANSWER_WITHIN, read).await);
        let lines: Vec<String> =
            String::from_utf8_lossy(&bytes).lines().map(|line| line.trim_end().to_owned()).collect();
        lines[lines.len().saturating_sub(KEPT)..].to_vec()
    }

    /// What the name of the image stands for here; `None` where the engine does not tell.
    async fn image(&self, name: &str) -> Option<ServerImage> {
        let inspected = self.docker.inspect_container(&self.id, None::<InspectContainerOptions>);
        let digest = timeout(ANSWER_WITHIN, inspected).await.ok()?.ok()?.image?;
        Some(ServerImage { name: name.to_owned(), digest })
    }

    /// Removes it.
    pub(super) async fn stop(mut self) -> Result<(), String> {
        let Some(container) = self.container.take() else { return Ok(()) };
        match timeout(ANSWER_WITHIN, container.rm()).await {
            // The second is a container that somebody removed already.
            Ok(
                Ok(())
                | Err(TestcontainersError::Client(ClientError::RemoveContainer(
                    DockerError::DockerResponseServerError { status_code: 404, .. },
                ))),
            ) => Ok(()),
            Ok(Err(error)) => Err(first_line(&error)),
            Err(_) => Err(format!("the container engine did not answer within {ANSWER_WITHIN:?}")),
        }
    }
}

impl Drop for RunningContainer {
    fn drop(&mut self) {
        let Some(container) = self.container.take() else { return };
        // The guard of testcontainers needs a runtime that can block, which whoever drops this may not have.
        let removal = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async { container.rm().await.map_err(std::io::Error::other) })
        });
        match removal.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(id = %self.id, %error, "a container is left behind"),
            Err(_) => tracing::warn!(id = %self.id, "a container is left behind"),
        }
    }
}

impl fmt::Debug for RunningContainer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningContainer").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The image with the beginning of its id.
fn describe(name: &str, image: Option<&ServerImage>) -> String {
    let id = image.and_then(|image| image.digest.strip_prefix("sha256:")).and_then(|id| id.get(..12));
    match id {
        Some(id) => format!("{name} (image {id})"),
        None => name.to_owned(),
    }
}

/// Removes every container with a label, whatever its state; the ids of those that were removed.
async fn remove_labelled(docker: &Docker, label: &str, value: &str) -> Vec<String> {
    let filters = HashMap::from([("label", vec![format!("{label}={value}")])]);
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    let Ok(Ok(found)) = timeout(ANSWER_WITHIN, docker.list_containers(Some(options))).await else {
        return Vec::new();
    };
    let mut removed = Vec::new();
    for id in found.into_iter().filter_map(|container| container.id) {
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        match timeout(ANSWER_WITHIN, docker.remove_container(&id, Some(options))).await {
            Ok(Ok(())) => removed.push(id),
            Ok(Err(error)) => tracing::warn!(%id, %error, "a container is left behind"),
            Err(_) => tracing::warn!(%id, "a container is left behind: the engine did not answer"),
        }
    }
    removed
}

/// An error as one line that fits into a sentence.
fn first_line(error: &impl fmt::Display) -> String {
    const MAX_CHARS: usize = 300;
    error.to_string().lines().next().unwrap_or_default().chars().take(MAX_CHARS).collect()
}
