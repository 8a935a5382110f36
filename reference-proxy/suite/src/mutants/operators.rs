use super::{Mutant, body, mutant};
use crate::{Faults, faults::pass};
use bytes::BytesMut;
use http_body::Frame;
use prism_proxy::config::Limits;
use tonic::Status;
use tonic_health::pb::health_check_response::ServingStatus;

const RULES: &str = "admin/rules_and_upstreams_are_told_and_a_drain_is_begun";
const HEALTH: &str = "admin/health_is_told_for_the_proxy_and_for_each_namespace";

pub(super) fn mutants() -> Vec<Mutant> {
    vec![
        mutant(
            "health_stays_serving",
            "Health is SERVING whatever happens",
            &[HEALTH, "draining/thousand_calls_finish_and_none_is_lost"],
            || {
                Faults::front(|request, way| {
                    let is_health = request.uri().path().starts_with("/grpc.health.");
                    Box::pin(async move {
                        let response = pass(way, request).await;
                        if is_health { response.map(|inner| body::map(inner, serving)) } else { response }
                    })
                })
            },
        ),
        mutant(
            "reflection_is_not_served",
            "Reflection is not served",
            &["admin/reflection_shows_what_is_served"],
            || {
                Faults::front(|request, way| {
                    Box::pin(async move {
                        if request.uri().path().starts_with("/grpc.reflection.") {
                            return Status::unimplemented("no reflection").into_http();
                        }
                        pass(way, request).await
                    })
                })
            },
        ),
        mutant(
            "reflection_shows_what_is_not_served",
            "Reflection shows the whole contract, whatever the upstreams serve",
            &["admin/reflection_shows_what_is_served"],
            || {
                Faults::behind(|parts| {
                    if parts.uri.path().ends_with("/Describe") {
                        parts.uri = "/nobody.Knows/This".parse().expect("a path");
                    }
                })
            },
        ),
        mutant("tells_no_limits", "Operators are told no limits", &[RULES], || {
            Faults::config(|config| {
                config.namespaces.iter_mut().for_each(|namespace| namespace.limits = Limits::default());
            })
        }),
        mutant("anybody_drains", "Clients can drain the proxy", &[RULES], || {
            Faults::front(|request, way| {
                Box::pin(async move {
                    if request.uri().path() == "/prism.proxy.v1.Admin/Drain" {
                        return Status::ok("").into_http();
                    }
                    pass(way, request).await
                })
            })
        }),
        mutant(
            "calls_are_not_counted",
            "Calls end without being counted",
            &["admin/metrics_count_calls"],
            || {
                Faults::front(|request, way| {
                    Box::pin(async move {
                        if request.uri().path().ends_with("/Fail") {
                            return Status::aborted("n\u{e4}h").into_http();
                        }
                        pass(way, request).await
                    })
                })
            },
        ),
    ]
}

/// An answer of the health service is a frame of seven bytes that ends with the status.
fn serving(frame: Frame<bytes::Bytes>) -> Frame<bytes::Bytes> {
    match frame.into_data() {
        Ok(data) => {
            let mut data = BytesMut::from(data);
            if data.len() == 7 {
                data[6] = ServingStatus::Serving as u8;
            }
            Frame::data(data.freeze())
        }
        Err(frame) => frame,
    }
}
