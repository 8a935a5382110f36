//! A client of the service of [`crate::Upstream`].

use crate::within;
use futures::stream;
use http::Request;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prism_interfaces::Endpoint;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::net::TcpStream;
use tonic::{
    Status, body::Body, client::Grpc, codec::Streaming, codegen::http::uri::PathAndQuery,
    metadata::MetadataValue,
};
use tonic_prost::ProstCodec;

/// A client of the test service.
#[derive(Debug, Clone)]
pub struct Client {
    grpc: Grpc<Endpoint>,
    namespace: &'static str,
    service: &'static str,
    connection: Arc<std::net::TcpStream>,
}

impl Client {
    /// A client on a connection of its own.
    pub async fn connect(address: SocketAddr, namespace: &'static str) -> Self {
        let stream = std::net::TcpStream::connect(address).expect("a connection");
        stream.set_nonblocking(true).expect("a socket");
        let socket = Arc::new(stream.try_clone().expect("a socket"));
        let stream = TcpStream::from_std(stream).expect("a socket");
        // Tonic's own channel would end calls at their deadline, and here the proxy is to do that.
        let (sender, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
            .max_header_list_size(1 << 20)
            .handshake(TokioIo::new(stream))
            .await
            .expect("HTTP/2");
        tokio::spawn(connection);
        let transport = Endpoint::new(tower::service_fn(move |request: Request<Body>| {
            let mut sender = sender.clone();
            async move { sender.send_request(request).await.map(|response| response.map(Body::new)) }
        }));
        let origin = format!("http://{address}").parse().expect("an address");
        Self {
            grpc: Grpc::with_origin(transport, origin).max_decoding_message_size(64 << 20),
            namespace,
            service: "test.Echo",
            connection: socket,
        }
    }

    /// The same connection, calling in another namespace.
    pub fn in_namespace(&self, namespace: &'static str) -> Self {
        Self { namespace, ..self.clone() }
    }

    /// The same connection, calling another service with the same methods.
    pub fn of_service(&self, service: &'static str) -> Self {
        Self { service, ..self.clone() }
    }

    /// Loses the connection, with whatever is open on it.
    pub fn lose_connection(&self) {
        self.connection.shutdown(std::net::Shutdown::Both).expect("it was open");
    }

    /// A request in its namespace.
    pub fn request<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        request.metadata_mut().insert("prism-namespace", MetadataValue::from_static(self.namespace));
        request
    }

    fn path(&self, method: &'static str) -> PathAndQuery {
        format!("/{}/{method}", self.service).parse().expect("a path")
    }

    /// A unary call.
    pub async fn unary(
        &self,
        method: &'static str,
        request: tonic::Request<Vec<u8>>,
    ) -> Result<tonic::Response<Vec<u8>>, Status> {
        let mut grpc = self.grpc.clone();
        grpc.ready().await.map_err(|error| Status::unavailable(format!("the channel: {error}")))?;
        let codec = ProstCodec::<Vec<u8>, Vec<u8>>::default();
        within(method, grpc.unary(request, self.path(method), codec)).await
    }

    /// A unary call with a short message.
    pub async fn call(&self, method: &'static str) -> Result<tonic::Response<Vec<u8>>, Status> {
        self.unary(method, self.request(b"hello".to_vec())).await
    }

    /// The name of the upstream that answers.
    pub async fn who(&self) -> Result<String, Status> {
        let response = self.call("Echo").await?;
        let name = response.metadata().get("x-upstream").expect("a name");
        Ok(name.to_str().expect("text").to_owned())
    }

    /// A call in which both sides stream.
    pub async fn stream<S>(
        &self,
        method: &'static str,
        request: tonic::Request<S>,
    ) -> Result<tonic::Response<Streaming<Vec<u8>>>, Status>
    where
        S: futures::Stream<Item = Vec<u8>> + Send + 'static,
    {
        let mut grpc = self.grpc.clone();
        grpc.ready().await.map_err(|error| Status::unavailable(format!("the channel: {error}")))?;
        let codec = ProstCodec::<Vec<u8>, Vec<u8>>::default();
        within(method, grpc.streaming(request, self.path(method), codec)).await
    }

    /// A call whose answer streams.
    pub async fn open(&self, method: &'static str) -> Streaming<Vec<u8>> {
        let request = self.request(stream::iter([b"go".to_vec()]));
        self.stream(method, request).await.expect("a stream").into_inner()
    }
}

/// The next message of a stream.
pub async fn next(stream: &mut Streaming<Vec<u8>>) -> Result<Option<Vec<u8>>, Status> {
    within("the next message", stream.message()).await
}

/// The reason and the outcome that a status names, and the hint when to try again.
pub fn told(status: &Status) -> (String, String, Option<Duration>) {
    use tonic_types::StatusExt;
    let info = status.get_details_error_info().unwrap_or_else(|| panic!("no ErrorInfo: {status:?}"));
    assert_eq!(info.domain, "prism");
    let outcome = info.metadata.get("outcome").cloned().unwrap_or_default();
    let hint = status.get_details_retry_info().and_then(|retry| retry.retry_delay);
    (info.reason, outcome, hint)
}
