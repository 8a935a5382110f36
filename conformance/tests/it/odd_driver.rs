//! Drivers that misbehave, as processes: this test binary, started again with `ODD_DRIVER` set to what is odd.
//!
//! Where they listen they learn from `PRISM_ADDRESS`. Each start appends a line to the file `lives` of the folder that
//! it is started in; `ODD_LIVES` says how many starts, from the first, are odd. `ODD_AFTER` is the number of calls to
//! `KeyValueBasic` that go well before.

use async_trait::async_trait;
use prism_driver_kit::{Driver, DriverInfo, Host, InterfaceInfo, Running, RunningDriver, Settings};
use prism_interfaces::{Endpoint, EndpointError, Fault, Namespace};
use prism_memstore::Memstore;
use prism_mutants::Subject;
use std::{
    env,
    fs::{self, OpenOptions},
    future::pending,
    io::{Read, Write},
    process::{Command, exit},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};
use tokio::{
    net::{TcpListener, UnixListener},
    sync::Notify,
};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::{Status, body::Body, service::Routes, transport::Server};
use tower::{Layer, Service};

/// Arguments for this binary that lead to [`is_a_driver_when_told_so`].
pub(crate) const ARGUMENTS: [&str; 4] =
    ["odd_driver::is_a_driver_when_told_so", "--exact", "--nocapture", "--test-threads=1"];

/// The `driver` of a backend.yaml that starts this binary.
pub(crate) fn driver(odd: &str, env: &str) -> String {
    let program = env::current_exe().expect("this binary");
    let arguments = ARGUMENTS.join(", ");
    format!(
        "{{ command: [\"{}\", {arguments}], instances: one, env: {{ ODD_DRIVER: {odd}{env} }} }}",
        program.display()
    )
}

#[test]
fn is_a_driver_when_told_so() {
    let Ok(odd) = env::var("ODD_DRIVER") else {
        let again = Command::new(env::current_exe().expect("this binary"))
            .args(ARGUMENTS)
            .env("ODD_DRIVER", "exits")
            .env("PRISM_ADDRESS", "127.0.0.1:1")
            .current_dir(tempfile::tempdir().expect("a folder").path())
            .output()
            .expect("this binary runs");
        assert_eq!(again.status.code(), Some(7), "{}", String::from_utf8_lossy(&again.stderr));
        return;
    };
    let address = env::var("PRISM_ADDRESS").expect("PRISM_ADDRESS");
    tokio::runtime::Runtime::new().expect("a runtime").block_on(be(&odd, &address));
    exit(0);
}

async fn be(odd: &str, address: &str) {
    let is_odd = live() <= number("ODD_LIVES", usize::MAX);
    let memstore = || Host::new(Memstore::new()).endpoint();
    match odd {
        "exits" => exit(7),
        "deaf" => pending().await,
        "http1" => {
            let listener = std::net::TcpListener::bind(address).expect("the address");
            for mut stream in listener.incoming().flatten() {
                let _ = stream.read(&mut [0; 64]);
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 7\r\n\r\ngarbage");
            }
        }
        "floods" | "floods-and-exits" => {
            let line = "flood ".repeat(1000) + "\n";
            for _ in 0..3000 {
                print(&line);
            }
            if odd == "floods-and-exits" {
                exit(5);
            }
            serve(memstore(), address).await;
        }
        // A correct driver, or one with the seeded fault that is named.
        "mutant" => {
            let fault = env::var("ODD_MUTANT").ok().map(|id| {
                prism_mutants::all().into_iter().find(|mutant| mutant.id == id).expect("a mutant of this id")
            });
            let endpoint = match fault.map(|fault| fault.subject) {
                None => memstore(),
                Some(Subject::Endpoint(make)) => make()(memstore()),
                Some(_) => panic!("this mutant does not wrap an endpoint"),
            };
            serve(endpoint, address).await;
        }
        "sick" => serve(Host::new(Sick).endpoint(), address).await,
        "socket" => {
            // What the runner promises to tell.
            let path = address.strip_prefix("unix:").expect("a Unix socket");
            assert_eq!(env::var("ODD_SOCKET").as_deref(), Ok(path));
            assert_eq!(env::var("PRISM_SETTING_CLOCK").as_deref(), Ok("system"));
            let listener = UnixListener::bind(path).expect("the socket");
            let served = Server::builder().serve_with_incoming(memstore(), UnixListenerStream::new(listener));
            served.await.expect("serving");
        }
        "crashes" if is_odd => {
            serve(memstore().layer(After::new(|| exit(3))), address).await;
        }
        "closes-its-port" if is_odd => {
            let close = Arc::new(Notify::new());
            let closing = Arc::clone(&close);
            let endpoint = memstore().layer(After::new(move || closing.notify_one()));
            tokio::select! {
                () = serve(endpoint, address) => {}
                () = close.notified() => {}
            }
            pending::<()>().await;
        }
        "crashes" | "closes-its-port" => serve(memstore(), address).await,
        _ => panic!("there is no driver {odd}"),
    }
}

/// Writes to standard output past the test harness.
fn print(text: &str) {
    std::io::stdout().write_all(text.as_bytes()).expect("standard output");
}

fn number(variable: &str, default: usize) -> usize {
    env::var(variable).map_or(default, |text| text.parse().expect("a number"))
}

/// Counts this start; from 1.
fn live() -> usize {
    let mut lives = OpenOptions::new().append(true).create(true).open("lives").expect("a file");
    lives.write_all(b"|\n").expect("a line");
    fs::read("lives").expect("a file").len() / 2
}

async fn serve(endpoint: Endpoint, address: &str) {
    let listener = TcpListener::bind(address).await.expect("the address");
    prism_driver_kit::serve(endpoint, listener, pending()).await.expect("serving");
}

/// Does something odd in place of answering, after so many calls.
#[derive(Clone)]
struct After {
    calls: Arc<AtomicUsize>,
    well: usize,
    act: Arc<dyn Fn() + Send + Sync>,
}

impl After {
    fn new(act: impl Fn() + Send + Sync + 'static) -> Self {
        Self { calls: Arc::default(), well: number("ODD_AFTER", 0), act: Arc::new(act) }
    }
}

impl Layer<Endpoint> for After {
    type Service = Odd;

    fn layer(&self, inner: Endpoint) -> Odd {
        Odd { inner, after: self.clone() }
    }
}

#[derive(Clone)]
struct Odd {
    inner: Endpoint,
    after: After,
}

impl Service<http::Request<Body>> for Odd {
    type Response = http::Response<Body>;
    type Error = EndpointError;
    type Future = <Endpoint as Service<http::Request<Body>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        if request.uri().path().contains("KeyValueBasic")
            && self.after.calls.fetch_add(1, Ordering::Relaxed) == self.after.well
        {
            print("\nodd: this is the end\n");
            (self.after.act)();
        }
        self.inner.call(request)
    }
}

/// A driver that never gets well.
struct Sick;

#[async_trait]
impl Driver for Sick {
    fn info(&self) -> DriverInfo {
        let interfaces = vec![InterfaceInfo { id: "keyvalue_basic", traits: &[] }];
        DriverInfo { name: "sick", version: "1", interfaces, clock: false, settings: &[] }
    }

    fn check(&self, _: &Settings) -> Result<(), Fault> {
        Ok(())
    }

    async fn start(&self, _: &Settings) -> Result<RunningDriver, Status> {
        Ok(Box::new(Self))
    }
}

#[async_trait]
impl Running for Sick {
    fn routes(&self) -> Routes {
        Routes::default()
    }

    fn server_version(&self) -> String {
        String::new()
    }

    async fn health(&self) -> Result<(), String> {
        Err("it has a cold".to_owned())
    }

    async fn drop_namespace(&self, _: &Namespace) -> Result<(), Status> {
        Ok(())
    }

    async fn stop(&self) {}
}
