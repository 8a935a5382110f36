//! Merges the logs of any number of machines, renders the report to every format, and says what that costs.
//!
//! `cargo run --release -p prism-reports --example scale -- 200 1000 target/scale` merges 200 logs with 1,000 cases each.
//! One case in 500 fails. Memory is what a format needed at most, beside the report.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use prism_reports::render::{annotations, badge, ctrf, html, json, junit, markdown, terminal};
use prism_reports::{Report, merge};

mod generate;
mod shards;

/// Writes one format.
type Renderer<'a> = Box<dyn FnOnce(&mut dyn Write) -> io::Result<()> + 'a>;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [targets, cases, folder] = arguments.as_slice() else {
        return Err(io::Error::other("usage: scale TARGETS CASES FOLDER"));
    };
    let number = |text: &str| text.parse::<usize>().map_err(io::Error::other);
    let folder = Path::new(folder);
    std::fs::create_dir_all(folder)?;
    // Kept to the end: what is freed would be used again, and hide what a format needs.
    let events = generate::run(number(targets)?, number(cases)?);
    let mut out = io::stdout();
    writeln!(out, "{} events in memory: {} KiB at most", events.len(), peak_kib())?;
    let files = step("write the logs", || shards::write(&events, &folder.join("shards")))?;
    let bytes = files.iter().map(|file| Ok(file.metadata()?.len())).sum::<io::Result<u64>>()?;
    writeln!(out, "{} logs of {bytes} bytes", files.len())?;
    let parts = step("read them", || shards::read(&files))?;
    let merged = step("merge them", || merge(&parts, None, "scale").map_err(io::Error::other))?;
    let report = step("fold the events", || Ok(Report::from_events(&merged)))?;
    writeln!(out, "{} cases: {}", report.totals.total(), report.verdict.label())?;
    let text = |text: String| move |out: &mut dyn Write| out.write_all(text.as_bytes());
    let page = || markdown::render(&report, &markdown::Options::default());
    let renderers: Vec<(&str, Renderer<'_>)> = vec![
        ("report.html", Box::new(|out| html::write(&report, out))),
        ("ctrf.json", Box::new(|out| ctrf::write(&report, out))),
        ("report.json", Box::new(|out| json::write(&report, out))),
        ("annotations.txt", Box::new(|out| text(annotations::render(&report))(out))),
        ("badge.svg", Box::new(|out| text(badge::of_run(&report).svg())(out))),
        ("badge.json", Box::new(|out| text(badge::of_run(&report).endpoint())(out))),
        ("summary.md", Box::new(|out| text(page())(out))),
        ("terminal.txt", Box::new(|out| text(terminal::render(&report, &terminal::Options::default()))(out))),
        ("junit.xml", Box::new(|out| junit::write(&report, out))),
    ];
    for (name, render) in renderers {
        let path = folder.join(name);
        // The peak is counted from here on, so that it is the one of this format.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        let before = peak_kib();
        let began = Instant::now();
        let mut file = BufWriter::new(File::create(&path)?);
        render(&mut file)?;
        file.flush()?;
        let took = began.elapsed().as_millis();
        let (bytes, more) = (path.metadata()?.len(), peak_kib().saturating_sub(before));
        writeln!(out, "{name:16} {took:6} ms {bytes:11} bytes {more:9} KiB more")?;
    }
    drop((events, parts, merged));
    Ok(())
}

/// Does something, and says what it cost.
fn step<T>(name: &str, what: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let (before, began) = (peak_kib(), Instant::now());
    let done = what()?;
    let (took, more) = (began.elapsed().as_millis(), peak_kib().saturating_sub(before));
    writeln!(io::stdout(), "{name:16} {took:6} ms {:17} {more:9} KiB more", "")?;
    Ok(done)
}

/// The most memory that this process has had, in KiB; 0 where the system does not tell.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok()).unwrap_or(0)
}
