//! The proxy as a process: its arguments, its signals, its exit codes.
//!
//! SIGHUP takes the file anew. SIGTERM and SIGINT drain. The exit code is 0 where every call in flight came to its end,
//! 2 where some were cut off, and 1 where the proxy did not start.

use crate::{Config, Proxy, Running};
use clap::Args;
use prism_process::log;
use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};
use tokio::signal::unix::{SignalKind, signal};

/// What a proxy process is told.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    /// The configuration file (YAML).
    #[arg(long, short, env = "PRISM_PROXY_CONFIG")]
    config: PathBuf,
    /// Checks the configuration and ends.
    #[arg(long)]
    check: bool,
    /// What is logged to standard error, as `level` or `target=level,…`.
    #[arg(long, env = "PRISM_PROXY_LOG", default_value = "info")]
    log: String,
}

/// Serves until a signal or an operator ends it. Says on standard error why it did not start. `patterns` is how patterns
/// are started, [as in the configuration](crate::config::PatternConfig::command).
pub async fn run(arguments: Arguments, patterns: &[String]) -> ExitCode {
    match serve(arguments, patterns).await {
        Ok(code) => code,
        Err(error) => {
            // Nothing better can be done where standard error is closed.
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(arguments: Arguments, patterns: &[String]) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let config = Config::load(&arguments.config).map_err(|problems| problems.plain())?;
    let config = config.with_pattern_command(patterns);
    if arguments.check {
        return Ok(ExitCode::SUCCESS);
    }
    log::to_stderr(&arguments.log).map_err(|why| format!("--log: {why}"))?;
    // Before the proxy serves, so that a signal that comes early is not the end of it.
    let mut hangup = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let running = Proxy::start(config).await?;
    announce(&running)?;
    loop {
        tokio::select! {
            _ = hangup.recv() => reload(&running, &arguments.config, patterns),
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            () = running.draining() => break,
        }
    }
    let counts = running.drain().await;
    Ok(if counts.cut_off == 0 { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

/// One line on standard output says where the proxy is, for whoever chose port 0.
fn announce(running: &Running) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "listen={} admin={}", running.address(), running.admin_address())?;
    out.flush()
}

fn reload(running: &Running, path: &Path, patterns: &[String]) {
    match Config::load(path) {
        Ok(config) => {
            if let Err(error) = running.reload(config.with_pattern_command(patterns)) {
                tracing::error!(%error, "the configuration was refused; the old one stays");
            }
        }
        Err(problems) => {
            running.count_failed_reload();
            let error = problems.plain();
            tracing::error!(%error, "the configuration was refused; the old one stays");
        }
    }
}
