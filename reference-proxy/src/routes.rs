//! Which upstream a namespace belongs to.

use crate::{
    config::{Config, Limits, Rule},
    upstream::Upstream,
};
use futures::future::join_all;
use prism_interfaces::Namespace;
use std::{collections::HashMap, sync::Arc};

/// One rule with its upstream.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) rule: Rule,
    /// Which services it takes; empty for what no other of the same rule takes.
    pub(crate) services: Vec<String>,
    /// The same as one word, by which the limits of a namespace are told apart.
    pub(crate) share: Arc<str>,
    /// As metrics and logs call the rule; the namespaces under a prefix share it, because they can be any number.
    pub(crate) label: Arc<str>,
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) limits: Limits,
}

/// What a rule says of the services.
#[derive(Debug, Default)]
pub(crate) struct Group(Vec<Arc<Route>>);

impl Group {
    /// Where calls of a service go: its own name wins over its package, and that over the rest.
    pub(crate) fn of(&self, service: &str) -> Option<&Arc<Route>> {
        let package = service.rsplit_once('.').map_or("", |(package, _)| package);
        let named = |wanted: &dyn Fn(&str) -> bool| {
            self.0.iter().find(|route| route.services.iter().any(|name| wanted(name)))
        };
        named(&|name| name == service)
            .or_else(|| named(&|name| name.strip_suffix(".*").is_some_and(|name| name == package)))
            .or_else(|| self.0.iter().find(|route| route.services.is_empty()))
    }

    /// All of them.
    pub(crate) fn upstreams(&self) -> impl Iterator<Item = &Arc<Upstream>> {
        self.0.iter().map(|route| &route.upstream)
    }
}

/// All rules of a configuration. Calls in flight keep the rule that they began with.
#[derive(Debug)]
pub(crate) struct Routes {
    exact: HashMap<String, Group>,
    /// By prefix, and the lengths of the prefixes, longest first.
    prefixes: HashMap<String, Group>,
    lengths: Vec<usize>,
    /// In the order in which they are tried.
    all: Vec<Arc<Route>>,
    upstreams: Vec<Arc<Upstream>>,
    max_header_bytes: u32,
}

impl Routes {
    /// Builds the rules; upstreams that `before` has with the same configuration go on as they are.
    pub(crate) fn build(config: &Config, before: Option<&Self>) -> Self {
        let upstreams = upstreams(config, before);
        let mut all: Vec<Arc<Route>> = config
            .namespaces
            .iter()
            .filter_map(|namespace| {
                // A checked configuration names upstreams that it has.
                let upstream =
                    upstreams.iter().find(|upstream| upstream.config().name == namespace.upstream)?;
                Some(Arc::new(Route {
                    rule: namespace.rule.clone(),
                    services: namespace.services.clone(),
                    share: Arc::from(namespace.services.join(",")),
                    label: Arc::from(namespace.rule.to_string()),
                    upstream: Arc::clone(upstream),
                    limits: namespace.limits,
                }))
            })
            .collect();
        all.sort_by_key(|route| {
            let rest = (route.services.is_empty(), route.services.clone());
            match &route.rule {
                Rule::Exact(name) => (0, 0, name.clone(), rest),
                Rule::Prefix(prefix) => (1, usize::MAX - prefix.len(), prefix.clone(), rest),
            }
        });
        let (mut exact, mut prefixes, mut lengths) = (HashMap::new(), HashMap::new(), Vec::new());
        for route in &all {
            let group: &mut Group = match &route.rule {
                Rule::Exact(name) => exact.entry(name.clone()).or_default(),
                Rule::Prefix(prefix) => {
                    lengths.push(prefix.len());
                    prefixes.entry(prefix.clone()).or_default()
                }
            };
            group.0.push(Arc::clone(route));
        }
        lengths.dedup();
        Self { exact, prefixes, lengths, all, upstreams, max_header_bytes: config.max_header_bytes }
    }

    /// The rule of a namespace: its own, or that of its longest prefix.
    pub(crate) fn find(&self, namespace: &Namespace) -> Option<&Group> {
        let name = namespace.as_str();
        self.exact.get(name).or_else(|| {
            self.lengths
                .iter()
                .find_map(|length| name.get(..*length).and_then(|head| self.prefixes.get(head)))
        })
    }

    /// In the order in which they are tried.
    pub(crate) fn all(&self) -> &[Arc<Route>] {
        &self.all
    }

    /// Sorted by name.
    pub(crate) fn upstreams(&self) -> &[Arc<Upstream>] {
        &self.upstreams
    }

    pub(crate) fn max_header_bytes(&self) -> u32 {
        self.max_header_bytes
    }

    /// Ends the processes of all upstreams: none before those that stand on it.
    pub(crate) async fn end_processes(&self) {
        let mut left: Vec<&Arc<Upstream>> = self.upstreams.iter().collect();
        while !left.is_empty() {
            let carries = |upstream: &Arc<Upstream>| {
                left.iter().any(|other| other.under().iter().any(|(_, under)| Arc::ptr_eq(under, upstream)))
            };
            let (later, now): (Vec<&Arc<Upstream>>, Vec<&Arc<Upstream>>) =
                left.iter().partition(|upstream| carries(upstream));
            join_all(now.iter().map(|upstream| upstream.end_process())).await;
            left = later;
        }
    }
}

/// Upstreams that `before` has with the same configuration go on as they are, unless something that they stand on is
/// another one now.
fn upstreams(config: &Config, before: Option<&Routes>) -> Vec<Arc<Upstream>> {
    let mut built: HashMap<&str, Arc<Upstream>> = HashMap::new();
    // What others stand on comes first. A checked configuration has no circles, so every round builds one at least.
    for _ in &config.upstreams {
        for wanted in &config.upstreams {
            if built.contains_key(wanted.name.as_str()) {
                continue;
            }
            let under =
                wanted.stands_on().map(|(slot, name)| Some((slot.to_owned(), Arc::clone(built.get(name)?))));
            let Some(under) = under.collect::<Option<Vec<_>>>() else { continue };
            let same = |upstream: &&Arc<Upstream>| {
                upstream.config() == wanted
                    && upstream.under().len() == under.len()
                    && upstream.under().iter().zip(&under).all(|(left, right)| Arc::ptr_eq(&left.1, &right.1))
            };
            let kept = before.into_iter().flat_map(|before| &before.upstreams).find(same).map(Arc::clone);
            let upstream = kept.unwrap_or_else(|| Upstream::start(wanted.clone(), under));
            built.insert(&wanted.name, upstream);
        }
    }
    config.upstreams.iter().filter_map(|wanted| built.remove(wanted.name.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(rules: &str, before: Option<&Routes>) -> Routes {
        let text = format!(
            "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nupstreams: {{ u: {{ endpoint: 'unix:/nowhere' }} }}\n\
             namespaces:\n{rules}"
        );
        Routes::build(&Config::parse("test", &text).expect("a good configuration"), before)
    }

    #[tokio::test]
    async fn a_name_wins_over_prefixes_and_a_long_prefix_over_a_short_one() {
        let routes = routes(
            "  - { prefix: 'a*', upstream: u }\n  - { prefix: 'a-b*', upstream: u }\n  \
             - { name: a-b, upstream: u }\n  - { prefix: 'b-*', upstream: u }\n",
            None,
        );
        for (name, rule) in [
            ("a-b", Some("a-b")),
            ("a-bc", Some("a-b*")),
            ("a-b-c", Some("a-b*")),
            ("a-", Some("a*")),
            ("a", Some("a*")),
            ("ab", Some("a*")),
            ("b-", Some("b-*")),
            ("b", None),
            ("c", None),
        ] {
            let namespace = Namespace::new(name).expect("a name");
            let route = routes.find(&namespace).and_then(|group| group.of("any.Service"));
            assert_eq!(route.map(|route| &*route.label), rule, "{name}");
        }
        let order: Vec<&str> = routes.all().iter().map(|route| &*route.label).collect();
        assert_eq!(order, ["a-b", "a-b*", "b-*", "a*"]);
    }

    #[tokio::test]
    async fn an_upstream_that_stays_the_same_keeps_its_connections() {
        let before = routes("  - { name: a, upstream: u }\n", None);
        let after = routes("  - { name: b, upstream: u }\n", Some(&before));
        assert!(Arc::ptr_eq(&before.upstreams[0], &after.upstreams[0]));
        let namespace = |name| Namespace::new(name).expect("a name");
        assert!(after.find(&namespace("a")).is_none() && after.find(&namespace("b")).is_some());
    }

    #[tokio::test]
    async fn a_pattern_is_another_one_where_what_it_stands_on_is() {
        let build = |comment: &str, u: &str, before: Option<&Routes>| {
            let text = format!(
                "{comment}listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nupstreams:\n  \
                 a: {{ pattern: keyvalue, slots: {{ store: u }} }}\n  u: {{ endpoint: 'unix:{u}' }}\nnamespaces: []\n"
            );
            Routes::build(&Config::parse("test", &text).expect("a good configuration"), before)
        };
        let before = build("", "/nowhere", None);
        let moved = build("# A line above.\n", "/nowhere", Some(&before));
        let other = build("", "/elsewhere", Some(&before));
        let same = |after: &Routes| Arc::ptr_eq(&before.upstreams[0], &after.upstreams[0]);
        assert_eq!(before.upstreams[0].config().name, "a");
        assert!(same(&moved) && !same(&other));
    }

    #[tokio::test]
    async fn a_service_wins_over_its_package_and_that_over_the_rest() {
        let all = routes(
            "  - { name: a, services: [x.v1.One, y.v1.*], upstream: u, limits: { rate: 1 } }\n  \
             - { name: a, services: [x.v1.*], upstream: u, limits: { rate: 2 } }\n  - { name: a, upstream: u }\n  \
             - { name: b, services: [x.v1.*], upstream: u }\n",
            None,
        );
        let rate = |namespace: &str, service: &str| {
            let namespace = Namespace::new(namespace).expect("a name");
            let route = all.find(&namespace).expect("a rule").of(service)?;
            Some(route.limits.rate.map(|rate| rate.per_second))
        };
        assert_eq!(rate("a", "x.v1.One"), Some(Some(1.0)));
        assert_eq!(rate("a", "x.v1.Two"), Some(Some(2.0)));
        assert_eq!(rate("a", "y.v1.Two"), Some(Some(1.0)));
        assert_eq!(rate("a", "x.v1.more.Two"), Some(None));
        assert_eq!((rate("b", "x.v1.One"), rate("b", "x.v2.One")), (Some(None), None));
    }
}
