use super::{Mutant, body, mutant, status};
use crate::{Faults, faults::pass};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body::Frame;
use tonic::{Status, body::Body};

const COMES: &str = "metadata/comes_through_in_both_directions";
const ADDED: &str = "metadata/nothing_is_added";
const ID: &str = "metadata/request_id_is_made";
const ALONE: &str = "metadata/error_in_headers_alone_stays_one";
const COMPRESSED: &str = "metadata/compressed_messages_are_not_touched";
const ONCE: &str = "errors/failed_call_is_not_made_again";

pub(super) fn mutants() -> Vec<Mutant> {
    vec![
        mutant("loses_binary_headers", "Binary metadata of the client is lost", &[COMES], || {
            Faults::request(|request| remove_binary(request.headers_mut()))
        }),
        mutant("loses_binary_trailers", "Binary metadata of the upstream is lost", &[COMES], || {
            Faults::response(|response| status::everywhere(response, remove_binary))
        }),
        mutant(
            "drops_trailers",
            "Of the trailers only the status arrives",
            &[COMES, "streaming/all_four_kinds_pass"],
            || {
                Faults::response(|response| {
                    response.map(|inner| {
                        body::map(inner, |frame| match frame.into_trailers() {
                            Ok(trailers) => Frame::trailers(only_status(&trailers)),
                            Err(frame) => frame,
                        })
                    })
                })
            },
        ),
        mutant("joins_values", "Repeated metadata becomes one value", &[COMES], || {
            Faults::request(|request| {
                let headers = request.headers_mut();
                let many: Vec<&[u8]> = headers.get_all("x-many").iter().map(HeaderValue::as_bytes).collect();
                if many.len() > 1 {
                    let joined = HeaderValue::from_bytes(&many.join(&b", "[..])).expect("a header");
                    headers.insert("x-many", joined);
                }
            })
        }),
        mutant("keeps_the_namespace", "The upstream is not told the namespace", &[COMES, ADDED], || {
            Faults::behind(|parts| drop(parts.headers.remove("prism-namespace")))
        }),
        mutant("adds_a_header", "The upstream sees where the call came from", &[ADDED], || {
            Faults::behind(|parts| {
                parts.headers.insert("x-forwarded-for", HeaderValue::from_static("127.0.0.1"));
            })
        }),
        mutant("replaces_the_request_id", "A request id of the client is replaced", &[COMES], || {
            Faults::request(|request| drop(request.headers_mut().remove("x-request-id")))
        }),
        mutant("keeps_the_request_id", "The upstream is not told the request id", &[COMES, ID], || {
            Faults::behind(|parts| drop(parts.headers.remove("x-request-id")))
        }),
        mutant("request_id_is_not_returned", "The client is not told the request id", &[ID], || {
            Faults::response(|mut response| {
                response.headers_mut().remove("x-request-id");
                response
            })
        }),
        mutant("splits_errors", "An error in headers alone comes as headers and trailers", &[ALONE], || {
            Faults::response(|mut response| {
                let headers = response.headers_mut();
                if !headers.contains_key("grpc-status") {
                    return response;
                }
                let mut trailers = std::mem::take(headers);
                let content_type = trailers.remove("content-type");
                headers.extend(content_type.map(|value| (http::header::CONTENT_TYPE, value)));
                response.map(|_| body::body(futures::stream::iter([Ok(Frame::trailers(trailers))])))
            })
        }),
        mutant(
            "strips_details",
            "Errors come without their details",
            &[
                ALONE,
                "routing/unknown_and_bad_namespaces_are_refused",
                "limits/calls_in_flight",
                "deadlines/stream_ends_at_its_deadline",
            ],
            || {
                Faults::response(|response| {
                    status::everywhere(response, |headers| drop(headers.remove("grpc-status-details-bin")))
                })
            },
        ),
        mutant("mangles_messages", "The message of an error loses what is not ASCII", &[ALONE], || {
            Faults::response(|response| {
                status::everywhere(response, |headers| {
                    if let Some(message) = headers.get_mut("grpc-message")
                        && message.as_bytes().contains(&b'%')
                    {
                        *message = HeaderValue::from_static("n?h");
                    }
                })
            })
        }),
        mutant(
            "clears_the_compression_flag",
            "A compressed message is announced as a plain one",
            &[COMPRESSED],
            || Faults::response(|response| response.map(|inner| body::map(inner, clear_flag))),
        ),
        mutant(
            "refuses_compression",
            "The upstream is told that the client takes no compression",
            &[COMPRESSED],
            || Faults::behind(|parts| drop(parts.headers.remove("grpc-accept-encoding"))),
        ),
        mutant(
            "takes_anything",
            "Whatever comes is taken for gRPC",
            &["metadata/what_is_not_grpc_is_refused"],
            || {
                Faults::request(|request| {
                    request
                        .headers_mut()
                        .insert("content-type", HeaderValue::from_static("application/grpc"));
                })
            },
        ),
        mutant(
            "no_outcome",
            "The proxy's errors do not say what became of the call",
            &[
                "errors/answer_that_is_not_grpc_becomes_a_status",
                "outages/upstream_that_never_answers_is_down",
                "outages/full_upstream_is_not_waited_for",
            ],
            || {
                Faults::response(|response| {
                    status::everywhere(response, |headers| {
                        status::details(headers, true, |metadata| drop(metadata.remove("outcome")));
                    })
                })
            },
        ),
        mutant(
            "passes_resets_on",
            "A call that the upstream breaks off is reset",
            &["errors/call_that_breaks_off_ends_with_a_status"],
            || {
                Faults::response(|response| {
                    let gone = || Status::internal("gone");
                    if response.headers().get("grpc-status").is_some_and(|status| status == "13") {
                        let mut broken = Response::new(body::body_of_error(gone()));
                        broken
                            .headers_mut()
                            .insert("content-type", HeaderValue::from_static("application/grpc"));
                        return broken;
                    }
                    response.map(|inner| {
                        let frames = futures::StreamExt::map(body::frames(inner), move |frame| match frame {
                            Ok(frame) => match frame.trailers_ref().and_then(|all| all.get("grpc-status")) {
                                Some(status) if status == "13" => Err(gone()),
                                _ => Ok(frame),
                            },
                            Err(error) => Err(error),
                        });
                        body::body(frames)
                    })
                })
            },
        ),
        mutant(
            "passes_http_errors_on",
            "An answer that is not gRPC comes through as it is",
            &["errors/answer_that_is_not_grpc_becomes_a_status"],
            || {
                Faults::response(|response| {
                    let message = response.headers().get("grpc-message");
                    if !message
                        .is_some_and(|message| message.as_bytes().windows(4).any(|part| part == b"HTTP"))
                    {
                        return response;
                    }
                    let mut html = Response::new(Body::empty());
                    *html.status_mut() = StatusCode::BAD_GATEWAY;
                    html
                })
            },
        ),
        mutant(
            "tries_again",
            "A call that failed is made a second time",
            &[ONCE, "admin/metrics_count_calls"],
            || {
                Faults::front(|request, way| {
                    Box::pin(async move {
                        let (parts, inner) = request.into_parts();
                        // Only what is there at once can be sent again.
                        if !parts.uri.path().ends_with("Fail") && !parts.uri.path().ends_with("Busy") {
                            return pass(way, http::Request::from_parts(parts, inner)).await;
                        }
                        let sent = http_body_util::BodyExt::collect(inner).await;
                        let sent = sent.map(http_body_util::Collected::to_bytes).unwrap_or_default();
                        let again = || {
                            let inner = Body::new(http_body_util::Full::new(sent.clone()));
                            pass(way.clone(), http::Request::from_parts(parts.clone(), inner))
                        };
                        let response = again().await;
                        if response.headers().contains_key("grpc-status") { again().await } else { response }
                    })
                })
            },
        ),
    ]
}

fn remove_binary(headers: &mut HeaderMap) {
    let names: Vec<HeaderName> =
        headers.keys().filter(|name| name.as_str().ends_with("-bin")).cloned().collect();
    for name in names.iter().filter(|name| name.as_str() != "grpc-status-details-bin") {
        headers.remove(name);
    }
}

fn only_status(trailers: &HeaderMap) -> HeaderMap {
    let kept = trailers.iter().filter(|(name, _)| name.as_str().starts_with("grpc-"));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn clear_flag(frame: Frame<Bytes>) -> Frame<Bytes> {
    match frame.into_data() {
        Ok(data) => {
            let mut data = BytesMut::from(data);
            if let Some(flag) = data.first_mut() {
                *flag = 0;
            }
            Frame::data(data.freeze())
        }
        Err(frame) => frame,
    }
}
