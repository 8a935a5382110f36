//! Calls of any rpc without its generated client: for what holds for all of them alike.
//!
//! Requests are made by reflection over the descriptors of the contract, so that a new interface is covered by the
//! general cases on the day it is written.

use bytes::Bytes;
use prism_interfaces::{Endpoint, FILE_DESCRIPTOR_SET, RpcSpec};
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, Kind, MessageDescriptor, Value};
use std::{sync::LazyLock, time::Duration};
use tonic::{
    Request, Status, Streaming,
    client::Grpc,
    codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::MetadataMap,
};

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    // The descriptors are made by the build of the contract crate; if they cannot be read, nothing else works either.
    DescriptorPool::decode(FILE_DESCRIPTOR_SET)
        .unwrap_or_else(|error| panic!("the contract's descriptors: {error}"))
});

/// The names of fields that hold a name: a key, a topic.
const NAME_FIELDS: [&str; 4] = ["key", "keys", "topic", "pattern"];

/// A request that makes sense: names are `name`, byte fields `value`, numbers 1, durations a minute.
pub fn request(rpc: &RpcSpec, name: &str, value: &[u8]) -> Bytes {
    let Some(descriptor) = POOL.get_message_by_name(rpc.input) else { return Bytes::new() };
    fill(&descriptor, name, value).encode_to_vec().into()
}

/// Whether the request of this rpc has a field that holds a name, directly or in its entries.
pub fn has_name(rpc: &RpcSpec) -> bool {
    // Messages can hold themselves; each is looked at once. The keys of a map are no names.
    fn holds(descriptor: &MessageDescriptor, seen: &mut Vec<MessageDescriptor>) -> bool {
        if descriptor.full_name().starts_with("google.") || seen.contains(descriptor) {
            return false;
        }
        seen.push(descriptor.clone());
        descriptor.fields().any(|field| {
            NAME_FIELDS.contains(&field.name())
                || matches!(field.kind(), Kind::Message(inner) if !field.is_map() && holds(&inner, seen))
        })
    }
    POOL.get_message_by_name(rpc.input).is_some_and(|descriptor| holds(&descriptor, &mut Vec::new()))
}

fn fill(descriptor: &MessageDescriptor, name: &str, value: &[u8]) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    for field in descriptor.fields() {
        if field.containing_oneof().is_some_and(|oneof| oneof.fields().next().as_ref() != Some(&field))
            || field.is_map()
        {
            // One of a oneof is enough, and maps may stay empty.
            continue;
        }
        let single = match field.kind() {
            Kind::String if NAME_FIELDS.contains(&field.name()) => Value::String(name.to_owned()),
            // A cursor that is not empty would have to be a real one; an empty prefix matches everything.
            Kind::String if ["cursor", "prefix"].contains(&field.name()) => continue,
            Kind::String => Value::String("sample".to_owned()),
            Kind::Bytes => Value::Bytes(Bytes::copy_from_slice(value)),
            Kind::Bool => Value::Bool(true),
            Kind::Double => Value::F64(1.0),
            Kind::Float => Value::F32(1.0),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(1),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(1),
            Kind::Uint32 | Kind::Fixed32 => Value::U32(1),
            Kind::Uint64 | Kind::Fixed64 => Value::U64(1),
            Kind::Enum(_) => Value::EnumNumber(1),
            Kind::Message(inner) if inner.full_name() == "google.protobuf.Duration" => {
                let mut minute = DynamicMessage::new(inner);
                minute.set_field_by_name("seconds", Value::I64(60));
                Value::Message(minute)
            }
            Kind::Message(inner) => Value::Message(fill(&inner, name, value)),
        };
        message.set_field(&field, if field.is_list() { Value::List(vec![single]) } else { single });
    }
    message
}

/// Calls an rpc with encoded bytes. Of a stream, the first event counts: `Ok(None)` is a stream that ends at once.
pub async fn call(
    endpoint: &Endpoint,
    rpc: &RpcSpec,
    body: Bytes,
    metadata: MetadataMap,
    timeout: Duration,
) -> Result<Option<Bytes>, Status> {
    let mut grpc = Grpc::new(endpoint.clone())
        .max_decoding_message_size(usize::MAX)
        .max_encoding_message_size(usize::MAX);
    grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let mut request = Request::from_parts(metadata, tonic::Extensions::default(), body);
    request.set_timeout(timeout);
    let path = http::uri::PathAndQuery::from_static(rpc.path);
    let answer = async {
        if rpc.server_streaming {
            grpc.server_streaming(request, path, Raw).await?.into_inner().message().await
        } else {
            grpc.unary(request, path, Raw).await.map(|response| Some(response.into_inner()))
        }
    };
    // Not left to the driver alone: the case must go on even where deadlines are ignored.
    tokio::time::timeout(timeout * 2, answer)
        .await
        .unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer in twice the deadline")))
}

/// Opens an rpc that delivers a stream, with encoded bytes.
pub async fn open(
    endpoint: &Endpoint,
    rpc: &RpcSpec,
    body: Bytes,
    metadata: MetadataMap,
    timeout: Duration,
) -> Result<Streaming<Bytes>, Status> {
    let mut grpc = Grpc::new(endpoint.clone()).max_decoding_message_size(usize::MAX);
    grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let mut request = Request::from_parts(metadata, tonic::Extensions::default(), body);
    request.set_timeout(timeout);
    let path = http::uri::PathAndQuery::from_static(rpc.path);
    Ok(grpc.server_streaming(request, path, Raw).await?.into_inner())
}

/// Hands bytes through as they are.
#[derive(Debug, Clone, Copy)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        bytes::BufMut::put(buffer, item);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::default()
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let length = bytes::Buf::remaining(buffer);
        Ok(Some(bytes::Buf::copy_to_bytes(buffer, length)))
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prism_interfaces::{catalogue, keyvalue::v1};

    fn rpc(interface: &str, name: &str) -> &'static RpcSpec {
        catalogue::interface(interface).unwrap().rpcs.iter().find(|rpc| rpc.name == name).unwrap()
    }

    #[test]
    fn requests_are_filled_in_by_the_meaning_of_their_fields() {
        let set =
            v1::SetWithTtlRequest::decode(request(rpc("keyvalue_ttl", "SetWithTtl"), "k", b"v")).unwrap();
        assert_eq!((set.key.as_str(), &set.value[..], set.ttl.unwrap().seconds), ("k", &b"v"[..], 60));
        let batch =
            v1::BatchSetRequest::decode(request(rpc("keyvalue_batch", "BatchSet"), "k", b"v")).unwrap();
        assert_eq!((batch.entries.len(), batch.entries[0].key.as_str()), (1, "k"));
        let swap =
            v1::CompareAndSwapRequest::decode(request(rpc("keyvalue_cas", "CompareAndSwap"), "k", b"v"))
                .unwrap();
        assert_eq!(swap.expected, Some(v1::compare_and_swap_request::Expected::Absent(v1::Absent {})));
    }

    #[test]
    fn names_are_found_in_entries_too() {
        assert!(
            has_name(rpc("keyvalue_batch", "BatchSet"))
                && has_name(rpc("pubsub_wildcards", "SubscribePattern"))
        );
        assert!(!has_name(rpc("keyvalue_scan", "Scan")) && !has_name(rpc("keyvalue_transactional", "Begin")));
    }
}
