//! Whether a server accepts connections.

use std::{future::Future, io, path::Path, time::Duration};

use tokio::{
    io::AsyncReadExt,
    net::{TcpStream, UnixStream},
    time::{Instant, sleep, timeout, timeout_at},
};

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// How long one attempt to connect may hang.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);
/// How long the proxy of a container engine may need to hang up on a port that nobody listens on.
const HANG_UP_WITHIN: Duration = Duration::from_millis(50);

/// Why a server is not ready.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    /// It ended; the text says how.
    #[error("{0}")]
    Died(String),
    /// It did not accept a connection in time; the text says what the last attempt met.
    #[error("it does not accept connections ({0})")]
    Refused(String),
}

/// What counts as an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Probe<'a> {
    /// A connection to `host:port`.
    Port(&'a str),
    /// A connection to `host:port` that is not hung up on at once. The proxy of a container engine accepts
    /// connections before the server does, and hangs up when it finds nobody behind it.
    ProxiedPort(&'a str),
    /// A connection to a Unix socket.
    Socket(&'a Path),
}

/// Waits until `host:port` accepts a connection, `deadline` passes, or `died` says that the server ended; pass
/// [`std::future::pending`] where that cannot be told.
pub async fn wait_for_port(
    address: &str,
    deadline: Instant,
    died: impl Future<Output = String>,
) -> Result<(), NotReady> {
    wait(Probe::Port(address), deadline, died).await
}

pub(super) async fn wait(
    probe: Probe<'_>,
    deadline: Instant,
    died: impl Future<Output = String>,
) -> Result<(), NotReady> {
    let attempts = async {
        let mut pause = FIRST_PAUSE;
        let mut last = "no attempt was made".to_owned();
        loop {
            let within = deadline.min(Instant::now() + CONNECT_WITHIN);
            match timeout_at(within, probe.attempt()).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => last = error.to_string(),
                Err(_) => "the connection hangs".clone_into(&mut last),
            }
            if Instant::now() + pause >= deadline {
                return Err(NotReady::Refused(last));
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    };
    tokio::select! {
        // A server that ended is not ready, even if somebody else accepts connections on its port.
        biased;
        how = died => Err(NotReady::Died(how)),
        result = attempts => result,
    }
}

impl Probe<'_> {
    async fn attempt(self) -> io::Result<()> {
        match self {
            Self::Port(address) => TcpStream::connect(address).await.map(drop),
            Self::Socket(path) => UnixStream::connect(path).await.map(drop),
            Self::ProxiedPort(address) => {
                let mut stream = TcpStream::connect(address).await?;
                match timeout(HANG_UP_WITHIN, stream.read(&mut [0; 1])).await {
                    Ok(Ok(0)) => Err(io::Error::new(
                        io::ErrorKind::ConnectionReset,
                        "the connection is closed at once",
                    )),
                    Ok(Err(error)) => Err(error),
                    Ok(Ok(_)) | Err(_) => Ok(()),
                }
            }
        }
    }
}
