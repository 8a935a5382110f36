//! Mutants of Enumerate: order, pages, cursors.

use super::{client, face};
use crate::PatternMutant;
use prism_interfaces::{
    Endpoint, fault,
    pattern::multicast_registry::v1::{EnumerateRequest, EnumerateResponse},
};
use prism_mutants::forward::{self, RegistryTwist, like};
use tonic::{Request, Response, Status};

pub(super) fn mutants() -> Vec<PatternMutant> {
    let asks = |id, sentence, change: fn(&mut EnumerateRequest)| {
        face(id, sentence, move |endpoint| forward::multicast_registry(endpoint, Asks(change)))
    };
    let answers = |id, sentence, change: fn(&EnumerateRequest, &mut EnumerateResponse)| {
        face(id, sentence, move |endpoint| forward::multicast_registry(endpoint, Answers(change)))
    };
    vec![
        asks("pattern_multicast_registry/never_sorts", "`sort_by` is ignored", |request| {
            request.sort_by.clear();
        }),
        asks(
            "pattern_multicast_registry/sorts_by_one_field",
            "The first field alone is sorted by",
            |request| {
                request.sort_by.truncate(1);
            },
        ),
        asks("pattern_multicast_registry/always_ascends", "`descending` is ignored", |request| {
            request.sort_by.iter_mut().for_each(|key| key.descending = false);
        }),
        asks("pattern_multicast_registry/never_leaves_out", "`omit_metadata` is ignored", |request| {
            request.omit_metadata = false;
        }),
        asks("pattern_multicast_registry/pages_are_longer", "A page holds one more than it may", |request| {
            if request.limit > 0 {
                request.limit += 1;
            }
        }),
        answers(
            "pattern_multicast_registry/loses_one_between_pages",
            "The last one of a page gets lost where another page follows",
            |_, response| {
                if !response.next_cursor.is_empty() && response.identities.len() > 1 {
                    response.identities.pop();
                }
            },
        ),
        answers(
            "pattern_multicast_registry/total_of_the_page",
            "The total is that of the page",
            |_, response| response.total = response.identities.len() as u64,
        ),
        answers(
            "pattern_multicast_registry/ends_after_the_first_page",
            "There is never a cursor",
            |_, response| response.next_cursor.clear(),
        ),
        answers(
            "pattern_multicast_registry/lists_newest_first",
            "Identities come in the order of their registration",
            |request, response| {
                if request.sort_by.is_empty() {
                    response.identities.reverse();
                }
            },
        ),
        answers(
            "pattern_multicast_registry/leaves_out_too_much",
            "Without metadata there are no topics",
            |request, response| {
                if request.omit_metadata {
                    response.identities.iter_mut().for_each(|identity| identity.topic.clear());
                }
            },
        ),
        face(
            "pattern_multicast_registry/takes_any_cursor",
            "A cursor that is foreign begins from the start",
            |endpoint| forward::multicast_registry(endpoint, AnyCursor),
        ),
        face(
            "pattern_multicast_registry/cursor_is_a_number",
            "A cursor counts how many came before, whoever has come or gone since",
            |endpoint| forward::multicast_registry(endpoint, Offsets),
        ),
    ]
}

struct Asks(fn(&mut EnumerateRequest));

#[tonic::async_trait]
impl RegistryTwist for Asks {
    async fn enumerate(
        &self,
        next: &Endpoint,
        mut request: Request<EnumerateRequest>,
    ) -> Result<Response<EnumerateResponse>, Status> {
        (self.0)(request.get_mut());
        client(next).enumerate(request).await
    }
}

struct Answers(fn(&EnumerateRequest, &mut EnumerateResponse));

#[tonic::async_trait]
impl RegistryTwist for Answers {
    async fn enumerate(
        &self,
        next: &Endpoint,
        request: Request<EnumerateRequest>,
    ) -> Result<Response<EnumerateResponse>, Status> {
        let asked = request.get_ref().clone();
        let mut response = client(next).enumerate(request).await?;
        (self.0)(&asked, response.get_mut());
        Ok(response)
    }
}

struct AnyCursor;

#[tonic::async_trait]
impl RegistryTwist for AnyCursor {
    async fn enumerate(
        &self,
        next: &Endpoint,
        request: Request<EnumerateRequest>,
    ) -> Result<Response<EnumerateResponse>, Status> {
        let again = EnumerateRequest { cursor: String::new(), ..request.get_ref().clone() };
        let again = like(&request, again);
        match client(next).enumerate(request).await {
            Err(status) if fault::reason(&status).as_deref() == Some("CURSOR_INVALID") => {
                client(next).enumerate(again).await
            }
            other => other,
        }
    }
}

struct Offsets;

#[tonic::async_trait]
impl RegistryTwist for Offsets {
    async fn enumerate(
        &self,
        next: &Endpoint,
        request: Request<EnumerateRequest>,
    ) -> Result<Response<EnumerateResponse>, Status> {
        // A cursor that is no number is somebody else's.
        let Ok(offset) = format!("0{}", request.get_ref().cursor).parse::<usize>() else {
            return client(next).enumerate(request).await;
        };
        let limit = match request.get_ref().limit as usize {
            0 => 100,
            limit => limit,
        };
        let whole = EnumerateRequest { cursor: String::new(), limit: 1000, ..request.get_ref().clone() };
        let mut response = client(next).enumerate(like(&request, whole)).await?;
        let page = response.get_mut();
        let rest = page.identities.len().saturating_sub(offset + limit);
        page.identities = page.identities.drain(..).skip(offset).take(limit).collect();
        page.next_cursor = if rest > 0 { (offset + limit).to_string() } else { String::new() };
        Ok(response)
    }
}
