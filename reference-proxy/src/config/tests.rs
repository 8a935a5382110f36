use super::*;

const GOOD: &str = "\
listen: 127.0.0.1:0
admin: '[::1]:0'
upstreams:
  redis:
    endpoint: http://localhost:9001
    connections: 3
    backoff: { first: 10ms, max: 1s }
  sqlite: { endpoint: unix:///run/sqlite.sock }
  tool: { command: [./tool, '{address}'], settings: { url: 'x' } }
namespaces:
  - { name: orders, upstream: redis, limits: { rate: 2.5, max_concurrent: 7 } }
  - { prefix: '*', upstream: sqlite }
  - { prefix: '*', services: [b.v1.*, a.v1.One], upstream: redis }
";

#[test]
fn a_good_file_is_read_with_its_defaults() {
    let config = Config::parse("proxy.yaml", GOOD).expect("a good file");
    assert_eq!(config.drain_timeout, Duration::from_secs(30));
    assert_eq!(config.max_header_bytes, 64 << 10);
    let [redis, sqlite, tool] = config.upstreams.as_slice() else { panic!("three upstreams") };
    assert_eq!(redis.endpoint, UpstreamAddress::Tcp("localhost:9001".to_owned()));
    assert_eq!((redis.connections, redis.backoff_first), (3, Duration::from_millis(10)));
    assert_eq!(sqlite.endpoint, UpstreamAddress::Unix("/run/sqlite.sock".into()));
    assert_eq!((sqlite.connections, sqlite.connect_timeout), (2, Duration::from_secs(2)));
    let UpstreamAddress::Process(process) = &tool.endpoint else { panic!("a process") };
    assert_eq!(
        (process.command.join(" "), process.settings["url"].as_str()),
        ("./tool {address}".to_owned(), "x")
    );
    assert_eq!(tool.endpoint.to_string(), "process:./tool");
    let [orders, rest, some] = config.namespaces.as_slice() else { panic!("three rules") };
    assert_eq!(orders.rule, Rule::Exact("orders".to_owned()));
    assert_eq!(orders.limits.rate, Some(Rate { per_second: 2.5, burst: 3 }));
    assert_eq!((orders.limits.max_concurrent, orders.limits.max_message_bytes), (Some(7), None));
    assert_eq!((rest.rule.to_string(), rest.services.as_slice()), ("*".to_owned(), &[][..]));
    assert_eq!(
        (some.rule.to_string(), some.services.join(" ")),
        ("*".to_owned(), "a.v1.One b.v1.*".to_owned())
    );
}

#[test]
fn every_mistake_is_told_at_once_with_its_place() {
    let text = "\
listen: localhost
drain_timout: 5s
drain_timeout: 5
upstreams:
  redis: { endpoint: 'https://x:1', connections: 0 }
  redis: { endpoint: 'http://x:1' }
  a: { endpoint: 'http://x:1', command: [x] }
  b: { endpoint: 'http://x:1', settings: {} }
  c: { command: [] }
namespaces:
  - { name: Orders, upstream: redis }
  - { prefix: team-, upstream: redsi }
  - { upstream: redis, limits: { burst: 3, rate: -1 } }
  - { name: a, prefix: a*, upstream: redis }
  - { name: b, upstream: redis }
  - { name: b, upstream: redis }
  - { name: b, upstream: redis, services: [x.*, y.Y] }
  - { name: b, upstream: redis, services: [y.Y] }
  - { name: c, upstream: redis, services: [] }
  - { name: d, upstream: redis, services: ['x.*y'] }
";
    let errors = Config::parse("proxy.yaml", text).expect_err("mistakes");
    let found: Vec<String> = errors
        .problems()
        .iter()
        .map(|problem| {
            let (_, line, column) = problem.position().expect("a place");
            format!("{line}:{column} {problem}")
        })
        .collect();
    assert_eq!(
        found,
        [
            "1:1 the configuration has no `admin`",
            "1:9 `listen` is not an IP address with a port: `localhost`",
            "2:1 `drain_timout` is not a key of the configuration",
            "3:16 `drain_timeout` is not a length of time",
            "5:22 `endpoint` is not an address of an upstream: `https://x:1`",
            "5:50 `connections` is not a whole number from 1 to 64",
            "6:3 `redis` is written twice in `upstreams`",
            "7:18 upstream `a` has `endpoint` and `command`",
            "8:42 `settings` stands without `command`",
            "9:17 `command` names no program",
            "11:13 `Orders` is no namespace",
            "12:15 `team-` is no prefix of namespaces",
            "12:32 there is no upstream `redsi`",
            "13:5 an entry of `namespaces` has neither `name` nor `prefix`",
            "13:50 `rate` is not a number from 0.001 to 1000000000",
            "14:24 an entry of `namespaces` has `name` and `prefix`",
            "16:13 `b` is routed twice",
            "18:13 `b` is routed twice for `y.Y`",
            "19:43 `services` names none",
            "20:44 `x.*y` is no service",
        ]
    );
    let shown = errors.plain();
    assert!(shown.starts_with("the configuration has 20 problems\nproxy.yaml:1:1: "), "{shown}");
    assert!(shown.contains("\n  help: write `redis`"), "{shown}");
    assert!(shown.contains("\n  help: write `drain_timeout`"), "{shown}");
}

#[test]
fn what_is_no_yaml_at_all_is_one_problem() {
    for text in ["", "a: [", "- x", "a: &b c\nd: *b", "a: 1\n---\nb: 2", "\u{0}\u{1}"] {
        assert!(!Config::parse("x", text).expect_err(text).problems().is_empty());
    }
    let missing = Config::load(Path::new("/nowhere/proxy.yaml")).expect_err("no file");
    let missing = missing.plain();
    assert!(missing.contains("/nowhere/proxy.yaml cannot be read"), "{missing}");
}
