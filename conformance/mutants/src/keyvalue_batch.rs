//! Mutants of keyvalue_batch.

use crate::{
    Mutant, Subject,
    forward::{BatchTwist, batch, like},
    keyvalue_basic::client as basic_client,
    mutant::mutant,
};
use prism_interfaces::{
    Endpoint, NAMESPACE_HEADER,
    contract::v1::Reason,
    fault,
    keyvalue::v1::{
        BatchDeleteRequest, BatchDeleteResponse, BatchGetRequest, BatchGetResponse, BatchSetRequest,
        BatchSetResponse, GetRequest, KeyValueEntry, SetRequest, key_value_batch_client::KeyValueBatchClient,
    },
};
use std::collections::{BTreeMap, HashSet};
use tokio::task::yield_now;
use tonic::{Request, Response, Status, metadata::MetadataValue};

/// The registration.
pub(crate) fn mutants() -> Vec<Mutant> {
    vec![
        mutant(
            "keyvalue_batch/get_leaves_out_missing",
            "BatchGet answers what it found and no more",
            |next| batch(next, GetLeavesOutMissing),
        ),
        mutant("keyvalue_batch/get_answers_in_key_order", "BatchGet answers in the order of keys", |next| {
            batch(next, GetAnswersInKeyOrder)
        }),
        mutant("keyvalue_batch/get_answers_repeats_once", "BatchGet answers a repeated key once", |next| {
            batch(next, GetAnswersRepeatsOnce)
        }),
        mutant("keyvalue_batch/get_denies_empty_values", "BatchGet takes empty values for missing", |next| {
            batch(next, GetDeniesEmptyValues)
        }),
        mutant(
            "keyvalue_batch/first_of_repeated_keys_wins",
            "BatchSet keeps the first of a repeated key",
            |next| batch(next, FirstOfRepeatedKeysWins),
        ),
        mutant("keyvalue_batch/set_spares_what_is_there", "BatchSet leaves keys that are there", |next| {
            batch(next, SetSparesWhatIsThere)
        }),
        mutant(
            "keyvalue_batch/last_portion_is_lost",
            "BatchSet works in hundreds and loses the rest",
            |next| batch(next, LastPortionIsLost),
        ),
        mutant(
            "keyvalue_batch/bad_entries_are_skipped",
            "BatchSet skips entries with an empty key",
            |next| batch(next, BadEntriesAreSkipped),
        ),
        mutant(
            "keyvalue_batch/applied_up_to_the_bad_entry",
            "BatchSet sets entries until one is refused",
            |next| batch(next, AppliedUpToTheBadEntry),
        ),
        mutant("keyvalue_batch/not_atomic", "BatchSet sets one entry after the other", |next| {
            batch(next, NotAtomic)
        }),
        mutant(
            "keyvalue_batch/large_requests_fail",
            "A BatchSet of more than four mebibytes is refused",
            |next| batch(next, LargeRequestsFail),
        ),
        mutant("keyvalue_batch/too_large_is_cut", "What is beyond the largest batch is left out", |next| {
            batch(next, TooLargeIsCut)
        }),
        mutant("keyvalue_batch/largest_is_refused", "The limit of batches is off by one", |next| {
            batch(next, LargestIsRefused)
        }),
        mutant("keyvalue_batch/empty_is_refused", "An empty batch is INVALID_ARGUMENT", |next| {
            batch(next, EmptyIsRefused)
        }),
        mutant("keyvalue_batch/delete_always_existed", "BatchDelete says that every key existed", |next| {
            batch(next, DeleteAlwaysExisted)
        }),
        mutant(
            "keyvalue_batch/delete_repeats_itself",
            "BatchDelete says of repeated keys what it said first",
            |next| batch(next, DeleteRepeatsItself),
        ),
        mutant(
            "keyvalue_batch/delete_stops_at_missing",
            "BatchDelete ends at the first missing key",
            |next| batch(next, DeleteStopsAtMissing),
        ),
        mutant("keyvalue_batch/namespace_is_ignored", "Batches of all namespaces work on one", |next| {
            batch(next, NamespaceIsIgnored)
        }),
        Mutant {
            id: "keyvalue_batch/max_batch_is_less",
            sentence: "Smaller batches are refused than is declared",
            subject: Subject::Declares { interface: "keyvalue_batch", name: "max_batch", value: "1500" },
        },
        Mutant {
            id: "keyvalue_batch/max_batch_is_more",
            sentence: "Larger batches are accepted than is declared",
            subject: Subject::Declares { interface: "keyvalue_batch", name: "max_batch", value: "500" },
        },
    ]
}

/// A client that takes answers of any size.
fn client(next: &Endpoint) -> KeyValueBatchClient<Endpoint> {
    KeyValueBatchClient::new(next.clone()).max_decoding_message_size(usize::MAX)
}

struct GetLeavesOutMissing;

#[tonic::async_trait]
impl BatchTwist for GetLeavesOutMissing {
    async fn batch_get(
        &self,
        next: &Endpoint,
        request: Request<BatchGetRequest>,
    ) -> Result<Response<BatchGetResponse>, Status> {
        let mut response = client(next).batch_get(request).await?;
        response.get_mut().results.retain(|result| result.found);
        Ok(response)
    }
}

struct GetAnswersInKeyOrder;

#[tonic::async_trait]
impl BatchTwist for GetAnswersInKeyOrder {
    async fn batch_get(
        &self,
        next: &Endpoint,
        mut request: Request<BatchGetRequest>,
    ) -> Result<Response<BatchGetResponse>, Status> {
        request.get_mut().keys.sort();
        client(next).batch_get(request).await
    }
}

struct GetAnswersRepeatsOnce;

#[tonic::async_trait]
impl BatchTwist for GetAnswersRepeatsOnce {
    async fn batch_get(
        &self,
        next: &Endpoint,
        mut request: Request<BatchGetRequest>,
    ) -> Result<Response<BatchGetResponse>, Status> {
        let mut seen = HashSet::new();
        request.get_mut().keys.retain(|key| seen.insert(key.clone()));
        client(next).batch_get(request).await
    }
}

struct GetDeniesEmptyValues;

#[tonic::async_trait]
impl BatchTwist for GetDeniesEmptyValues {
    async fn batch_get(
        &self,
        next: &Endpoint,
        request: Request<BatchGetRequest>,
    ) -> Result<Response<BatchGetResponse>, Status> {
        let mut response = client(next).batch_get(request).await?;
        for result in &mut response.get_mut().results {
            result.found &= !result.value.is_empty();
        }
        Ok(response)
    }
}

struct FirstOfRepeatedKeysWins;

#[tonic::async_trait]
impl BatchTwist for FirstOfRepeatedKeysWins {
    async fn batch_set(
        &self,
        next: &Endpoint,
        mut request: Request<BatchSetRequest>,
    ) -> Result<Response<BatchSetResponse>, Status> {
        let mut seen = HashSet::new();
        // What the driver would refuse is left in: only repeats go.
        request.get_mut().entries.retain(|entry| seen.insert(entry.key.clone()));
        client(next).batch_set(request).await
    }
}

struct SetSparesWhatIsThere;

#[tonic::async_trait]
impl BatchTwist for SetSparesWhatIsThere {
    async fn batch_set(
        &self,
        next: &Endpoint,
        mut request: Request<BatchSetRequest>,
    ) -> Result<Response<BatchSetResponse>, Status> {
        let mut kept = Vec::new();
        for entry in &request.get_ref().entries {
            let get = like(&request, GetRequest { key: entry.key.clone() });
            let there = basic_client(next).get(get).await.is_ok_and(|answer| answer.get_ref().found);
            if !there {
                kept.push(entry.clone());
            }
        }
        request.get_mut().entries = kept;
        client(next).batch_set(request).await
    }
}

struct LastPortionIsLost;

#[tonic::async_trait]
impl BatchTwist for LastPortionIsLost {
    async fn batch_set(
        &self,
        next: &Endpoint,
        mut request: Request<BatchSetRequest>,
    ) -> Result<Response<BatchSetResponse>, Status> {
        let entries = &mut request.get_mut().entries;
        if entries.len() > 100 {
            entries.truncate(entries.len() / 100 * 100);
        }
        client(next).batch_set(request).await
    }
}

struct BadEntriesAreSkipped;

#[tonic::async_trait]
impl BatchTwist for BadEntriesAreSkipped {
    async fn batch_set(
        &self,
        next: &Endpoint,
        mut request: Request<BatchSetRequest>,
    ) -> Result<Response<BatchSetResponse>, Status> {
        let entries = &mut request.get_mut().entries;
        // A batch of nothing else is refused all the same.
        if entries.len() > 1 {
            entries.retain(|entry| !entry.key.is_empty());
        }
        client(next).batch_set(request).await
    }
}

/// Sets entry by entry.
struct AppliedUpToTheBadEntry;

#[tonic::async_trait]
impl BatchTwist for AppliedUpToTheBadEntry {
    async fn batch_set(
        &self,
        next: &Endpoint,
        request: Request<BatchSetRequest>,
    ) -> Result<Response<BatchSetResponse>, Status> {
        for KeyValueEntry { key, value } in request.get_ref().entries.clone() {
            basic_client(next).set(like(&request, SetRequest { key, value })).await?;
        }
        Ok(Response::new(BatchSetResponse {}))
    }
}

/// Sets entry by entry, but only what would be accepted, and lets others in between.
struct NotAtomic;

#[tonic::async_trait]
impl BatchTwist for NotAtomic {
    async fn batch_set(
        &self,
        next: &Endpoint,
        request: Request<BatchSetRequest>,
    ) -> Result<Response<BatchSetResponse>, Status> {
        let entries = request.get_ref().entries.clone();
        let keys = entries.iter().map(|entry| entry.key.clone()).collect();
        // What is refused of a BatchGet is refused of a BatchSet as well.
        let acceptable = client(next).batch_get(like(&request, BatchGetRequest { keys })).await.is_ok();
        let largest = entries.iter().map(|entry| entry.value.len()).max().unwrap_or_default();
        if !acceptable || largest > 1 << 20 {
            return client(next).batch_set(request).await;
        }
        for KeyValueEntry { key, value } in entries {
            basic_client(next).set(like(&request, SetRequest { key, value })).await?;
            yield_now().await;
        }
        Ok(Response::new(BatchSetResponse {}))
    }
}

struct LargeRequestsFail;

#[tonic::async_trait]
impl BatchTwist for LargeRequestsFail {
    async fn batch_set(
        &self,
        next: &Endpoint,
        request: Request<BatchSetRequest>,
    ) -> Result<Response<BatchSetResponse>, Status> {
        if request.get_ref().entries.iter().map(|entry| entry.value.len()).sum::<usize>() > 4 << 20 {
            return Err(Status::out_of_range("the request is larger than 4 MiB"));
        }
        client(next).batch_set(request).await
    }
}

fn is_too_large<T>(result: &Result<T, Status>) -> bool {
    matches!(result, Err(status)
        if fault::reason(status).as_deref() == Some(Reason::BatchTooLarge.as_str_name()))
}

struct TooLargeIsCut;

#[tonic::async_trait]
impl BatchTwist for TooLargeIsCut {
    async fn batch_set(
        &self,
        next: &Endpoint,
        request: Request<BatchSetRequest>,
    ) -> Result<Response<BatchSetResponse>, Status> {
        let mut cut = like(&request, request.get_ref().clone());
        let result = client(next).batch_set(request).await;
        if !is_too_large(&result) {
            return result;
        }
        cut.get_mut().entries.pop();
        client(next).batch_set(cut).await
    }
}

struct LargestIsRefused;

#[tonic::async_trait]
impl BatchTwist for LargestIsRefused {
    async fn batch_set(
        &self,
        next: &Endpoint,
        request: Request<BatchSetRequest>,
    ) -> Result<Response<BatchSetResponse>, Status> {
        // The mutant does not know the limit: what could not hold an entry more has come to it.
        let keys = request.get_ref().entries.iter().map(|entry| entry.key.clone());
        let one_more = BatchGetRequest { keys: keys.chain(["one-more".to_owned()]).collect() };
        let result = client(next).batch_get(like(&request, one_more)).await;
        if let Err(refused) = result
            && is_too_large::<()>(&Err(refused.clone()))
        {
            return Err(refused);
        }
        client(next).batch_set(request).await
    }
}

struct EmptyIsRefused;

#[tonic::async_trait]
impl BatchTwist for EmptyIsRefused {
    async fn batch_set(
        &self,
        next: &Endpoint,
        request: Request<BatchSetRequest>,
    ) -> Result<Response<BatchSetResponse>, Status> {
        if request.get_ref().entries.is_empty() {
            return Err(Status::invalid_argument("the batch is empty"));
        }
        client(next).batch_set(request).await
    }
}

struct DeleteAlwaysExisted;

#[tonic::async_trait]
impl BatchTwist for DeleteAlwaysExisted {
    async fn batch_delete(
        &self,
        next: &Endpoint,
        request: Request<BatchDeleteRequest>,
    ) -> Result<Response<BatchDeleteResponse>, Status> {
        let mut response = client(next).batch_delete(request).await?;
        response.get_mut().existed.fill(true);
        Ok(response)
    }
}

struct DeleteRepeatsItself;

#[tonic::async_trait]
impl BatchTwist for DeleteRepeatsItself {
    async fn batch_delete(
        &self,
        next: &Endpoint,
        request: Request<BatchDeleteRequest>,
    ) -> Result<Response<BatchDeleteResponse>, Status> {
        let keys = request.get_ref().keys.clone();
        let mut response = client(next).batch_delete(request).await?;
        let mut first = BTreeMap::new();
        for (key, existed) in keys.into_iter().zip(&mut response.get_mut().existed) {
            *existed = *first.entry(key).or_insert(*existed);
        }
        Ok(response)
    }
}

struct DeleteStopsAtMissing;

#[tonic::async_trait]
impl BatchTwist for DeleteStopsAtMissing {
    async fn batch_delete(
        &self,
        next: &Endpoint,
        request: Request<BatchDeleteRequest>,
    ) -> Result<Response<BatchDeleteResponse>, Status> {
        let mut existed = vec![false; request.get_ref().keys.len()];
        for (key, existed) in request.get_ref().keys.iter().zip(&mut existed) {
            let one = like(&request, BatchDeleteRequest { keys: vec![key.clone()] });
            *existed = client(next).batch_delete(one).await?.get_ref().existed.contains(&true);
            if !*existed {
                break;
            }
        }
        Ok(Response::new(BatchDeleteResponse { existed }))
    }
}

struct NamespaceIsIgnored;

#[tonic::async_trait]
impl BatchTwist for NamespaceIsIgnored {
    async fn batch_get(
        &self,
        next: &Endpoint,
        mut request: Request<BatchGetRequest>,
    ) -> Result<Response<BatchGetResponse>, Status> {
        into_common(&mut request);
        client(next).batch_get(request).await
    }

    async fn batch_set(
        &self,
        next: &Endpoint,
        mut request: Request<BatchSetRequest>,
    ) -> Result<Response<BatchSetResponse>, Status> {
        // Single keys are found in their own namespace as well, so that batches alone are at fault.
        client(next).batch_set(like(&request, request.get_ref().clone())).await?;
        into_common(&mut request);
        client(next).batch_set(request).await
    }
}

/// Sends a call to the one namespace that all share, if it names one at all.
fn into_common<T>(request: &mut Request<T>) {
    if let Some(namespace) = request.metadata_mut().get_mut(NAMESPACE_HEADER) {
        *namespace = MetadataValue::from_static("common");
    }
}
