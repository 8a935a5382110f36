//! One file per subcommand. They are the only ones that print.

mod baseline;
pub mod certify;
pub mod diff;
pub mod expect;
pub mod explain;
pub mod init;
pub mod list;
pub mod merge;
pub mod mutants;
pub mod plan;
pub(crate) mod planned;
pub mod proxy;
pub mod report;
pub mod run;
pub mod serve;
mod trouble;
pub mod validate;
pub mod verify;

pub use trouble::Trouble;

use crate::{
    builtins,
    cli::{RegistryArgs, ViaProxyArg},
    patterns::{self, ReferencePatterns},
};
use miette::{GraphicalReportHandler, GraphicalTheme};
use prism_reports::event::Route;
use prism_runner::{
    PlannedTarget, Selection,
    pattern::PatternCommand,
    plan as plan_backends, plan_patterns,
    registry::{Registry, Source},
};
use prism_yaml::Problems;
use std::io::{self, IsTerminal, Write};

/// Prints to standard output. A reader that has gone away (`| head`) is not an error.
pub(crate) fn print(text: &str) -> Result<(), Trouble> {
    print_with(|out| out.write_all(text.as_bytes()))
}

/// As [`print`], piece by piece.
pub(crate) fn print_with(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Trouble> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Trouble::incomplete(format!("standard output cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}

/// Says something beside the results.
pub(crate) fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Whether to use colours: only on a terminal, and never where `NO_COLOR` is set.
pub(crate) fn colour() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Plans backends and patterns; where some of one kind are named, only those of that kind.
pub(crate) fn planned(registry: &Registry, selection: &Selection) -> Result<Vec<PlannedTarget>, Trouble> {
    let trouble = |error: prism_runner::PlanError| Trouble::usage(error.to_string());
    let everything = selection.backends.is_empty() && selection.patterns.is_empty();
    let mut targets = Vec::new();
    if everything || !selection.backends.is_empty() {
        targets.extend(plan_backends(registry, selection).map_err(trouble)?);
    }
    if everything || !selection.patterns.is_empty() {
        targets.extend(plan_patterns(registry, selection, &ReferencePatterns).map_err(trouble)?);
    }
    Ok(targets)
}

/// The ways that lead to a backend.
pub(crate) fn routes(via_proxy: Option<ViaProxyArg>) -> Vec<Route> {
    match via_proxy {
        None => vec![Route::Direct],
        Some(ViaProxyArg::Both) => vec![Route::Direct, Route::Proxy],
        Some(ViaProxyArg::Only) => vec![Route::Proxy],
    }
}

/// The commit of the work tree, where CI says it.
pub(crate) fn commit() -> Option<String> {
    std::env::var("GITHUB_SHA").ok().filter(|commit| !commit.is_empty())
}

/// This program as the one that runs a pattern.
pub(crate) fn pattern_command() -> Option<PatternCommand> {
    let program = std::env::current_exe().ok()?;
    Some(PatternCommand { program, arguments: vec!["pattern".to_owned()] })
}

/// The built-in backends and patterns and those of the folders.
pub(crate) fn registry(args: &RegistryArgs) -> Result<Registry, Trouble> {
    let mut sources = builtins::sources();
    sources.extend(patterns::sources());
    sources.extend(args.registry.iter().cloned().map(Source::Folder));
    Registry::load(&sources).map_err(|errors| Trouble::usage(render_problems(&errors)))
}

pub(crate) fn render_problems(errors: &Problems) -> String {
    let coloured =
        io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let theme = if coloured { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let mut text = String::new();
    match GraphicalReportHandler::new_themed(theme).with_width(110).render_report(&mut text, errors) {
        Ok(()) => text,
        Err(_) => errors.to_string(),
    }
}

/// An argument as a shell takes it.
pub(crate) fn quoted(argument: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_./:=@,+%".contains(character);
    if !argument.is_empty() && argument.chars().all(plain) {
        argument.to_owned()
    } else {
        format!("'{}'", argument.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_quoted_where_a_shell_needs_it() {
        assert_eq!(quoted("--seed=7"), "--seed=7");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("keyvalue_ttl/*"), "'keyvalue_ttl/*'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
