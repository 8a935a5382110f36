//! `explain`: clauses and cases in full.

use crate::{
    cli::ExplainArgs,
    command::{Trouble, print},
};
use prism_interfaces::{Clause, catalogue};
use prism_suites::{Case, suite};
use std::{fmt::Write as _, process::ExitCode};

/// Prints what was asked for.
pub fn explain(args: &ExplainArgs) -> Result<ExitCode, Trouble> {
    let cases = suite::cases();
    let mut text = String::new();
    for what in &args.what {
        let clauses: Vec<&Clause> = clauses(what);
        let named: Vec<&Case> = cases.iter().filter(|case| case.id == *what).collect();
        if clauses.is_empty() && named.is_empty() {
            return Err(Trouble::usage(unknown(what, &cases)));
        }
        for clause in clauses {
            write_clause(&mut text, clause, &cases);
        }
        for case in named {
            let _ = writeln!(text, "{}  ({})\n  {}.\n", case.id, case.kind.as_str(), case.sentence);
            for clause in case.clauses.iter().filter_map(|id| catalogue::clause(id)) {
                write_clause(&mut text, clause, &[]);
            }
        }
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The clauses that a word stands for: an id, a prefix, an interface, or `general`.
fn clauses(what: &str) -> Vec<&'static Clause> {
    let upper = what.to_ascii_uppercase();
    if what == "general" {
        return catalogue::GENERAL.iter().collect();
    }
    if let Some(service) = catalogue::services().find(|service| service.id == what) {
        return service.clauses.iter().collect();
    }
    catalogue::clauses()
        .filter(|clause| clause.id == upper || clause.id.split('-').next() == Some(upper.as_str()))
        .collect()
}

fn write_clause(text: &mut String, clause: &Clause, cases: &[Case]) {
    let from = clause.from.filter(|_| clause.is_provisional());
    let from = from.map(|from| format!(" (from {from})")).unwrap_or_default();
    let _ = writeln!(text, "[{}] {}{from} {}", clause.id, clause.level, clause.text);
    let _ = writeln!(text, "  interfaces/proto/{}:{} ({})", clause.file, clause.line, clause.element);
    for case in cases.iter().filter(|case| case.clauses.contains(&clause.id)) {
        let _ = writeln!(text, "  proven by {}: {}", case.id, case.sentence);
    }
    text.push('\n');
}

fn unknown(what: &str, cases: &[Case]) -> String {
    let known = catalogue::clauses()
        .map(|clause| clause.id)
        .chain(catalogue::services().map(|service| service.id))
        .chain(cases.iter().map(|case| case.id.as_str()));
    let nearest = prism_yaml::nearest(what, known);
    let hint = nearest.map(|nearest| format!("; did you mean `{nearest}`?")).unwrap_or_default();
    format!("`{what}` is no clause, interface or case{hint}")
}
