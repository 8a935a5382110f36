//! What the proxy costs, beside nginx and HAProxy, in one run:
//!
//! ```sh
//! cargo run --release -p prism-proxy --example compare
//! cargo run --release -p prism-proxy --example compare -- --rounds 9 --seconds 2
//! ```
//!
//! The same load goes directly to an upstream, through `prism-proxy`, through nginx (`grpc_pass`) and through HAProxy, in
//! short rounds one after the other, so that whatever else the machine does hits all alike; every figure is the median
//! of the rounds. nginx and HAProxy are left out, and that is said, where they are not on PATH.
//!
//! Load and upstream share the machine with the proxies, so calls per second say what the whole way costs; CPU per call
//! is that of the proxy's processes alone, from `/proc`.

mod contenders;
mod load;
mod table;
mod upstream;

use clap::Parser;
use contenders::Contender;
use load::{Kind, Load};
use std::time::Duration;

/// Compares the proxy with nginx and HAProxy.
#[derive(Debug, Parser)]
struct Arguments {
    /// Rounds of each load for each contender.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long a round is.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Streams that are open and idle when memory is looked at.
    #[arg(long, default_value_t = 10_000)]
    idle: usize,
    /// The program of the proxy, as `cargo build --release -p prism-proxy` leaves it; default: beside this one.
    #[arg(long)]
    proxy: Option<std::path::PathBuf>,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

/// The loads, in the order of the table.
const LOADS: [Load; 9] = {
    const fn load(kind: Kind, connections: usize) -> Load {
        Load { kind, connections }
    }
    [
        load(Kind::Unary(100), 1),
        load(Kind::Unary(100), 16),
        load(Kind::Unary(100), 128),
        load(Kind::Unary(10 << 10), 1),
        load(Kind::Unary(10 << 10), 16),
        load(Kind::Unary(10 << 10), 128),
        load(Kind::Stream, 1),
        load(Kind::Stream, 16),
        load(Kind::Stream, 128),
    ]
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let upstream = upstream::start().await?;
    let folder = tempfile::tempdir()?;
    let (contenders, missing) = contenders::start(folder.path(), upstream, arguments.proxy).await?;
    for missing in missing {
        table::say(&format!("left out: {missing}"));
    }
    let round = Duration::from_secs_f64(arguments.seconds);
    for load in LOADS {
        let mut rows: Vec<Vec<load::Round>> = contenders.iter().map(|_| Vec::new()).collect();
        for number in 0..=arguments.rounds {
            for (contender, rounds) in contenders.iter().zip(&mut rows) {
                let before = contender.cpu();
                let mut measured = load::run(contender.address, load, round).await?;
                measured.cpu =
                    contender.cpu().zip(before).map(|(after, before)| after.saturating_sub(before));
                // The first round warms connections and caches up.
                if number > 0 {
                    rounds.push(measured);
                }
            }
        }
        table::print(load, &contenders, &rows);
    }
    idle(&contenders, arguments.idle).await
}

/// Memory before and with idle streams.
async fn idle(contenders: &[Contender], streams: usize) -> Result<(), Box<dyn std::error::Error>> {
    table::say(&format!("\n{streams} idle streams on 100 connections"));
    for contender in contenders.iter().filter(|contender| contender.rss_kib().is_some()) {
        let before = contender.rss_kib().unwrap_or_default();
        let open = match load::open_idle(contender.address, 100, streams / 100).await {
            Ok(open) => open,
            Err(error) => {
                table::say(&format!("{:12} could not open them: {error}", contender.name));
                continue;
            }
        };
        let with = contender.rss_kib().unwrap_or_default();
        let each = (with.saturating_sub(before)) as f64 / streams as f64;
        table::say(&format!(
            "{:12} {before} KiB before, {with} KiB with them: {each:.1} KiB each",
            contender.name
        ));
        drop(open);
    }
    Ok(())
}
