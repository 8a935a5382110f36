//! What a proxy is told: where to listen, its upstreams, and which namespace goes where.
//!
//! ```yaml
//! listen: 127.0.0.1:7400           # where clients call
//! admin: 127.0.0.1:7401            # metrics and the admin service
//! drain_timeout: 30s
//! upstreams:
//!   redis:
//!     endpoint: http://127.0.0.1:9001       # or unix:/run/prism/redis.sock
//!     connections: 2
//!     connect_timeout: 2s
//!     health_interval: 5s
//!     backoff: { first: 100ms, max: 10s }
//!   mine:                                     # a process of the proxy's, instead of an endpoint
//!     command: [./my-driver, --listen, "{address}"]   # or {socket}, and in any case PRISM_ADDRESS
//!     settings: { url: "redis://…" }          # what Lifecycle.Initialize is given
//!   sessions:                                 # a pattern, in a process of the proxy's
//!     pattern: keyvalue
//!     slots: { store: redis }                 # another upstream, or { endpoint: "http://…" }
//!     parameters: { key_prefix: "sessions/" } # as in its pattern.yaml
//!     shutdown_timeout: 30s                   # how long it may take to drain when it is ended
//! namespaces:
//!   - name: orders
//!     upstream: redis
//!     limits: { max_message_bytes: 4194304, max_concurrent: 100, rate: 1000, burst: 200 }
//!   - prefix: team-a-*
//!     upstream: redis
//!   - prefix: team-a-*
//!     services: [prism.pubsub.v1.*]           # or a whole name, prism.pubsub.v1.PubSubBasic
//!     upstream: nats
//! ```
//!
//! An exact name wins over every prefix, and a longer prefix over a shorter one; the order of the file means nothing.
//! `prefix: "*"` takes what nothing else takes. Where a rule is written several times, each but one of them names the
//! services that it takes, and the other takes the rest; without another, the rest is not served. Limits hold for each
//! namespace by itself, also under a prefix, and for what one entry takes.

mod pattern;
mod read;
#[cfg(test)]
mod tests;

use prism_yaml::{File, Problem, Problems};
use std::{collections::BTreeMap, fmt, net::SocketAddr, path::Path, path::PathBuf, time::Duration};

/// A checked configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where clients call. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where metrics and the admin service are. Port 0 takes a free one.
    pub admin: SocketAddr,
    /// How long calls in flight have to finish when the proxy drains.
    pub drain_timeout: Duration,
    /// The most bytes that the headers of a call can have, names and values and 32 for each.
    pub max_header_bytes: u32,
    /// Sorted by name.
    pub upstreams: Vec<UpstreamConfig>,
    /// In the order of the file.
    pub namespaces: Vec<NamespaceConfig>,
}

/// Where calls go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamConfig {
    /// What rules call it.
    pub name: String,
    /// Its address.
    pub endpoint: UpstreamAddress,
    /// How many connections are held open; calls are spread over them.
    pub connections: usize,
    /// How long a connection may take to come about and to answer its first probe.
    pub connect_timeout: Duration,
    /// How often each connection is probed.
    pub health_interval: Duration,
    /// The wait after the first failure; it doubles with each further one.
    pub backoff_first: Duration,
    /// The longest wait.
    pub backoff_max: Duration,
}

/// How to reach an upstream. HTTP/2 without TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamAddress {
    /// `http://host:port`: what is between the slashes and the end.
    Tcp(String),
    /// `unix:/path`.
    Unix(PathBuf),
    /// A process that the proxy starts, and starts again when it ends.
    Process(ProcessConfig),
    /// A pattern, which is a process too; it ends before what it stands on.
    Pattern(PatternConfig),
}

/// A pattern in a process of its own, over what its slots are bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternConfig {
    /// One of this build.
    pub name: String,
    /// What is bound, by slot.
    pub slots: BTreeMap<String, SlotConfig>,
    /// What `Lifecycle.Initialize` is given.
    pub parameters: BTreeMap<String, String>,
    /// How long it may take to drain when it is ended.
    pub shutdown_timeout: Duration,
    /// How it is started; `NAME --config FILE` is added. Empty for the program `prism-pattern` that lies beside this one,
    /// or else is on `PATH`.
    pub command: Vec<String>,
    /// Where its slots are written, for what shows only when the backends are known.
    pub place: Told,
}

/// What a slot is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SlotConfig {
    /// An upstream of the same configuration.
    Upstream(String),
    /// `http://host:port` or `unix:/path`.
    Endpoint(String),
}

/// A place in a file, `file:line:column`. All are equal, because a configuration whose lines have moved is the same.
#[derive(Debug, Clone, Eq)]
pub struct Told(pub String);

impl PartialEq for Told {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// A driver or pattern in a process of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessConfig {
    /// The program, looked up on `PATH` or from the folder of the file, and its arguments. `{address}` and `{socket}`
    /// stand for where it listens.
    pub command: Vec<String>,
    /// What `Lifecycle.Initialize` is given.
    pub settings: BTreeMap<String, String>,
    /// Beside the variables that the proxy has.
    pub env: BTreeMap<String, String>,
    /// The folder of the file.
    pub folder: Option<PathBuf>,
}

impl fmt::Display for UpstreamAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(authority) => write!(f, "http://{authority}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            // Its arguments can hold secrets.
            Self::Process(process) => write!(f, "process:{}", process.command[0]),
            Self::Pattern(pattern) => write!(f, "pattern:{}", pattern.name),
        }
    }
}

/// One rule.
#[derive(Debug, Clone, PartialEq)]
pub struct NamespaceConfig {
    /// Which namespaces it takes.
    pub rule: Rule,
    /// Which services of them: full names, or packages that end with `.*`; sorted, and empty for all that no other entry
    /// of the rule takes.
    pub services: Vec<String>,
    /// The name of an upstream.
    pub upstream: String,
    /// What each of the namespaces may do.
    pub limits: Limits,
}

/// Which namespaces a rule takes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Rule {
    /// The one with this name.
    Exact(String),
    /// Those that begin like this; the empty prefix takes all.
    Prefix(String),
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
        }
    }
}

/// What one namespace may do; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Limits {
    /// The most bytes of one message, as it stands on the wire, in both directions.
    pub max_message_bytes: Option<u32>,
    /// The most calls at a time.
    pub max_concurrent: Option<u32>,
    /// How fast calls may come.
    pub rate: Option<Rate>,
}

/// A token bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Calls per second in the long run.
    pub per_second: f64,
    /// How many calls may come at once; at least 1.
    pub burst: u32,
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, each with line and column and with what to write instead.
    pub fn load(path: &Path) -> Result<Self, Problems> {
        let file = File::read(path).map_err(|problem| problems(vec![problem]))?;
        read::read(&file)
    }

    /// Checks a text; `path` is what problems call it.
    ///
    /// # Errors
    ///
    /// As [`Config::load`].
    pub fn parse(path: &str, text: &str) -> Result<Self, Problems> {
        read::read(&File::new(path, text, None))
    }
}

impl Config {
    /// The same, with patterns started by this command.
    #[must_use]
    pub fn with_pattern_command(mut self, command: &[String]) -> Self {
        for upstream in &mut self.upstreams {
            if let UpstreamAddress::Pattern(pattern) = &mut upstream.endpoint {
                pattern.command = command.to_vec();
            }
        }
        self
    }
}

impl UpstreamConfig {
    /// The upstreams that it stands on, by slot.
    pub(crate) fn stands_on(&self) -> impl Iterator<Item = (&str, &str)> {
        let slots = match &self.endpoint {
            UpstreamAddress::Pattern(pattern) => Some(&pattern.slots),
            _ => None,
        };
        slots.into_iter().flatten().filter_map(|(slot, bound)| match bound {
            SlotConfig::Upstream(name) => Some((slot.as_str(), name.as_str())),
            SlotConfig::Endpoint(_) => None,
        })
    }
}

/// By position, as a person goes through the file.
fn problems(mut found: Vec<Problem>) -> Problems {
    found.sort_by_key(Problem::start);
    Problems::new("the configuration", found)
}
