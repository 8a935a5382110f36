//! The figures, as a table.

use crate::{
    contenders::Contender,
    load::{Kind, Load, Round},
};
use std::io::Write;

/// Prints a line.
pub(crate) fn say(line: &str) {
    // A reader that has gone away is no reason to measure less.
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A row for each contender: the medians of its rounds, and what they are beside those of the direct way.
pub(crate) fn print(load: Load, contenders: &[Contender], rows: &[Vec<Round>]) {
    let kind = match load.kind {
        Kind::Unary(bytes) => format!("unary, {bytes} B"),
        Kind::Stream => "server streaming, 100 x 100 B".to_owned(),
    };
    say(&format!("\n{kind}, {} connections", load.connections));
    say("              calls/s  of direct   p50 us  (+)     p99 us  (+)     CPU us/call  errors");
    let direct = rows.first().map(|rounds| Medians::of(rounds)).unwrap_or_default();
    for (contender, rounds) in contenders.iter().zip(rows) {
        let own = Medians::of(rounds);
        say(&format!(
            "{:12} {:8.0}  {:8.0}%  {:7.0}  {:+6.0}  {:7.0}  {:+6.0}  {:>11}  {:6}",
            contender.name,
            own.rate,
            100.0 * own.rate / direct.rate,
            own.p50,
            own.p50 - direct.p50,
            own.p99,
            own.p99 - direct.p99,
            own.cpu.map_or_else(|| "-".to_owned(), |cpu| format!("{cpu:.1}")),
            rounds.iter().map(|round| round.errors).sum::<u64>(),
        ));
    }
}

/// The medians of a few rounds.
#[derive(Debug, Default)]
struct Medians {
    rate: f64,
    p50: f64,
    p99: f64,
    /// Microseconds per call.
    cpu: Option<f64>,
}

impl Medians {
    fn of(rounds: &[Round]) -> Self {
        let of = |figure: &dyn Fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
        let has_cpu = rounds.iter().all(|round| round.cpu.is_some());
        Self {
            rate: of(&|round| round.calls as f64 / round.took.as_secs_f64()),
            p50: of(&|round| round.latency.value_at_quantile(0.5) as f64),
            p99: of(&|round| round.latency.value_at_quantile(0.99) as f64),
            cpu: has_cpu.then(|| {
                of(&|round| round.cpu.unwrap_or_default().as_secs_f64() * 1e6 / round.calls.max(1) as f64)
            }),
        }
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}
