//! Cases of the general clauses that hold for every interface alike, made from the catalogue: a new interface is covered
//! on the day it is written. The general clauses that need data to look at have their cases beside the interfaces.

use crate::{
    Case, Context, Failure, Verdict, case,
    expect::{expect_refused, name},
    sample,
    verdict::is_transport,
};
use bytes::Bytes;
use futures::future::try_join_all;
use prism_interfaces::{
    Endpoint, EndpointError, InterfaceSpec, NAMESPACE_HEADER, RpcSpec, catalogue, fault::DOMAIN,
};
use std::time::{Duration, Instant};
use tonic::{
    Code, Status,
    body::Body,
    metadata::{Ascii, MetadataMap, MetadataValue},
};
use tonic_types::StatusExt;
use tower::{ServiceExt, service_fn};

/// How long a call without a deadline of its own may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long after its deadline a call may end (GEN-11).
const GRACE: Duration = Duration::from_millis(250);

/// Rpcs whose names begin like this change nothing that is there, so that they can be tried in a namespace that may
/// be somebody's. The conditional ones and Unsubscribe name something that is not there.
const HARMLESS: [&str; 11] = [
    "Get",
    "Exists",
    "Scan",
    "Count",
    "List",
    "Head",
    "BatchGet",
    "TransactionGet",
    "CompareAndDelete",
    "Unsubscribe",
    "Subscribe",
];

/// The registration.
pub(crate) fn cases() -> Vec<Case> {
    catalogue::INTERFACES.iter().flat_map(cases_of).collect()
}

/// The same for what patterns serve.
pub(crate) fn cases_of_patterns() -> Vec<Case> {
    let served = catalogue::PATTERNS.iter().filter(|interface| !interface.rpcs.is_empty());
    served.flat_map(cases_of).collect()
}

fn cases_of(interface: &'static InterfaceSpec) -> Vec<Case> {
    let id = |name: &str| format!("{}/{name}", interface.id);
    let mut cases = vec![
        case(
            id("namespace_missing_is_refused"),
            &["GEN-01"],
            "A call without a namespace is refused",
            move |context| namespace_missing(context, interface),
        ),
        case(
            id("namespace_malformed_is_refused"),
            &["GEN-02"],
            "A namespace of a form that is not allowed is refused",
            move |context| namespace_malformed(context, interface),
        ),
        case(
            id("errors_say_why"),
            &["GEN-04"],
            "Every refusal carries an ErrorInfo of domain `prism` with a reason",
            move |context| errors_say_why(context, interface),
        ),
    ];
    if let Some(rpc) = interface.rpcs.iter().find(|rpc| is_harmless(rpc)) {
        cases.push(case(
            id("namespace_of_any_length_is_accepted"),
            &["GEN-02"],
            "Namespaces of 1 and of 63 characters are accepted",
            move |context| namespace_lengths(context, rpc),
        ));
    }
    if named(interface).next().is_some() {
        cases.push(case(
            id("empty_name_is_refused"),
            &["GEN-07"],
            "An empty name is refused",
            move |context| empty_name(context, interface),
        ));
        cases.push(case(
            id("too_long_name_is_refused"),
            &["GEN-08"],
            "A name that is a byte longer than declared is refused",
            move |context| too_long_name(context, interface),
        ));
    }
    cases.push(case(
        id("deadlines_are_kept"),
        &["GEN-11"],
        "A call with a deadline ends at the latest soon after it",
        move |context| deadlines(context, interface),
    ));
    cases
}

fn is_harmless(rpc: &RpcSpec) -> bool {
    HARMLESS.iter().any(|beginning| rpc.name.starts_with(beginning))
}

/// Rpcs whose requests hold a name.
fn named(interface: &'static InterfaceSpec) -> impl Iterator<Item = &'static RpcSpec> {
    interface.rpcs.iter().filter(|rpc| sample::has_name(rpc))
}

/// Calls an rpc with these bytes for a namespace, or without one.
async fn in_namespace(
    context: &Context,
    rpc: &RpcSpec,
    namespace: Option<&[u8]>,
) -> Result<Option<Bytes>, Status> {
    let mut metadata = MetadataMap::new();
    if let Some(namespace) = namespace {
        let value = MetadataValue::<Ascii>::try_from(namespace)
            .map_err(|error| Status::unknown(format!("the header cannot be sent: {error}")))?;
        metadata.insert(NAMESPACE_HEADER, value);
    }
    let body = sample::request(rpc, "a-name-that-nobody-uses", b"value");
    sample::call(&context.bare_endpoint(), rpc, body, metadata, PATIENCE).await
}

async fn namespace_missing(context: Context, interface: &'static InterfaceSpec) -> Verdict {
    for rpc in interface.rpcs {
        let answer = in_namespace(&context, rpc, None).await;
        expect_refused(format!("{} without a namespace", rpc.name), answer, Code::InvalidArgument)?;
    }
    Ok(())
}

async fn namespace_malformed(context: Context, interface: &'static InterfaceSpec) -> Verdict {
    let too_long = "n".repeat(64);
    let malformed: [&[u8]; 10] =
        [b"", b"-a", b"A", b"aB", b"a_b", b"a.b", b"a b", b"a/b", "\u{e9}".as_bytes(), too_long.as_bytes()];
    for rpc in interface.rpcs {
        for namespace in malformed {
            let answer = in_namespace(&context, rpc, Some(namespace)).await;
            let what = format!("{} in the namespace {}", rpc.name, prism_check::quote(namespace));
            expect_refused(what, answer, Code::InvalidArgument)?;
        }
    }
    Ok(())
}

async fn namespace_lengths(context: Context, rpc: &'static RpcSpec) -> Verdict {
    let longest = ["x".repeat(63), format!("0{}", "-".repeat(62))];
    for namespace in ["a", "0", "a-", "a--0"].into_iter().chain(longest.iter().map(String::as_str)) {
        match in_namespace(&context, rpc, Some(namespace.as_bytes())).await {
            Err(status) if matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded) => {
                return Err(status.into());
            }
            Err(status) if status.code() == Code::InvalidArgument => {
                let what = format!("{} in the namespace {}", rpc.name, name(namespace));
                return Err(Failure::from(status).during(what));
            }
            // Whatever else is answered, it is not the namespace that is at fault.
            _ => {}
        }
    }
    Ok(())
}

async fn errors_say_why(context: Context, interface: &'static InterfaceSpec) -> Verdict {
    for rpc in interface.rpcs {
        let mut refused = vec![
            ("without a namespace", in_namespace(&context, rpc, None).await),
            ("in the namespace \"A\"", in_namespace(&context, rpc, Some(b"A")).await),
        ];
        if sample::has_name(rpc) {
            refused.push(("with an empty name", with_name(&context, rpc, "").await));
        }
        for (how, answer) in refused {
            let what = format!("{} {how}", rpc.name);
            let status = expect_refused(&what, answer, Code::InvalidArgument)?;
            let Some(info) = status.get_details_error_info() else {
                return Err(Failure::violation(format!("the refusal of {what} carries no ErrorInfo"))
                    .got(format!("{:?}: {}", status.code(), status.message())));
            };
            if info.domain != DOMAIN || !is_upper_snake(&info.reason) {
                return Err(Failure::violation(format!("the ErrorInfo of {what} is not as it should be"))
                    .expected("domain `prism` and an UPPER_SNAKE reason")
                    .got(format!("domain `{}`, reason `{}`", info.domain, info.reason)));
            }
        }
    }
    Ok(())
}

fn is_upper_snake(reason: &str) -> bool {
    reason.starts_with(|first: char| first.is_ascii_uppercase())
        && reason.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Calls an rpc in the namespace of the case with this name.
async fn with_name(context: &Context, rpc: &RpcSpec, name: &str) -> Result<Option<Bytes>, Status> {
    let body = sample::request(rpc, name, b"value");
    sample::call(&context.endpoint(), rpc, body, MetadataMap::new(), PATIENCE).await
}

async fn empty_name(context: Context, interface: &'static InterfaceSpec) -> Verdict {
    for rpc in named(interface) {
        let answer = with_name(&context, rpc, "").await;
        expect_refused(format!("{} with an empty name", rpc.name), answer, Code::InvalidArgument)?;
    }
    Ok(())
}

async fn too_long_name(context: Context, interface: &'static InterfaceSpec) -> Verdict {
    // The limit is a trait of the interface or of the one that it builds on.
    let limit = std::iter::once(&interface.id)
        .chain(interface.needs)
        .map(|id| context.traits(id))
        .map(|traits| traits.bytes("max_key_bytes").max(traits.bytes("max_topic_bytes")))
        .max()
        .unwrap_or_default();
    if limit == 0 {
        return Err(Failure::harness(format!("{} has names and no limit for them", interface.id)));
    }
    let too_long = "n".repeat(limit as usize + 1);
    for rpc in named(interface) {
        let answer = with_name(&context, rpc, &too_long).await;
        let what = format!("{} with a name of {} bytes", rpc.name, too_long.len());
        expect_refused(what, answer, Code::InvalidArgument)?;
    }
    Ok(())
}

async fn deadlines(context: Context, interface: &'static InterfaceSpec) -> Verdict {
    let (streams, calls): (Vec<_>, Vec<_>) = interface.rpcs.iter().partition(|rpc| rpc.server_streaming);
    let calls = calls.iter().flat_map(|rpc| [1, 20].map(|millis| (*rpc, Duration::from_millis(millis))));
    try_join_all(calls.map(|(rpc, deadline)| call_ends(&context, rpc, deadline))).await?;
    try_join_all(streams.iter().map(|rpc| stream_ends(&context, rpc, Duration::from_millis(50)))).await?;
    Ok(())
}

/// The driver, with this deadline on every call, whatever deadline the caller has put on it.
fn with_deadline(endpoint: Endpoint, deadline: Duration) -> Endpoint {
    let millis = format!("{}m", deadline.as_millis());
    Endpoint::new(service_fn(move |mut request: http::Request<Body>| {
        let (endpoint, header) = (endpoint.clone(), http::HeaderValue::from_str(&millis));
        async move {
            request.headers_mut().insert("grpc-timeout", header.map_err(EndpointError::new)?);
            endpoint.oneshot(request).await
        }
    }))
}

async fn call_ends(context: &Context, rpc: &RpcSpec, deadline: Duration) -> Verdict {
    let endpoint = with_deadline(context.endpoint(), deadline);
    let body = sample::request(rpc, "deadline", b"value");
    let start = Instant::now();
    // The deadline that is given here only keeps the case from waiting for ever.
    let answer = sample::call(&endpoint, rpc, body, MetadataMap::new(), Duration::from_secs(1)).await;
    ended_in_time(context, rpc, deadline, start)?;
    match answer {
        Err(status) if status.code() == Code::Unavailable => Err(status.into()),
        // An answer, a refusal, or that the deadline has passed: all of them are an end.
        _ => Ok(()),
    }
}

async fn stream_ends(context: &Context, rpc: &RpcSpec, deadline: Duration) -> Verdict {
    let endpoint = with_deadline(context.endpoint(), deadline);
    let body = sample::request(rpc, "deadline", b"value");
    let start = Instant::now();
    let end = async {
        let mut stream = sample::open(&endpoint, rpc, body, MetadataMap::new(), PATIENCE).await?;
        while stream.message().await?.is_some() {}
        Ok(())
    };
    let end: Result<(), Status> = match tokio::time::timeout(Duration::from_secs(1), end).await {
        Ok(end) => end,
        Err(_) => Err(Status::deadline_exceeded("the stream was still open after a second")),
    };
    ended_in_time(context, rpc, deadline, start)?;
    match end {
        Err(status) if status.code() == Code::DeadlineExceeded => Ok(()),
        // Over a socket the client keeps the deadline as well, and says it in its own way when it is first.
        Err(status) if status.code() == Code::Cancelled && is_transport(&status) => Ok(()),
        Err(status) if status.code() == Code::Unavailable => Err(status.into()),
        end => {
            Err(Failure::violation(format!("{} did not end as a call whose deadline has passed", rpc.name))
                .expected("DeadlineExceeded")
                .got(end.map_or_else(|status| crate::verdict::describe(&status), |()| "OK".to_owned())))
        }
    }
}

fn ended_in_time(context: &Context, rpc: &RpcSpec, deadline: Duration, start: Instant) -> Verdict {
    let took = start.elapsed();
    if took <= deadline + GRACE {
        return Ok(());
    }
    // Where the machine slept, it is not the driver that was late.
    context.demand_awake(start, GRACE)?;
    Err(Failure::violation(format!("{} went on after its deadline", rpc.name))
        .expected(format!("an end within {} ms", (deadline + GRACE).as_millis()))
        .got(format!("an end after {} ms", took.as_millis())))
}
