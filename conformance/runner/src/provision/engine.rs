//! Whether a container engine answers, told within seconds.

use std::{io, path::Path, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
    time::timeout,
};

/// An engine that is there answers a ping at once; one that needs longer would not start a container either.
const PING_WITHIN: Duration = Duration::from_secs(3);

/// A container engine that answered.
#[derive(Debug, Clone)]
pub(super) struct Engine {
    /// Where it answered, as in `DOCKER_HOST`.
    pub(super) host: String,
}

/// Finds the engine as testcontainers does, and asks it whether it is alive. The error says where it was looked for.
pub(super) async fn find(variable: impl Fn(&str) -> Option<String>) -> Result<Engine, String> {
    let host = variable("DOCKER_HOST").unwrap_or_else(|| default_host(&variable));
    match timeout(PING_WITHIN, ping(&host)).await {
        Ok(Ok(())) => Ok(Engine { host }),
        Ok(Err(error)) => Err(format!("no container engine answers at {host} ({error})")),
        Err(_) => {
            Err(format!("the container engine at {host} did not answer within {} s", PING_WITHIN.as_secs()))
        }
    }
}

fn default_host(variable: &impl Fn(&str) -> Option<String>) -> String {
    let system = "/var/run/docker.sock".to_owned();
    let runtime = variable("XDG_RUNTIME_DIR").map(|folder| format!("{folder}/.docker/run/docker.sock"));
    let home = variable("HOME");
    let homes = home
        .iter()
        .flat_map(|folder| ["run", "desktop"].map(|part| format!("{folder}/.docker/{part}/docker.sock")));
    let path = [system.clone()]
        .into_iter()
        .chain(runtime)
        .chain(homes)
        .find(|path| Path::new(path).exists())
        .unwrap_or(system);
    format!("unix://{path}")
}

async fn ping(host: &str) -> io::Result<()> {
    if let Some(path) = host.strip_prefix("unix://") {
        return ask(UnixStream::connect(path).await?).await;
    }
    match host.strip_prefix("tcp://").or_else(|| host.strip_prefix("http://")) {
        Some(address) => ask(TcpStream::connect(address.trim_end_matches('/')).await?).await,
        None => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "only unix://, tcp:// and http:// are supported; TLS is not",
        )),
    }
}

async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    stream.write_all(b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n").await?;
    let mut status = [0; b"HTTP/1.1 200".len()];
    stream.read_exact(&mut status).await?;
    if status.starts_with(b"HTTP/1.") && status.ends_with(b" 200") {
        Ok(())
    } else {
        let got = String::from_utf8_lossy(&status).escape_debug().to_string();
        Err(io::Error::new(io::ErrorKind::InvalidData, format!("the ping was answered by `{got}`")))
    }
}
