//! Listeners with faults, before the proxy's own.

use super::End;
use crate::faults::Relay;
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Listens in front of `proxy`; runs until the tasks of the subject are ended.
pub(super) async fn start(kind: Relay, proxy: SocketAddr, tasks: &mut JoinSet<End>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tasks.spawn(async move {
        match kind {
            Relay::GarbageEndsAll => garbage_ends_all(&listener, proxy).await,
            Relay::OneAfterTheOther => one_after_the_other(&listener, proxy).await,
        }
        drop(listener);
        std::future::pending().await
    });
    address
}

async fn garbage_ends_all(listener: &TcpListener, proxy: SocketAddr) {
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            Some(spoke) = connections.join_next() => match spoke {
                Ok(true) => continue,
                _ => return,
            },
            Ok((stream, _)) = listener.accept() => stream,
        };
        connections.spawn(async move {
            match greeting(stream).await {
                Some(stream) => {
                    relay(stream, proxy).await;
                    true
                }
                None => false,
            }
        });
    }
}

async fn one_after_the_other(listener: &TcpListener, proxy: SocketAddr) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        if let Some(stream) = greeting(stream).await {
            connections.spawn(relay(stream, proxy));
        }
    }
}

/// Waits for the preface of HTTP/2.
async fn greeting(mut stream: TcpStream) -> Option<TcpStream> {
    let mut preface = [0; PREFACE.len()];
    (stream.read_exact(&mut preface).await.is_ok() && preface == *PREFACE).then_some(stream)
}

async fn relay(mut client: TcpStream, proxy: SocketAddr) {
    let Ok(mut server) = TcpStream::connect(proxy).await else { return };
    if server.write_all(PREFACE).await.is_ok() {
        // Whichever side goes first ends it.
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}
