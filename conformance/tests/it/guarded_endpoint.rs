//! Endpoints behind TLS that want to know who calls.

use crate::tool::Tool;
use prism_driver_kit::Host;
use prism_interfaces::{Endpoint, EndpointError};
use prism_memstore::Memstore;
use prism_reports::Report;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::{
    future::Future,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::{net::TcpListener, runtime::Runtime};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Status,
    body::Body,
    transport::{Certificate, Identity, Server, ServerTlsConfig},
};
use tower::{Layer, Service};

const TOKEN: &str = "Bearer s3cret-of-the-driver";

/// An authority of our own, and what it has signed.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self { issuer: CertifiedIssuer::self_signed(params, key).expect("a certificate") }
    }

    fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for a name, and its key.
    fn sign(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new([name.to_owned()]).expect("parameters");
        (params.signed_by(&key, &self.issuer).expect("a certificate").pem(), key.serialize_pem())
    }
}

/// memstore, started, behind TLS for the name `driver.test`; ends when dropped.
struct Guarded {
    address: SocketAddr,
    _runtime: Runtime,
}

impl Guarded {
    fn start(authority: &Authority) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let (cert, key) = authority.sign("driver.test");
        let tls = ServerTlsConfig::new()
            .identity(Identity::from_pem(cert, key))
            .client_ca_root(Certificate::from_pem(authority.pem()));
        let endpoint = Host::new(Memstore::new()).endpoint().layer(DoorKeeper);
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("an address");
        runtime.spawn(async move {
            Server::builder()
                .tls_config(tls)
                .expect("certificates")
                .serve_with_incoming(endpoint, TcpListenerStream::new(listener))
                .await
        });
        Self { address, _runtime: runtime }
    }
}

/// Lets nobody in without the token, and repeats it where Exists is called.
#[derive(Clone)]
struct DoorKeeper;

impl Layer<Endpoint> for DoorKeeper {
    type Service = Door;

    fn layer(&self, inner: Endpoint) -> Door {
        Door(inner)
    }
}

#[derive(Clone)]
struct Door(Endpoint);

impl Service<http::Request<Body>> for Door {
    type Response = http::Response<Body>;
    type Error = EndpointError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let answer = |status: Status| Box::pin(async move { Ok(status.into_http()) });
        match request.headers().get("authorization").and_then(|value| value.to_str().ok()) {
            Some(TOKEN) if request.uri().path().ends_with("/Exists") => {
                answer(Status::internal(format!("I was sent {TOKEN}")))
            }
            Some(TOKEN) => self.0.call(request),
            _ => answer(Status::unauthenticated("who are you?")),
        }
    }
}

/// The backend `mine`, with the files that its TLS names.
fn declare(tool: &Tool, authority: &Authority, address: SocketAddr, tls: &str) {
    let (cert, key) = authority.sign("client.test");
    tool.file("mine/ca.pem", &authority.pem());
    tool.file("mine/other.pem", &Authority::new().pem());
    tool.file("mine/me.pem", &cert);
    tool.file("mine/me.key", &key);
    tool.file(
        "mine/backend.yaml",
        &format!(
            "backend: mine\n\
             description: A driver behind TLS\n\
             driver:\n  \
               endpoint: \"https://{address}\"\n  \
               tls: {{ {tls} }}\n  \
               metadata: {{ authorization: {{ env: DRIVER_TOKEN }}, x-tenant: acme }}\n\
             interfaces: {{ keyvalue_basic: {{ max_key_bytes: 4KiB, max_value_bytes: 4MiB }} }}\n\
             guarantees: {{ consistency: linearizable, durability: none }}\n"
        ),
    );
}

const GOOD: &str = "ca: ca.pem, cert: me.pem, key: me.key, domain: driver.test";

/// Runs these cases with this token.
fn run(tool: &Tool, token: Option<&str>, case: &str) -> crate::tool::Ran {
    let mut command = tool.command(&["run", "--registry", "mine", "--backend", "mine", "--case", case]);
    match token {
        Some(token) => command.env("DRIVER_TOKEN", token),
        None => command.env_remove("DRIVER_TOKEN"),
    };
    command.output().expect("the tool runs").into()
}

#[test]
fn a_guarded_endpoint_is_reached_with_certificates_and_a_token() {
    let tool = Tool::new();
    let authority = Authority::new();
    let guarded = Guarded::start(&authority);
    declare(&tool, &authority, guarded.address, GOOD);
    run(&tool, Some(TOKEN), "keyvalue_basic/*delete*").exits(0).says("CONFORMANT");
    run(&tool, Some("Bearer another"), "keyvalue_basic/*delete*").exits(3).says("Unauthenticated");
    run(&tool, None, "keyvalue_basic/*delete*")
        .exits(3)
        .says("DRIVER_TOKEN is not set, and the metadata `authorization` is taken from it");
}

#[test]
fn whom_nobody_vouches_for_is_not_trusted() {
    let tool = Tool::new();
    let authority = Authority::new();
    let guarded = Guarded::start(&authority);
    for (tls, expected) in [
        ("ca: other.pem, cert: me.pem, key: me.key, domain: driver.test", "invalid peer certificate"),
        ("ca: ca.pem, cert: me.pem, key: me.key, domain: another.test", "invalid peer certificate"),
        ("ca: ca.pem, domain: driver.test", "cannot be used: "),
        ("ca: none.pem, domain: driver.test", "none.pem cannot be read"),
    ] {
        declare(&tool, &authority, guarded.address, tls);
        run(&tool, Some(TOKEN), "keyvalue_basic/*").exits(3).says(expected);
    }
}

#[test]
fn what_a_driver_repeats_of_a_secret_shows_nowhere() {
    let tool = Tool::new();
    let authority = Authority::new();
    let guarded = Guarded::start(&authority);
    declare(&tool, &authority, guarded.address, GOOD);
    let ran = run(&tool, Some(TOKEN), "keyvalue_basic/*").exits(1).says("I was sent [value of DRIVER_TOKEN]");
    let mut texts = vec![ran.stdout, ran.stderr];
    for name in ["events.jsonl", "report.json", "junit.xml", "ctrf.json", "summary.md", "report.html"] {
        texts.push(tool.read(&format!("prism-report/{name}")));
    }
    for text in texts {
        assert!(!text.contains("s3cret-of-the-driver"), "{text}");
    }
    let report: Report = serde_json::from_str(&tool.read("prism-report/report.json")).expect("report.json");
    assert!(
        report.cases().any(|(_, case)| case.outcome.proves()),
        "most cases have nothing to do with Exists"
    );
}
