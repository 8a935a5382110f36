//! Every clause has its case, and every case its clause.

use prism_interfaces::{Level, catalogue, traits::Declaration};
use prism_runner::registry::Registry;
use prism_suites::suite;
use std::collections::BTreeSet;

/// Those about backends, and those about patterns.
fn all_cases() -> Vec<prism_suites::Case> {
    suite::cases().into_iter().chain(prism_patterns_suite::cases()).collect()
}

#[test]
fn every_clause_that_binds_has_a_case() {
    let cases = all_cases();
    let mut cited: BTreeSet<&str> = cases.iter().flat_map(|case| case.clauses).copied().collect();
    // Refusals are made per declaration.
    cited.extend(suite::called_for(&Declaration::default()).iter().flat_map(|case| case.clauses));
    let without: Vec<_> = catalogue::clauses()
        .filter(|clause| clause.level != Level::May && !cited.contains(clause.id))
        .map(|clause| clause.id)
        .collect();
    assert_eq!(without, Vec::<&str>::new(), "clauses that no case proves");
}

#[test]
fn every_case_cites_clauses_that_exist_and_has_a_name_and_sentence_of_its_own() {
    let mut ids = BTreeSet::new();
    for case in all_cases() {
        assert!(!case.clauses.is_empty(), "{} cites no clause", case.id);
        for clause in case.clauses {
            assert!(catalogue::clause(clause).is_some(), "{} cites {clause}, which does not exist", case.id);
        }
        let known = catalogue::services().any(|service| service.id == case.interface());
        assert!(known, "{} belongs to no interface", case.id);
        let (_, name) = case.id.split_once('/').expect("interface/name");
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        assert!(!name.is_empty() && name.bytes().all(plain), "{} is not in snake case", case.id);
        assert!(
            !case.sentence.is_empty() && !case.sentence.ends_with('.'),
            "{}: {:?}",
            case.id,
            case.sentence
        );
        assert!(ids.insert(case.id.clone()), "{} is there twice", case.id);
    }
}

/// A case counts or does not; one that proved both kinds of clauses could not be told apart.
#[test]
fn no_case_proves_provisional_clauses_beside_others() {
    for case in all_cases() {
        let clauses = case.clauses.iter().filter_map(|id| catalogue::clause(id));
        let provisional = clauses.filter(|clause| clause.is_provisional()).count();
        assert!(provisional == 0 || provisional == case.clauses.len(), "{} cites both kinds", case.id);
    }
}

#[test]
fn the_built_in_backends_are_declared_without_a_mistake_and_get_every_kind_of_case() {
    let registry = Registry::load(&prism_conformance::builtins::sources()).expect("no mistakes");
    let names: Vec<&str> = registry.backends().iter().map(|backend| backend.name.as_str()).collect();
    assert_eq!(names, ["memstore", "redis", "sqlite"]);
    let all: BTreeSet<String> = suite::cases().into_iter().map(|case| case.id).collect();
    let memstore = registry.find("memstore").expect("memstore");
    let called_for: BTreeSet<String> =
        suite::called_for(&memstore.declaration).into_iter().map(|case| case.id).collect();
    // The reference disconnects subscribers that fall behind; a mutant that declares `overflow: drop` runs this one.
    let elsewhere = BTreeSet::from(["pubsub_basic/overflow_drops_and_goes_on".to_owned()]);
    assert_eq!(all.difference(&called_for).cloned().collect::<BTreeSet<_>>(), elsewhere);
}
