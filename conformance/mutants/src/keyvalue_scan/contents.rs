//! Listings of what is not there, or not so.

use super::{client, everything};
use crate::{
    Mutant,
    forward::{BasicTwist, ScanTwist, basic, like, scan},
    keyvalue_basic::{client as basic_client, lock, namespace_of},
    mutant::mutant,
};
use bytes::Bytes;
use prism_interfaces::{
    Endpoint, NAMESPACE_HEADER,
    keyvalue::v1::{
        CountRequest, CountResponse, DeleteRequest, DeleteResponse, KeyValueEntry, ScanKeysRequest,
        ScanKeysResponse, ScanRequest, ScanResponse, SetRequest, SetResponse,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex},
};
use tonic::{Request, Response, Status};

pub(super) fn mutants() -> Vec<Mutant> {
    vec![
        mutant("keyvalue_scan/values_are_the_first", "Scan yields the value that it saw first", |next| {
            scan(next, ValuesAreTheFirst::default())
        }),
        mutant(
            "keyvalue_scan/deleted_keys_are_listed",
            "Scan and Count go on to show deleted keys",
            |next| {
                let deleted = Names::default();
                scan(basic(next, NotesDeletes(Arc::clone(&deleted))), DeletedKeysAreListed(deleted))
            },
        ),
        mutant(
            "keyvalue_scan/namespaces_that_begin_alike_are_listed",
            "Scan takes the namespace for a prefix of namespaces",
            |next| {
                let seen = Arc::default();
                scan(basic(next, NotesNamespaces(Arc::clone(&seen))), NamespacesThatBeginAlike(seen))
            },
        ),
        mutant("keyvalue_scan/keys_need_a_value", "ScanKeys leaves out keys with an empty value", |next| {
            scan(next, KeysNeedAValue)
        }),
        mutant("keyvalue_scan/keys_come_backwards", "ScanKeys yields each page in reverse", |next| {
            scan(next, KeysComeBackwards)
        }),
        mutant("keyvalue_scan/order_is_utf16", "Scan orders keys by their UTF-16 code units", |next| {
            scan(next, OrderIsUtf16)
        }),
        mutant("keyvalue_scan/count_is_of_everything", "Count does not look at the prefix", |next| {
            scan(next, CountIsOfEverything)
        }),
        mutant("keyvalue_scan/count_ends_at_1000", "Count never says more than 1,000", |next| {
            scan(next, CountEndsAt1000)
        }),
        mutant(
            "keyvalue_scan/listing_is_cached_in_each_instance",
            "Each instance keeps its listings until it writes itself",
            |next| {
                let cache = Pages::default();
                scan(basic(next, ForgetsPages(Arc::clone(&cache))), ListingIsCached(cache))
            },
        ),
        mutant("keyvalue_scan/nothing_is_an_error", "A listing without entries is NOT_FOUND", |next| {
            scan(next, NothingIsAnError)
        }),
        mutant("keyvalue_scan/large_pages_fail", "A page of more than two mebibytes is an error", |next| {
            scan(next, LargePagesFail)
        }),
    ]
}

#[derive(Default)]
struct ValuesAreTheFirst(Mutex<HashMap<(String, String), Bytes>>);

#[tonic::async_trait]
impl ScanTwist for ValuesAreTheFirst {
    async fn scan(
        &self,
        next: &Endpoint,
        request: Request<ScanRequest>,
    ) -> Result<Response<ScanResponse>, Status> {
        let namespace = namespace_of(&request);
        let mut response = client(next).scan(request).await?;
        let mut seen = lock(&self.0);
        for entry in &mut response.get_mut().entries {
            let name = (namespace.clone(), entry.key.clone());
            entry.value = seen.entry(name).or_insert_with(|| entry.value.clone()).clone();
        }
        drop(seen);
        Ok(response)
    }
}

/// Keys by namespace.
type Names = Arc<Mutex<BTreeMap<String, BTreeSet<String>>>>;

struct NotesDeletes(Names);

#[tonic::async_trait]
impl BasicTwist for NotesDeletes {
    async fn set(
        &self,
        next: &Endpoint,
        request: Request<SetRequest>,
    ) -> Result<Response<SetResponse>, Status> {
        if let Some(deleted) = lock(&self.0).get_mut(&namespace_of(&request)) {
            deleted.remove(&request.get_ref().key);
        }
        basic_client(next).set(request).await
    }

    async fn delete(
        &self,
        next: &Endpoint,
        request: Request<DeleteRequest>,
    ) -> Result<Response<DeleteResponse>, Status> {
        let (namespace, key) = (namespace_of(&request), request.get_ref().key.clone());
        let response = basic_client(next).delete(request).await?;
        if response.get_ref().existed {
            lock(&self.0).entry(namespace).or_default().insert(key);
        }
        Ok(response)
    }
}

struct DeletedKeysAreListed(Names);

impl DeletedKeysAreListed {
    fn deleted(&self, namespace: &str, prefix: &str) -> Vec<String> {
        let all = lock(&self.0);
        let keys = all.get(namespace).into_iter().flatten();
        keys.filter(|key| key.starts_with(prefix)).cloned().collect()
    }
}

#[tonic::async_trait]
impl ScanTwist for DeletedKeysAreListed {
    async fn scan(
        &self,
        next: &Endpoint,
        request: Request<ScanRequest>,
    ) -> Result<Response<ScanResponse>, Status> {
        let deleted = self.deleted(&namespace_of(&request), &request.get_ref().prefix);
        let mut response = client(next).scan(request).await?;
        let page = response.get_mut();
        if page.next_cursor.is_empty() {
            page.entries.extend(deleted.into_iter().map(|key| KeyValueEntry { key, value: Bytes::new() }));
        }
        Ok(response)
    }

    async fn count(
        &self,
        next: &Endpoint,
        request: Request<CountRequest>,
    ) -> Result<Response<CountResponse>, Status> {
        let deleted = self.deleted(&namespace_of(&request), &request.get_ref().prefix);
        let mut response = client(next).count(request).await?;
        response.get_mut().count += deleted.len() as u64;
        Ok(response)
    }
}

struct NotesNamespaces(Arc<Mutex<BTreeSet<String>>>);

#[tonic::async_trait]
impl BasicTwist for NotesNamespaces {
    async fn set(
        &self,
        next: &Endpoint,
        request: Request<SetRequest>,
    ) -> Result<Response<SetResponse>, Status> {
        lock(&self.0).insert(namespace_of(&request));
        basic_client(next).set(request).await
    }
}

struct NamespacesThatBeginAlike(Arc<Mutex<BTreeSet<String>>>);

#[tonic::async_trait]
impl ScanTwist for NamespacesThatBeginAlike {
    async fn scan(
        &self,
        next: &Endpoint,
        request: Request<ScanRequest>,
    ) -> Result<Response<ScanResponse>, Status> {
        let here = namespace_of(&request);
        let alike: Vec<_> = {
            let seen = lock(&self.0);
            seen.iter().filter(|other| **other != here && other.starts_with(&here)).cloned().collect()
        };
        let prefix = request.get_ref().prefix.clone();
        let mut elsewhere = like(&request, ());
        let mut response = client(next).scan(request).await?;
        if response.get_ref().next_cursor.is_empty() && !here.is_empty() {
            for other in alike {
                if let Ok(other) = other.parse() {
                    elsewhere.metadata_mut().insert(NAMESPACE_HEADER, other);
                }
                response.get_mut().entries.extend(everything(next, &elsewhere, &prefix).await?);
            }
        }
        Ok(response)
    }
}

struct KeysNeedAValue;

#[tonic::async_trait]
impl ScanTwist for KeysNeedAValue {
    async fn scan_keys(
        &self,
        next: &Endpoint,
        request: Request<ScanKeysRequest>,
    ) -> Result<Response<ScanKeysResponse>, Status> {
        let ScanKeysRequest { prefix, limit, cursor } = request.get_ref().clone();
        let entries = like(&request, ScanRequest { prefix, limit, cursor });
        let page = client(next).scan(entries).await?.into_inner();
        let keys = page.entries.into_iter().filter(|entry| !entry.value.is_empty()).map(|entry| entry.key);
        Ok(Response::new(ScanKeysResponse { keys: keys.collect(), next_cursor: page.next_cursor }))
    }
}

struct KeysComeBackwards;

#[tonic::async_trait]
impl ScanTwist for KeysComeBackwards {
    async fn scan_keys(
        &self,
        next: &Endpoint,
        request: Request<ScanKeysRequest>,
    ) -> Result<Response<ScanKeysResponse>, Status> {
        let mut response = client(next).scan_keys(request).await?;
        response.get_mut().keys.reverse();
        Ok(response)
    }
}

struct OrderIsUtf16;

#[tonic::async_trait]
impl ScanTwist for OrderIsUtf16 {
    async fn scan(
        &self,
        next: &Endpoint,
        request: Request<ScanRequest>,
    ) -> Result<Response<ScanResponse>, Status> {
        let mut response = client(next).scan(request).await?;
        response.get_mut().entries.sort_by_cached_key(|entry| entry.key.encode_utf16().collect::<Vec<_>>());
        Ok(response)
    }
}

struct CountIsOfEverything;

#[tonic::async_trait]
impl ScanTwist for CountIsOfEverything {
    async fn count(
        &self,
        next: &Endpoint,
        request: Request<CountRequest>,
    ) -> Result<Response<CountResponse>, Status> {
        client(next).count(like(&request, CountRequest::default())).await
    }
}

struct CountEndsAt1000;

#[tonic::async_trait]
impl ScanTwist for CountEndsAt1000 {
    async fn count(
        &self,
        next: &Endpoint,
        request: Request<CountRequest>,
    ) -> Result<Response<CountResponse>, Status> {
        let mut response = client(next).count(request).await?;
        response.get_mut().count = response.get_ref().count.min(1000);
        Ok(response)
    }
}

/// Answers by namespace, prefix, limit and cursor.
type Pages = Arc<Mutex<HashMap<(String, String, u32, String), ScanResponse>>>;

struct ForgetsPages(Pages);

#[tonic::async_trait]
impl BasicTwist for ForgetsPages {
    async fn set(
        &self,
        next: &Endpoint,
        request: Request<SetRequest>,
    ) -> Result<Response<SetResponse>, Status> {
        let response = basic_client(next).set(request).await;
        lock(&self.0).clear();
        response
    }

    async fn delete(
        &self,
        next: &Endpoint,
        request: Request<DeleteRequest>,
    ) -> Result<Response<DeleteResponse>, Status> {
        let response = basic_client(next).delete(request).await;
        lock(&self.0).clear();
        response
    }
}

struct ListingIsCached(Pages);

#[tonic::async_trait]
impl ScanTwist for ListingIsCached {
    async fn scan(
        &self,
        next: &Endpoint,
        request: Request<ScanRequest>,
    ) -> Result<Response<ScanResponse>, Status> {
        let ScanRequest { prefix, limit, cursor } = request.get_ref().clone();
        let listing = (namespace_of(&request), prefix, limit, cursor);
        if let Some(cached) = lock(&self.0).get(&listing) {
            return Ok(Response::new(cached.clone()));
        }
        let response = client(next).scan(request).await?;
        lock(&self.0).insert(listing, response.get_ref().clone());
        Ok(response)
    }
}

struct NothingIsAnError;

#[tonic::async_trait]
impl ScanTwist for NothingIsAnError {
    async fn scan(
        &self,
        next: &Endpoint,
        request: Request<ScanRequest>,
    ) -> Result<Response<ScanResponse>, Status> {
        let response = client(next).scan(request).await?;
        if response.get_ref().entries.is_empty() {
            return Err(Status::not_found("no key starts with the prefix"));
        }
        Ok(response)
    }
}

struct LargePagesFail;

#[tonic::async_trait]
impl ScanTwist for LargePagesFail {
    async fn scan(
        &self,
        next: &Endpoint,
        request: Request<ScanRequest>,
    ) -> Result<Response<ScanResponse>, Status> {
        let response = client(next).scan(request).await?;
        if response.get_ref().entries.iter().map(|entry| entry.value.len()).sum::<usize>() > 2 << 20 {
            return Err(Status::resource_exhausted("the answer is too large"));
        }
        Ok(response)
    }
}
