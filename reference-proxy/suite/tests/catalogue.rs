//! Every clause has its case, every case its clause and a mutant that it kills.

use prism_interfaces::Level;
use prism_proxy_suite::{cases, clauses, mutants};
use std::collections::BTreeSet;

#[test]
fn every_clause_that_binds_has_a_case() {
    let cases = cases::all();
    let cited: BTreeSet<&str> = cases.iter().flat_map(|case| case.clauses).copied().collect();
    let binding = clauses::CLAUSES.iter().filter(|clause| clause.level != Level::May);
    let without: Vec<&str> = binding.map(|clause| clause.id).filter(|id| !cited.contains(id)).collect();
    assert_eq!(without, Vec::<&str>::new(), "clauses that no case proves");
}

#[test]
fn every_case_cites_clauses_that_exist_and_has_a_name_and_sentence_of_its_own() {
    let mut ids = BTreeSet::new();
    for case in cases::all() {
        assert!(!case.clauses.is_empty(), "{} cites no clause", case.id);
        for clause in case.clauses {
            assert!(clauses::clause(clause).is_some(), "{} cites {clause}, which does not exist", case.id);
        }
        let (_, name) = case.id.split_once('/').expect("part/name");
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        assert!(!name.is_empty() && name.bytes().all(plain), "{} is not in snake case", case.id);
        assert!(!case.sentence.is_empty() && !case.sentence.ends_with('.'), "{}", case.id);
        assert!(ids.insert(case.id), "{} is there twice", case.id);
    }
}

#[test]
fn every_case_kills_a_mutant_and_every_mutant_is_killed_by_a_case() {
    let (cases, mutants) = (cases::all(), mutants::all());
    let known: BTreeSet<&str> = cases.iter().map(|case| case.id).collect();
    let mut killing = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for mutant in &mutants {
        assert!(ids.insert(mutant.id), "{} is there twice", mutant.id);
        assert!(!mutant.killed_by.is_empty(), "{} is killed by nothing", mutant.id);
        for case in mutant.killed_by {
            assert!(known.contains(case), "{} names {case}, which does not exist", mutant.id);
            killing.insert(*case);
        }
    }
    let idle: Vec<&&str> = known.difference(&killing).collect();
    assert_eq!(idle, Vec::<&&str>::new(), "cases that kill no mutant");
}

#[test]
fn a_clause_knows_its_line() {
    let source = include_str!("../../proto/prism/proxy/v1/contract.proto");
    for clause in clauses::CLAUSES {
        let line = source.lines().nth(clause.line as usize - 1).expect("a line");
        assert!(line.contains(&format!("[{}]", clause.id)), "{}: {line}", clause.id);
    }
}
