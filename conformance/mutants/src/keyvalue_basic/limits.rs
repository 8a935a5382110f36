//! Limits that are not kept, or not where they are declared.

use super::client;
use crate::{
    Mutant, Subject,
    forward::{BasicTwist, basic, like},
    mutant::mutant,
};
use bytes::Bytes;
use prism_interfaces::{
    Endpoint,
    contract::v1::Reason,
    fault,
    keyvalue::v1::{DeleteRequest, ExistsRequest, SetRequest, SetResponse},
};
use tonic::{Request, Response, Status};

pub(super) fn mutants() -> Vec<Mutant> {
    vec![
        declares(
            "keyvalue_basic/max_key_bytes_is_less",
            "Shorter keys are refused than is declared",
            "max_key_bytes",
            "8KiB",
        ),
        declares(
            "keyvalue_basic/max_key_bytes_is_more",
            "Longer keys are accepted than is declared",
            "max_key_bytes",
            "2KiB",
        ),
        declares(
            "keyvalue_basic/max_value_bytes_is_less",
            "Smaller values are refused than is declared",
            "max_value_bytes",
            "8MiB",
        ),
        declares(
            "keyvalue_basic/max_value_bytes_is_small",
            "Less than a mebibyte is declared for values",
            "max_value_bytes",
            "512KiB",
        ),
        mutant("keyvalue_basic/longest_key_is_refused", "The limit of keys is off by one", |next| {
            basic(next, LongestKeyIsRefused)
        }),
        mutant(
            "keyvalue_basic/too_long_key_is_cut",
            "A key that is too long is cut and not refused",
            |next| basic(next, TooLongKeyIsCut),
        ),
        mutant("keyvalue_basic/largest_value_is_refused", "The limit of values is off by one", |next| {
            basic(next, LargestValueIsRefused)
        }),
        mutant(
            "keyvalue_basic/too_large_value_is_cut",
            "A value that is too large is cut and not refused",
            |next| basic(next, TooLargeValueIsCut),
        ),
        mutant("keyvalue_basic/refused_set_deletes", "A refused Set removes what was there", |next| {
            basic(next, RefusedSetDeletes)
        }),
    ]
}

fn declares(id: &'static str, sentence: &'static str, name: &'static str, value: &'static str) -> Mutant {
    Mutant { id, sentence, subject: Subject::Declares { interface: "keyvalue_basic", name, value } }
}

fn is(status: &Status, reason: Reason) -> bool {
    fault::reason(status).as_deref() == Some(reason.as_str_name())
}

struct LongestKeyIsRefused;

#[tonic::async_trait]
impl BasicTwist for LongestKeyIsRefused {
    async fn set(
        &self,
        next: &Endpoint,
        request: Request<SetRequest>,
    ) -> Result<Response<SetResponse>, Status> {
        // The mutant does not know the limit: what could not be a byte longer has come to it.
        let longer = like(&request, ExistsRequest { key: format!("{}x", request.get_ref().key) });
        client(next).exists(longer).await?;
        client(next).set(request).await
    }
}

struct TooLongKeyIsCut;

#[tonic::async_trait]
impl BasicTwist for TooLongKeyIsCut {
    async fn set(
        &self,
        next: &Endpoint,
        request: Request<SetRequest>,
    ) -> Result<Response<SetResponse>, Status> {
        let SetRequest { mut key, value } = request.get_ref().clone();
        key.pop();
        let again = like(&request, SetRequest { key, value });
        match client(next).set(request).await {
            Err(status) if is(&status, Reason::NameTooLong) => client(next).set(again).await,
            result => result,
        }
    }
}

struct LargestValueIsRefused;

#[tonic::async_trait]
impl BasicTwist for LargestValueIsRefused {
    async fn set(
        &self,
        next: &Endpoint,
        request: Request<SetRequest>,
    ) -> Result<Response<SetResponse>, Status> {
        let SetRequest { key, value } = request.get_ref();
        // Only for values that can be near a limit: the attempt costs a copy.
        if value.len() > 64 * 1024 {
            let larger = Bytes::from([value, &b"x"[..]].concat());
            client(next).set(like(&request, SetRequest { key: key.clone(), value: larger })).await?;
        }
        client(next).set(request).await
    }
}

struct TooLargeValueIsCut;

#[tonic::async_trait]
impl BasicTwist for TooLargeValueIsCut {
    async fn set(
        &self,
        next: &Endpoint,
        request: Request<SetRequest>,
    ) -> Result<Response<SetResponse>, Status> {
        let SetRequest { key, mut value } = request.get_ref().clone();
        value.truncate(value.len().saturating_sub(1));
        let again = like(&request, SetRequest { key, value });
        match client(next).set(request).await {
            Err(status) if is(&status, Reason::ValueTooLarge) => client(next).set(again).await,
            result => result,
        }
    }
}

struct RefusedSetDeletes;

#[tonic::async_trait]
impl BasicTwist for RefusedSetDeletes {
    async fn set(
        &self,
        next: &Endpoint,
        request: Request<SetRequest>,
    ) -> Result<Response<SetResponse>, Status> {
        let delete = like(&request, DeleteRequest { key: request.get_ref().key.clone() });
        let result = client(next).set(request).await;
        if matches!(&result, Err(status) if is(status, Reason::ValueTooLarge)) {
            client(next).delete(delete).await?;
        }
        result
    }
}
