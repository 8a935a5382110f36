//! Pages that are too long, too few or not next to each other.

use super::{client, everything};
use crate::{
    Mutant,
    forward::{ScanTwist, like, scan},
    keyvalue_basic::lock,
    mutant::mutant,
};
use prism_interfaces::{
    Endpoint,
    contract::v1::Reason,
    fault,
    keyvalue::v1::{KeyValueEntry, ScanRequest, ScanResponse},
};
use std::{collections::HashMap, sync::Mutex};
use tonic::{Request, Response, Status};

pub(super) fn mutants() -> Vec<Mutant> {
    vec![
        mutant("keyvalue_scan/page_is_longer_by_one", "A page holds one entry more than asked for", |next| {
            scan(next, PageIsLongerByOne)
        }),
        mutant(
            "keyvalue_scan/last_page_is_dropped",
            "The page before the last says that it is the last",
            |next| scan(next, LastPageIsDropped),
        ),
        mutant("keyvalue_scan/listing_ends_at_1000", "A listing ends after a thousand entries", |next| {
            scan(next, ListingEndsAt1000::default())
        }),
        mutant("keyvalue_scan/default_limit_is_the_end", "With a limit of 0 there is one page", |next| {
            scan(next, DefaultLimitIsTheEnd)
        }),
        mutant("keyvalue_scan/huge_limit_is_negative", "A limit beyond 31 bits yields nothing", |next| {
            scan(next, HugeLimitIsNegative)
        }),
        mutant(
            "keyvalue_scan/pages_overlap",
            "The last entry of a page comes again on a short next one",
            |next| scan(next, PagesOverlap::default()),
        ),
        mutant(
            "keyvalue_scan/cursor_is_an_offset",
            "A cursor counts entries, so that deletes shift it",
            |next| scan(next, CursorIsAnOffset),
        ),
        mutant(
            "keyvalue_scan/foreign_cursor_starts_over",
            "A cursor that does not fit starts the listing over",
            |next| scan(next, ForeignCursorStartsOver),
        ),
        mutant(
            "keyvalue_scan/foreign_cursor_is_an_internal_error",
            "A cursor that does not fit is INTERNAL",
            |next| scan(next, ForeignCursorIsInternal),
        ),
    ]
}

struct PageIsLongerByOne;

#[tonic::async_trait]
impl ScanTwist for PageIsLongerByOne {
    async fn scan(
        &self,
        next: &Endpoint,
        mut request: Request<ScanRequest>,
    ) -> Result<Response<ScanResponse>, Status> {
        let scan = request.get_mut();
        if scan.limit > 0 {
            scan.limit = scan.limit.saturating_add(1);
        }
        client(next).scan(request).await
    }
}

struct LastPageIsDropped;

#[tonic::async_trait]
impl ScanTwist for LastPageIsDropped {
    async fn scan(
        &self,
        next: &Endpoint,
        request: Request<ScanRequest>,
    ) -> Result<Response<ScanResponse>, Status> {
        let ScanRequest { prefix, limit, .. } = request.get_ref().clone();
        let again = like(&request, ());
        let mut page = client(next).scan(request).await?.into_inner();
        if !page.next_cursor.is_empty() {
            let after = ScanRequest { prefix, limit, cursor: page.next_cursor.clone() };
            if client(next).scan(like(&again, after)).await?.get_ref().next_cursor.is_empty() {
                page.next_cursor.clear();
            }
        }
        Ok(Response::new(page))
    }
}

/// How many entries came before a cursor.
#[derive(Default)]
struct ListingEndsAt1000(Mutex<HashMap<String, usize>>);

#[tonic::async_trait]
impl ScanTwist for ListingEndsAt1000 {
    async fn scan(
        &self,
        next: &Endpoint,
        request: Request<ScanRequest>,
    ) -> Result<Response<ScanResponse>, Status> {
        let before = lock(&self.0).get(&request.get_ref().cursor).copied().unwrap_or_default();
        let mut page = client(next).scan(request).await?.into_inner();
        page.entries.truncate(1000 - before.min(1000));
        let so_far = before + page.entries.len();
        if so_far >= 1000 {
            page.next_cursor.clear();
        } else {
            lock(&self.0).insert(page.next_cursor.clone(), so_far);
        }
        Ok(Response::new(page))
    }
}

struct DefaultLimitIsTheEnd;

#[tonic::async_trait]
impl ScanTwist for DefaultLimitIsTheEnd {
    async fn scan(
        &self,
        next: &Endpoint,
        request: Request<ScanRequest>,
    ) -> Result<Response<ScanResponse>, Status> {
        let is_default = request.get_ref().limit == 0;
        let mut response = client(next).scan(request).await?;
        if is_default {
            response.get_mut().next_cursor.clear();
        }
        Ok(response)
    }
}

struct HugeLimitIsNegative;

#[tonic::async_trait]
impl ScanTwist for HugeLimitIsNegative {
    async fn scan(
        &self,
        next: &Endpoint,
        request: Request<ScanRequest>,
    ) -> Result<Response<ScanResponse>, Status> {
        if i32::try_from(request.get_ref().limit).is_err() {
            return Ok(Response::new(ScanResponse::default()));
        }
        client(next).scan(request).await
    }
}

/// The entry before a cursor.
#[derive(Default)]
struct PagesOverlap(Mutex<HashMap<String, KeyValueEntry>>);

#[tonic::async_trait]
impl ScanTwist for PagesOverlap {
    async fn scan(
        &self,
        next: &Endpoint,
        request: Request<ScanRequest>,
    ) -> Result<Response<ScanResponse>, Status> {
        let ScanRequest { limit, cursor, .. } = request.get_ref().clone();
        let mut page = client(next).scan(request).await?.into_inner();
        let mut before = lock(&self.0);
        if let Some(entry) = before.get(&cursor).filter(|_| page.entries.len() < limit as usize) {
            page.entries.insert(0, entry.clone());
        }
        if let Some(last) = page.entries.last().filter(|_| !page.next_cursor.is_empty()) {
            before.insert(page.next_cursor.clone(), last.clone());
        }
        drop(before);
        Ok(Response::new(page))
    }
}

struct CursorIsAnOffset;

#[tonic::async_trait]
impl ScanTwist for CursorIsAnOffset {
    async fn scan(
        &self,
        next: &Endpoint,
        request: Request<ScanRequest>,
    ) -> Result<Response<ScanResponse>, Status> {
        let ScanRequest { prefix, limit, cursor } = request.get_ref();
        // The prefix is part of the cursor, so that a foreign one is refused as it should be.
        let offset = match cursor.split_once('@') {
            Some((offset, of)) if of == prefix => offset.parse().unwrap_or_default(),
            _ if cursor.is_empty() => 0,
            _ => return client(next).scan(request).await,
        };
        let all = everything(next, &request, prefix).await?;
        let limit = if *limit == 0 { 1000 } else { *limit as usize };
        let end = all.len().min(offset.min(all.len()) + limit);
        let next_cursor = if end < all.len() { format!("{end}@{prefix}") } else { String::new() };
        let entries = all.get(offset..end).unwrap_or_default().to_vec();
        Ok(Response::new(ScanResponse { entries, next_cursor }))
    }
}

fn is_foreign(status: &Status) -> bool {
    fault::reason(status).as_deref() == Some(Reason::CursorInvalid.as_str_name())
}

struct ForeignCursorStartsOver;

#[tonic::async_trait]
impl ScanTwist for ForeignCursorStartsOver {
    async fn scan(
        &self,
        next: &Endpoint,
        request: Request<ScanRequest>,
    ) -> Result<Response<ScanResponse>, Status> {
        let from_the_start =
            like(&request, ScanRequest { cursor: String::new(), ..request.get_ref().clone() });
        match client(next).scan(request).await {
            Err(status) if is_foreign(&status) => client(next).scan(from_the_start).await,
            result => result,
        }
    }
}

struct ForeignCursorIsInternal;

#[tonic::async_trait]
impl ScanTwist for ForeignCursorIsInternal {
    async fn scan(
        &self,
        next: &Endpoint,
        request: Request<ScanRequest>,
    ) -> Result<Response<ScanResponse>, Status> {
        match client(next).scan(request).await {
            Err(status) if is_foreign(&status) => Err(Status::internal("the cursor cannot be read")),
            result => result,
        }
    }
}
