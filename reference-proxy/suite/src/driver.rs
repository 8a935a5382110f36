//! A driver in a process of its own: the executable that runs the suite, when a variable asks for it.

use crate::upstream::{frames, message, trailers};
use bytes::Buf;
use http::{HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::BodyExt;
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prism_interfaces::lifecycle::v1::InitializeRequest;
use prost::Message;
use std::{
    convert::Infallible,
    io::Write,
    process::{Command, ExitCode, Stdio},
    sync::{Arc, Mutex, OnceLock, PoisonError, atomic::AtomicBool, atomic::Ordering},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    time::sleep,
};
use tonic::{Status, body::Body};

/// The variable that asks for it.
pub const VARIABLE: &str = "PRISM_PROXY_SUITE_DRIVER";
/// It ends by itself, so that nothing is left behind where nobody ends it.
const LIFE: Duration = Duration::from_mins(2);

/// Whether this process is to be a driver.
pub fn is_asked() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// Serves at `PRISM_ADDRESS`.
pub fn serve() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        tokio::select! {
            () = accept() => {}
            () = sleep(LIFE) => {}
        }
    });
    ExitCode::FAILURE
}

/// What the driver knows.
#[derive(Debug, Default)]
struct Driver {
    name: OnceLock<String>,
    started: AtomicBool,
    children: Mutex<Vec<std::process::Child>>,
}

async fn accept() {
    let address = std::env::var("PRISM_ADDRESS").expect("PRISM_ADDRESS");
    let driver = Arc::new(Driver::default());
    if let Some(path) = address.strip_prefix("unix:") {
        let listener = UnixListener::bind(path).expect("the socket");
        while let Ok((stream, _)) = listener.accept().await {
            driver.clone().answer_on(stream);
        }
        return;
    }
    let listener = TcpListener::bind(address).await.expect("the address");
    while let Ok((stream, _)) = listener.accept().await {
        driver.clone().answer_on(stream);
    }
}

impl Driver {
    fn answer_on(self: Arc<Self>, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let service = service_fn(move |request| {
            let driver = Arc::clone(&self);
            async move { Ok::<_, Infallible>(driver.answer(request).await) }
        });
        tokio::spawn(
            http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service),
        );
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        if path.starts_with("/grpc.health.") {
            return Status::unimplemented("no health here").into_http();
        }
        let mut body = match request.into_body().collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => return Status::cancelled(error.to_string()).into_http(),
        };
        if body.len() < 5 {
            return Status::invalid_argument("no message").into_http();
        }
        body.advance(5);
        let said = match path.rsplit('/').next().unwrap_or_default() {
            "Initialize" => {
                let settings = InitializeRequest::decode(body).map(|request| request.settings);
                let Some(name) = settings.ok().and_then(|settings| settings.get("name").cloned()) else {
                    return Status::invalid_argument("the setting `name` is missing").into_http();
                };
                // Twice is what a proxy must not do, and is seen by the name that stays.
                let _ = self.name.set(name);
                return ok(bytes::Bytes::from_static(&[0; 5]), "");
            }
            "Start" if self.name.get().is_some() => {
                self.started.store(true, Ordering::SeqCst);
                return ok(bytes::Bytes::from_static(&[0; 5]), "");
            }
            _ if !self.started.load(Ordering::SeqCst) => {
                return Status::failed_precondition("it has not been started").into_http();
            }
            "Pid" => std::process::id(),
            "Child" => {
                let child = Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().expect("a child");
                let id = child.id();
                self.children.lock().unwrap_or_else(PoisonError::into_inner).push(child);
                id
            }
            "Die" => {
                // Nothing better can be done where nobody reads it.
                let _ = writeln!(std::io::stderr(), "these are my last words");
                std::process::exit(3);
            }
            _ => return Status::unimplemented("unknown method").into_http(),
        };
        ok(message(said.to_string().as_bytes()), self.name.get().map_or("", String::as_str))
    }
}

fn ok(message: bytes::Bytes, name: &str) -> Response<Body> {
    let data = [Ok(Frame::data(message)), Ok(trailers(&[("grpc-status", "0")]))];
    let mut response = Response::new(frames(futures::stream::iter(data)));
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/grpc"));
    headers.insert("x-upstream", HeaderValue::from_str(name).expect("a header"));
    response
}
