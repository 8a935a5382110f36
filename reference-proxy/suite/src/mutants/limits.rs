use super::{Mutant, mutant, status};
use crate::Faults;
use http::HeaderValue;
use prism_proxy::config::{Config, Limits};
use tonic::Code;

const CALLS: &str = "limits/calls_in_flight";
const RATE: &str = "limits/rate_of_calls";
const SIZE: &str = "limits/size_of_messages";

pub(super) fn mutants() -> Vec<Mutant> {
    vec![
        mutant(
            "one_call_too_many",
            "One call more is in flight than may be",
            &[CALLS, "configuration/limits_count_across_a_reload"],
            || Faults::config(|config| limits(config, |limits| raise(&mut limits.max_concurrent))),
        ),
        mutant("one_call_too_fast", "One call more comes at once than may", &[RATE], || {
            Faults::config(|config| {
                limits(config, |limits| {
                    if let Some(rate) = &mut limits.rate {
                        rate.burst += 1;
                    }
                });
            })
        }),
        mutant("no_rate", "Calls come as fast as they like", &[RATE], || {
            Faults::config(|config| limits(config, |limits| limits.rate = None))
        }),
        mutant("one_byte_too_many", "A message is one byte longer than it may be", &[SIZE], || {
            Faults::config(|config| limits(config, |limits| raise(&mut limits.max_message_bytes)))
        }),
        mutant("one_byte_too_few", "A message of the limit is refused", &[SIZE], || {
            Faults::config(|config| {
                limits(config, |limits| {
                    if let Some(bytes) = &mut limits.max_message_bytes {
                        *bytes -= 1;
                    }
                });
            })
        }),
        mutant("limits_are_shared", "The namespaces under a prefix share their limits", &[CALLS], || {
            let shared = Faults::request(|request| {
                let headers = request.headers_mut();
                if let Some(own) = headers.get("prism-namespace").cloned()
                    && own.as_bytes().starts_with(b"limited-")
                {
                    headers.insert("prism-namespace", HeaderValue::from_static("limited-all"));
                    headers.insert("x-own-namespace", own);
                }
            });
            let restored = Faults::behind(|parts| {
                if let Some(own) = parts.headers.remove("x-own-namespace") {
                    parts.headers.insert("prism-namespace", own);
                }
            });
            Faults { behind: restored.behind, ..shared }
        }),
        mutant(
            "no_hints",
            "Refusals do not say when to try again",
            &[
                CALLS,
                RATE,
                "outages/upstream_dies_and_is_back",
                "draining/thousand_calls_finish_and_none_is_lost",
            ],
            || {
                Faults::response(|response| {
                    status::everywhere(response, |headers| status::details(headers, false, |_| {}))
                })
            },
        ),
        mutant(
            "limits_are_unavailable",
            "What is over a limit is UNAVAILABLE",
            &[CALLS, RATE, SIZE, "outages/full_upstream_is_not_waited_for"],
            || {
                Faults::response(|response| {
                    status::everywhere(response, |headers| {
                        status::code(headers, Code::ResourceExhausted, Code::Unavailable);
                    })
                })
            },
        ),
        mutant(
            "large_headers_pass",
            "Headers may be as large as they like",
            &["bad_clients/large_headers_are_refused_and_the_connection_lives"],
            || Faults::config(|config| config.max_header_bytes = 1 << 20),
        ),
    ]
}

fn limits(config: &mut Config, change: fn(&mut Limits)) {
    config.namespaces.iter_mut().for_each(|namespace| change(&mut namespace.limits));
}

fn raise(limit: &mut Option<u32>) {
    *limit = limit.map(|limit| limit + 1);
}
