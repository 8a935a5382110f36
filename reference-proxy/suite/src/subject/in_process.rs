//! The reference proxy in this process, with faults: what its executable does, without the process.

use super::{End, Signal, Subject, relay};
use crate::faults::{Faults, Reaction};
use prism_proxy::{Config, Proxy, Running};
use std::path::{Path, PathBuf};
use tokio::{sync::mpsc, task::JoinSet};
use tower::layer::layer_fn;

async fn launch(config: Config, faults: &Faults) -> Result<Running, prism_proxy::StartError> {
    let config = faults.read(config);
    match faults.front.clone() {
        Some(front) => Proxy::start_behind(config, layer_fn(move |way| front(way))).await,
        None => Proxy::start(config).await,
    }
}

pub(crate) async fn start(config: &str, faults: &Faults) -> Subject {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("proxy.yaml");
    std::fs::write(&file, config).expect("written");
    let config = Config::load(&file).unwrap_or_else(|problems| panic!("{}\n{config}", problems.plain()));
    let running = launch(config, faults).await.unwrap_or_else(|error| panic!("it did not start: {error}"));
    let (mut address, admin_address) = (running.address(), running.admin_address());
    let mut end = JoinSet::new();
    if let Some(kind) = faults.relay {
        address = relay::start(kind, address, &mut end).await;
    }
    let (signals, received) = mpsc::unbounded_channel();
    end.spawn(serve(running, file.clone(), faults.clone(), received));
    Subject { address, admin_address, file, _folder: folder, signals, end }
}

async fn serve(
    running: Running,
    file: PathBuf,
    faults: Faults,
    mut signals: mpsc::UnboundedReceiver<Signal>,
) -> End {
    loop {
        let signal = tokio::select! {
            Some(signal) = signals.recv() => signal,
            () = running.draining() => break,
        };
        match faults.reaction(signal) {
            Reaction::Usual => {}
            Reaction::Ignored => continue,
            Reaction::Late(delay) => tokio::time::sleep(delay).await,
            Reaction::Dies => return End { code: None, finished: 0, cut_off: 0, refused: 0 },
        }
        match signal {
            Signal::Hangup => reload(&running, &file, &faults),
            Signal::Terminate | Signal::Interrupt => break,
        }
    }
    let counts = running.drain().await;
    let mut end = End {
        code: Some(if counts.cut_off == 0 { 0 } else { 2 }),
        finished: counts.finished,
        cut_off: counts.cut_off,
        refused: counts.refused,
    };
    if let Some(change) = faults.end {
        change(&mut end);
    }
    end
}

fn reload(running: &Running, file: &Path, faults: &Faults) {
    match Config::load(file) {
        // That it is refused shows in the metrics.
        Ok(config) => drop(running.reload(faults.read(config))),
        Err(_) => running.count_failed_reload(),
    }
}

pub(crate) async fn refused(text: &str, faults: &Faults) -> (Option<i32>, String) {
    let said = match Config::parse("proxy.yaml", text) {
        Err(problems) => problems.plain(),
        Ok(config) => match launch(config, faults).await {
            Err(error) => error.to_string(),
            Ok(_) => panic!("it starts with\n{text}"),
        },
    };
    let told = faults.refusal.map_or_else(|| said.clone(), |change| change(said.clone()));
    (Some(1), told)
}
