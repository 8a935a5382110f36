//! Mutants of the filter language.

use super::{client, face, parameter};
use crate::PatternMutant;
use prism_interfaces::{
    Endpoint, fault,
    pattern::multicast_registry::v1::{
        Comparison, EnumerateRequest, EnumerateResponse, Filter, Filters, MulticastRequest,
        MulticastResponse, Null, Value, filter::Condition, value::Kind,
    },
};
use prism_mutants::forward::{self, RegistryTwist};
use tonic::{Request, Response, Status};

pub(super) fn mutants() -> Vec<PatternMutant> {
    let rewrites = |id, sentence, rewrite: fn(Condition) -> Condition| {
        face(id, sentence, move |endpoint| forward::multicast_registry(endpoint, Rewrites(rewrite)))
    };
    vec![
        rewrites(
            "pattern_multicast_registry/not_equals_matches_missing",
            "`not_equals` holds for a field that is not there",
            |condition| match condition {
                Condition::NotEquals(comparison) => not(Condition::Equals(comparison)),
                other => other,
            },
        ),
        rewrites(
            "pattern_multicast_registry/not_wants_the_field",
            "`not` does not hold where the field is missing",
            |condition| match condition {
                Condition::Not(inner) => match inner.condition {
                    Some(Condition::Equals(Comparison { field, value })) => both(
                        Condition::Exists(field.clone()),
                        not(Condition::Equals(Comparison { field, value })),
                    ),
                    condition => Condition::Not(Box::new(Filter { condition })),
                },
                other => other,
            },
        ),
        rewrites(
            "pattern_multicast_registry/null_is_missing",
            "A null does not count as there",
            |condition| match condition {
                Condition::Exists(field) => both(
                    Condition::Exists(field.clone()),
                    not(Condition::Equals(Comparison {
                        field,
                        value: Some(Value { kind: Some(Kind::Null(Null::default())) }),
                    })),
                ),
                other => other,
            },
        ),
        rewrites("pattern_multicast_registry/any_of_nothing_holds", "`any` of nothing holds", |condition| {
            match condition {
                Condition::Any(parts) if parts.filters.is_empty() => Condition::All(parts),
                other => other,
            }
        }),
        rewrites(
            "pattern_multicast_registry/all_of_nothing_does_not",
            "`all` of nothing does not hold",
            |condition| match condition {
                Condition::All(parts) if parts.filters.is_empty() => Condition::Any(parts),
                other => other,
            },
        ),
        rewrites(
            "pattern_multicast_registry/less_is_less_or_equal",
            "`less` holds for an equal value",
            |condition| match condition {
                Condition::Less(comparison) => Condition::LessOrEqual(comparison),
                other => other,
            },
        ),
        rewrites(
            "pattern_multicast_registry/compares_as_doubles",
            "Integers are compared as numbers, and large ones lose their last bits",
            |condition| match condition {
                Condition::Equals(comparison) => Condition::Equals(rounded(comparison)),
                Condition::Greater(comparison) => Condition::Greater(rounded(comparison)),
                other => other,
            },
        ),
        rewrites(
            "pattern_multicast_registry/wildcards_in_texts",
            "A `%` at the end of a text stands for anything",
            |condition| match condition {
                Condition::StartsWith(mut part) => {
                    part.text = part.text.trim_end_matches('%').to_owned();
                    Condition::StartsWith(part)
                }
                other => other,
            },
        ),
        rewrites(
            "pattern_multicast_registry/one_of_looks_at_the_first",
            "`one_of` only knows its first value",
            |condition| match condition {
                Condition::OneOf(mut choice) => {
                    choice.values.truncate(1);
                    Condition::OneOf(choice)
                }
                other => other,
            },
        ),
        rewrites(
            "pattern_multicast_registry/contains_is_starts_with",
            "`contains` looks at the beginning",
            |condition| match condition {
                Condition::Contains(Comparison {
                    field,
                    value: Some(Value { kind: Some(Kind::Text(text)) }),
                }) => Condition::StartsWith(prism_interfaces::pattern::multicast_registry::v1::TextMatch {
                    field,
                    text,
                }),
                other => other,
            },
        ),
        face("pattern_multicast_registry/types_are_strict", "An integer never equals a number", |endpoint| {
            forward::multicast_registry(endpoint, Strict)
        }),
        face(
            "pattern_multicast_registry/bad_filters_match_everything",
            "A filter that makes no sense is none",
            |endpoint| forward::multicast_registry(endpoint, TakesBadFilters { multicast: true }),
        ),
        face(
            "pattern_multicast_registry/bad_filters_match_nobody",
            "A multicast with a filter that makes no sense has no targets",
            |endpoint| forward::multicast_registry(endpoint, TakesBadFilters { multicast: false }),
        ),
        parameter(
            "pattern_multicast_registry/any_depth",
            "A filter can be nested deeper than the parameter says",
            "max_filter_depth",
            Some("20"),
        ),
        parameter(
            "pattern_multicast_registry/any_number_of_conditions",
            "A filter can hold more conditions than the parameter says",
            "max_filter_clauses",
            Some("1000"),
        ),
        parameter(
            "pattern_multicast_registry/a_level_too_few",
            "A filter of exactly the depth is refused",
            "max_filter_depth",
            Some("3"),
        ),
        parameter(
            "pattern_multicast_registry/a_condition_too_few",
            "A filter of exactly so many conditions is refused",
            "max_filter_clauses",
            Some("5"),
        ),
    ]
}

fn filter(condition: Condition) -> Filter {
    Filter { condition: Some(condition) }
}

fn not(condition: Condition) -> Condition {
    Condition::Not(Box::new(filter(condition)))
}

fn both(left: Condition, right: Condition) -> Condition {
    Condition::All(Filters { filters: vec![filter(left), filter(right)] })
}

/// With an integer as the nearest number.
fn rounded(mut comparison: Comparison) -> Comparison {
    if let Some(Value { kind: Some(kind) }) = &mut comparison.value
        && let Kind::Integer(integer) = kind
    {
        *kind = Kind::Number(*integer as f64);
    }
    comparison
}

/// Another filter than was asked for.
struct Rewrites(fn(Condition) -> Condition);

impl Rewrites {
    fn filter(&self, filter: Filter) -> Filter {
        let all = |parts: Filters| Filters {
            filters: parts.filters.into_iter().map(|part| self.filter(part)).collect(),
        };
        let condition = filter.condition.map(|condition| match condition {
            Condition::All(parts) if !parts.filters.is_empty() => Condition::All(all(parts)),
            Condition::Any(parts) if !parts.filters.is_empty() => Condition::Any(all(parts)),
            Condition::Not(part) => (self.0)(Condition::Not(Box::new(self.filter(*part)))),
            other => (self.0)(other),
        });
        Filter { condition }
    }
}

#[tonic::async_trait]
impl RegistryTwist for Rewrites {
    async fn enumerate(
        &self,
        next: &Endpoint,
        mut request: Request<EnumerateRequest>,
    ) -> Result<Response<EnumerateResponse>, Status> {
        let filter = request.get_mut().filter.take();
        request.get_mut().filter = filter.map(|filter| self.filter(filter));
        client(next).enumerate(request).await
    }
}

/// Lists only what has the kind of the value that it is to equal.
struct Strict;

#[tonic::async_trait]
impl RegistryTwist for Strict {
    async fn enumerate(
        &self,
        next: &Endpoint,
        request: Request<EnumerateRequest>,
    ) -> Result<Response<EnumerateResponse>, Status> {
        let filter = request.get_ref().filter.clone();
        let mut response = client(next).enumerate(request).await?;
        if let Some(Condition::Equals(Comparison { field, value: Some(value) })) =
            filter.and_then(|filter| filter.condition)
        {
            let kind = value.kind.as_ref().map(std::mem::discriminant);
            response.get_mut().identities.retain(|identity| {
                let found = identity.metadata.get(&field).and_then(|value| value.kind.as_ref());
                found.map(std::mem::discriminant) == kind
            });
        }
        Ok(response)
    }
}

struct TakesBadFilters {
    multicast: bool,
}

fn is_bad<T>(answer: &Result<T, Status>) -> bool {
    answer.as_ref().is_err_and(|status| fault::reason(status).as_deref() == Some("FILTER_INVALID"))
}

#[tonic::async_trait]
impl RegistryTwist for TakesBadFilters {
    async fn enumerate(
        &self,
        next: &Endpoint,
        request: Request<EnumerateRequest>,
    ) -> Result<Response<EnumerateResponse>, Status> {
        let whole = EnumerateRequest { filter: None, ..request.get_ref().clone() };
        let whole = forward::like(&request, whole);
        let answer = client(next).enumerate(request).await;
        if is_bad(&answer) && self.multicast { client(next).enumerate(whole).await } else { answer }
    }

    async fn multicast(
        &self,
        next: &Endpoint,
        request: Request<MulticastRequest>,
    ) -> Result<Response<MulticastResponse>, Status> {
        let answer = client(next).multicast(request).await;
        if is_bad(&answer) { Ok(Response::new(MulticastResponse::default())) } else { answer }
    }
}
