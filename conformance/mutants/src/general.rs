//! Mutants of the clauses that hold for every interface, and of the refusal of what is not declared.

mod refusals;

use crate::{
    Mutant,
    mutant::mutant,
    splice::{every_request, every_response},
};
use http::{HeaderMap, HeaderValue};
use prism_interfaces::{
    Endpoint, EndpointError, NAMESPACE_HEADER, Namespace, catalogue, contract::v1::Reason, fault,
};
use std::{collections::HashMap, time::Duration};
use tonic::{Code, Status, body::Body};
use tonic_types::{ErrorDetails, StatusExt};
use tower::{ServiceExt, service_fn};

/// The registration.
pub(crate) fn mutants() -> Vec<Mutant> {
    let mut all = vec![
        mutant(
            "general/namespace_has_a_default",
            "A call without a namespace goes to a default one",
            |next| {
                every_request(next, |request| {
                    if is_data(request.uri().path()) {
                        let default = HeaderValue::from_static("default");
                        request.headers_mut().entry(NAMESPACE_HEADER).or_insert(default);
                    }
                })
            },
        ),
        mutant(
            "general/namespace_is_made_to_fit",
            "A malformed namespace is replaced by a good one",
            |next| {
                every_request(next, |request| {
                    if is_data(request.uri().path()) && request.headers().contains_key(NAMESPACE_HEADER) {
                        make_fit(request.headers_mut());
                    }
                })
            },
        ),
        mutant("general/namespace_of_63_is_refused", "The limit of namespaces is off by one", |next| {
            refusing(next, |headers| headers.get(NAMESPACE_HEADER).is_some_and(|name| name.len() == 63))
        }),
        mutant("general/namespace_of_1_is_refused", "Namespaces need two characters", |next| {
            refusing(next, |headers| headers.get(NAMESPACE_HEADER).is_some_and(|name| name.len() == 1))
        }),
    ];
    all.extend(error_mutants());
    all.push(mutant("general/deadlines_are_ignored", "A call goes on when its deadline has passed", late));
    all.extend(refusals::mutants());
    all
}

fn error_mutants() -> [Mutant; 6] {
    [
        mutant("general/errors_have_no_details", "Errors carry no ErrorInfo", |next| {
            every_error(next, |status| Status::new(status.code(), status.message()))
        }),
        mutant(
            "general/errors_have_another_domain",
            "The ErrorInfo of errors is of another domain",
            |next| {
                every_error(next, |status| {
                    with_info(status, |info| {
                        let info = info.clone();
                        (info.reason, "driver".to_owned(), info.metadata)
                    })
                })
            },
        ),
        mutant("general/reasons_are_prose", "The reason in ErrorInfo is a sentence", |next| {
            every_error(next, |status| {
                with_info(status, |info| {
                    ("it did not work".to_owned(), info.domain.clone(), info.metadata.clone())
                })
            })
        }),
        mutant("general/errors_say_no_outcome", "Errors do not say what became of a write", |next| {
            every_error(next, |status| {
                with_info(status, |info| (info.reason.clone(), info.domain.clone(), HashMap::new()))
            })
        }),
        mutant("general/empty_name_is_unknown", "An empty name is refused with UNKNOWN", |next| {
            every_error(next, |status| recoded(status, Reason::NameEmpty, Code::Unknown))
        }),
        mutant("general/too_long_name_is_out_of_range", "A long name is refused with OUT_OF_RANGE", |next| {
            every_error(next, |status| recoded(status, Reason::NameTooLong, Code::OutOfRange))
        }),
    ]
}

/// Whether the path is that of an interface which a backend declares.
fn is_data(path: &str) -> bool {
    let service = path.strip_prefix('/').and_then(|path| path.split_once('/')).map(|(service, _)| service);
    catalogue::INTERFACES.iter().any(|interface| Some(interface.service) == service)
}

fn make_fit(headers: &mut HeaderMap) {
    if Namespace::from_headers(headers).is_err() {
        headers.insert(NAMESPACE_HEADER, HeaderValue::from_static("made-to-fit"));
    }
}

/// Refuses data calls whose headers are like this.
fn refusing(next: Endpoint, refused: impl Fn(&HeaderMap) -> bool + Copy + Send + Sync + 'static) -> Endpoint {
    Endpoint::new(service_fn(move |request: http::Request<Body>| {
        let next = next.clone();
        async move {
            if is_data(request.uri().path()) && refused(request.headers()) {
                return Ok::<_, EndpointError>(Status::invalid_argument("not such a namespace").into_http());
            }
            next.oneshot(request).await
        }
    }))
}

/// Changes every error of a data call that stands in the head of its answer.
fn every_error(
    next: Endpoint,
    change: impl Fn(&Status) -> Status + Copy + Send + Sync + 'static,
) -> Endpoint {
    every_response(next, move |path, response| {
        let status = Status::from_header_map(response.headers()).filter(|status| status.code() != Code::Ok);
        if let Some(status) = status.filter(|_| is_data(path)) {
            *response = change(&status).into_http();
        }
    })
}

/// The status with another reason, domain and metadata, made from those that it has.
fn with_info(
    status: &Status,
    change: impl Fn(&tonic_types::ErrorInfo) -> (String, String, HashMap<String, String>),
) -> Status {
    let Some(info) = status.get_details_error_info() else { return status.clone() };
    let (reason, domain, metadata) = change(&info);
    let mut details = ErrorDetails::new();
    details.set_error_info(reason, domain, metadata);
    Status::with_error_details(status.code(), status.message(), details)
}

/// The status with another code, where it has this reason.
fn recoded(status: &Status, reason: Reason, code: Code) -> Status {
    if fault::reason(status).as_deref() != Some(reason.as_str_name()) {
        return status.clone();
    }
    Status::with_details(code, status.message(), status.details().to_vec().into())
}

/// Ignores short deadlines, and is slow where there is one. Long ones, which cases put on their calls in case the driver
/// hangs, make no difference.
fn late(next: Endpoint) -> Endpoint {
    Endpoint::new(service_fn(move |mut request: http::Request<Body>| {
        let next = next.clone();
        async move {
            let deadline = request.headers().get("grpc-timeout").and_then(deadline);
            if let Some(deadline) = deadline.filter(|deadline| *deadline < Duration::from_secs(1))
                && is_data(request.uri().path())
            {
                request.headers_mut().remove("grpc-timeout");
                tokio::time::sleep(deadline + Duration::from_millis(400)).await;
            }
            next.oneshot(request).await
        }
    }))
}

fn deadline(header: &HeaderValue) -> Option<Duration> {
    let text = header.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = digits.parse().ok()?;
    match unit {
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}
