use super::{Mutant, mutant, status};
use crate::Faults;
use http::HeaderValue;
use prism_proxy::config::{Config, NamespaceConfig, Rule};
use std::sync::{Arc, OnceLock};
use tonic::Code;

const ROUTES: &str = "routing/each_namespace_reaches_its_upstream";
const SERVICES: &str = "routing/services_reach_their_upstreams";
const REFUSES: &str = "routing/unknown_and_bad_namespaces_are_refused";

pub(super) fn mutants() -> Vec<Mutant> {
    vec![
        mutant("shortest_prefix_wins", "A short prefix wins over a longer one", &[ROUTES], || {
            Faults::config(|config| {
                reroute(config, |rule, other| match (rule, other) {
                    (Rule::Prefix(long), Rule::Prefix(short)) => {
                        long != short && long.starts_with(short.as_str())
                    }
                    _ => false,
                });
            })
        }),
        mutant("prefix_wins_over_name", "A prefix wins over an exact name", &[ROUTES], || {
            Faults::config(|config| {
                reroute(config, |rule, other| match (rule, other) {
                    (Rule::Exact(name), Rule::Prefix(prefix)) => name.starts_with(prefix.as_str()),
                    _ => false,
                });
            })
        }),
        mutant("name_is_a_prefix", "An exact name also takes what begins with it", &[REFUSES], || {
            Faults::config(|config| {
                for NamespaceConfig { rule, .. } in &mut config.namespaces {
                    if let Rule::Exact(name) = rule {
                        *rule = Rule::Prefix(name.clone());
                    }
                }
            })
        }),
        mutant(
            "unknown_goes_to_the_first",
            "A namespace that no rule takes goes to the first upstream",
            &[REFUSES, "admin/health_is_told_for_the_proxy_and_for_each_namespace"],
            || {
                Faults::config(|config| {
                    let mut rest = config.namespaces[0].clone();
                    rest.rule = Rule::Prefix(String::new());
                    if !config.namespaces.iter().any(|namespace| namespace.rule == rest.rule) {
                        config.namespaces.push(rest);
                    }
                })
            },
        ),
        mutant("unknown_is_unavailable", "A namespace that no rule takes is UNAVAILABLE", &[REFUSES], || {
            Faults::response(|response| {
                status::everywhere(response, |headers| {
                    status::code(headers, Code::NotFound, Code::Unavailable);
                })
            })
        }),
        mutant("namespaces_are_folded", "The case of a namespace does not matter", &[REFUSES], || {
            Faults::request(|request| {
                if let Some(name) = request.headers_mut().get_mut("prism-namespace") {
                    let folded = name.as_bytes().to_ascii_lowercase();
                    *name = HeaderValue::from_bytes(&folded).expect("a header");
                }
            })
        }),
        mutant("first_namespace_of_two", "Of two namespaces the first one counts", &[REFUSES], || {
            Faults::request(|request| {
                if let Some(first) = request.headers().get("prism-namespace").cloned() {
                    request.headers_mut().insert("prism-namespace", first);
                }
            })
        }),
        mutant("mixes_namespaces", "Every call goes where the first one went", &[ROUTES], || {
            let first: Arc<OnceLock<HeaderValue>> = Arc::default();
            Faults::request(move |request| {
                if let Some(name) = request.headers_mut().get_mut("prism-namespace") {
                    *name = first.get_or_init(|| name.clone()).clone();
                }
            })
        }),
        mutant(
            "unserved_is_not_found",
            "A method that the upstream does not serve is NOT_FOUND",
            &["routing/unserved_method_is_unimplemented"],
            || {
                Faults::response(|response| {
                    status::everywhere(response, |headers| {
                        status::code(headers, Code::Unimplemented, Code::NotFound);
                    })
                })
            },
        ),
        mutant("services_do_not_matter", "A call goes by its namespace alone", &[SERVICES], || {
            Faults::config(|config| config.namespaces.iter_mut().for_each(|entry| entry.services.clear()))
        }),
        mutant(
            "package_wins_over_name",
            "A package wins over the full name of a service",
            &[SERVICES],
            || {
                Faults::config(|config| {
                    let before = config.namespaces.clone();
                    for entry in &mut config.namespaces {
                        let covered = |service: &String| {
                            before.iter().filter(|other| other.rule == entry.rule).any(|other| {
                                let mut packages =
                                    other.services.iter().filter_map(|name| name.strip_suffix('*'));
                                packages
                                    .any(|package| service.starts_with(package) && !service.ends_with('*'))
                            })
                        };
                        entry.services.retain(|service| !covered(service));
                    }
                })
            },
        ),
        mutant(
            "unserved_services_go_anywhere",
            "A service that no entry takes goes to the last of them",
            &[SERVICES],
            || {
                Faults::config(|config| {
                    let rest = config.namespaces.iter().map(|entry| entry.rule.clone()).filter(|rule| {
                        let mut entries = config.namespaces.iter().filter(|entry| entry.rule == *rule);
                        entries.all(|entry| !entry.services.is_empty())
                    });
                    let rest: Vec<Rule> = rest.collect();
                    for entry in &mut config.namespaces {
                        if rest.contains(&entry.rule) {
                            entry.services.clear();
                        }
                    }
                })
            },
        ),
    ]
}

/// Sends what a rule takes to the upstream of the first other rule for which `instead` holds.
fn reroute(config: &mut Config, instead: fn(&Rule, &Rule) -> bool) {
    let before = config.namespaces.clone();
    for namespace in &mut config.namespaces {
        let other = before.iter().find(|other| instead(&namespace.rule, &other.rule));
        if let Some(other) = other {
            namespace.upstream.clone_from(&other.upstream);
        }
    }
}
