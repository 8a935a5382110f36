//! What a `backend.yaml` says, checked.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use prism_interfaces::traits::Declaration;
use prism_slots::PatternSpec;
use prism_yaml::{File, Span};

use super::placeholder::{self, SOCKET};

/// One backend: a driver, the servers that it can run against, and what it declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    /// `[a-z0-9][a-z0-9-]*`, unique in the registry.
    pub name: String,
    /// A line for people.
    pub description: String,
    /// What is tested.
    pub driver: DriverSpec,
    /// How many cases may run against it at once, 1 to 1024.
    pub concurrency: usize,
    /// In the order of the file; never empty.
    pub setups: Vec<Setup>,
    /// Interfaces, traits and guarantees, defaults filled in.
    pub declaration: Declaration,
    /// Where it is declared.
    pub origin: Origin,
}

/// How the driver is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DriverSpec {
    /// A driver of this build, by its name.
    Builtin(String),
    /// A driver that somebody else serves.
    Endpoint(Remote),
    /// A driver that is started as a process.
    Command(DriverCommand),
    /// A pattern over the drivers of backends.
    Pattern(Box<Composition>),
}

/// A pattern with what is bound to its slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composition {
    /// The pattern.
    pub pattern: PatternSpec,
    /// What is bound, in the order of the slots; slots that are empty or the application's are left out.
    pub slots: Vec<BoundBackend>,
}

/// A backend in a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundBackend {
    /// The slot.
    pub slot: String,
    /// As `--backend` takes it.
    pub name: String,
    /// The backend.
    pub backend: Backend,
    /// Its set-up.
    pub setup: Setup,
}

/// A driver that somebody else serves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remote {
    /// `http://` or `https://` with host and port.
    pub uri: String,
    /// What it is initialized with, besides the settings of the set-up.
    pub settings: BTreeMap<String, String>,
    /// Only with `https://`; without it the certificates of the system are trusted.
    pub tls: Option<Tls>,
    /// What every call carries, by the name of the header.
    pub metadata: BTreeMap<String, MetadataValue>,
}

/// How a driver behind TLS is trusted, and trusts. Files are PEM, relative to the folder of backend.yaml.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// The certificates that are trusted in place of those of the system.
    pub ca: Option<String>,
    /// The certificate to present, with its key.
    pub identity: Option<TlsIdentity>,
    /// The name that the certificate of the driver must have, where it is not the host of the endpoint.
    pub domain: Option<String>,
}

/// The certificate to present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsIdentity {
    /// The file of the certificate.
    pub cert: String,
    /// The file of its key.
    pub key: String,
}

/// The value of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetadataValue {
    /// The value itself.
    Text(String),
    /// The environment variable that holds it; it never shows in a report. Where it is not set, the target is an
    /// error.
    Env(String),
}

/// A driver that is started as a process, once for every instance that is needed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DriverCommand {
    /// The program and its arguments, with placeholders for where to listen; never empty. It is started in the folder
    /// of backend.yaml, and a program with a `/` in it is relative to that.
    pub command: Vec<String>,
    /// What it is initialized with, besides the settings of the set-up.
    pub settings: BTreeMap<String, String>,
    /// Environment variables besides the inherited ones, with placeholders.
    pub env: BTreeMap<String, String>,
    /// What it stores lives in its process, so that a second one would be another server (`instances: one`).
    pub one_instance: bool,
}

impl DriverSpec {
    /// Why there cannot be two instances on the same server; `None` where there can.
    pub fn alone(&self) -> Option<&'static str> {
        match self {
            Self::Endpoint(_) => Some("needs a second instance of the driver; an endpoint has one"),
            Self::Command(command) if command.one_instance => {
                Some("needs a second instance of the driver; backend.yaml says `instances: one`")
            }
            Self::Builtin(_) | Self::Command(_) | Self::Pattern(_) => None,
        }
    }
}

impl DriverCommand {
    /// Whether it listens on a Unix socket, and not on a port.
    pub fn uses_socket(&self) -> bool {
        self.command.iter().chain(self.env.values()).any(|text| placeholder::uses(text, SOCKET))
    }
}

/// One way of running a backend: a version of its server, or a mode of an embedded one.
///
/// Either `embedded` is given, or any of the others, or nothing where the driver brings its own server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Setup {
    /// Such as `redis-7.0`.
    pub name: String,
    /// Whether a run takes it when none is asked for.
    pub default: bool,
    /// The settings of a driver that needs no server.
    pub embedded: Option<BTreeMap<String, String>>,
    /// A server that runs already.
    pub external: Option<External>,
    /// A server in a container.
    pub container: Option<Container>,
    /// A server from a binary of this machine.
    pub process: Option<Process>,
    /// Settings of the driver, with placeholders for where the server is.
    pub settings: BTreeMap<String, String>,
}

/// A server that runs already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct External {
    /// The environment variable that says where: `host:port`, or a URL.
    pub env: String,
}

/// A server in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// With a tag or a digest.
    pub image: String,
    /// The port inside the container.
    pub port: u16,
    /// Arguments in place of the image's own; empty to keep those. `{port}` is the port inside the container.
    pub command: Vec<String>,
    /// Environment variables.
    pub env: BTreeMap<String, String>,
}

/// A server from a binary of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// The program and its arguments, with placeholders; never empty.
    pub command: Vec<String>,
    /// Environment variables besides the inherited ones, with placeholders.
    pub env: BTreeMap<String, String>,
}

/// Where a backend is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// As it was given or found.
    pub path: String,
    /// From 1.
    pub line: usize,
    /// The folder of the file, for paths that are relative to it; `None` for a built-in one.
    pub folder: Option<PathBuf>,
}

impl Origin {
    pub(super) fn new(file: &File, span: Span) -> Self {
        let (line, _) = file.position(span.start);
        Self { path: file.path().to_owned(), line, folder: file.folder().map(Path::to_owned) }
    }
}

impl Backend {
    /// The set-ups that a run takes when none is asked for; never empty.
    pub fn default_setups(&self) -> impl Iterator<Item = &Setup> {
        self.setups.iter().filter(|setup| setup.default)
    }

    /// The set-up with this name.
    pub fn setup(&self, name: &str) -> Option<&Setup> {
        self.setups.iter().find(|setup| setup.name == name)
    }
}

impl Setup {
    /// Whether a server has to be found or started before the driver can be.
    pub fn needs_server(&self) -> bool {
        self.external.is_some() || self.container.is_some() || self.process.is_some()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.path, self.line)
    }
}
