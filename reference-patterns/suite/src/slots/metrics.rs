//! What a pattern tells of its calls and of those to its slots.

use super::needed;
use crate::{
    consumer,
    instance::{Instance, slot},
    multicast_registry,
    producer::client::{Producer, message},
    twist::{
        silent,
        tally::{Answered, Tally},
    },
};
use prism_interfaces::{
    Endpoint, catalogue,
    keyvalue::v1::{GetRequest, key_value_basic_client::KeyValueBasicClient},
    pattern::{
        multicast_registry::v1::RegisterRequest,
        slots::v1::{CallMetrics, GetMetricsRequest, pattern_slots_client::PatternSlotsClient},
    },
    time,
};
use prism_suites::{
    Case, Context, Failure, Verdict, case,
    client::{KeyValue, PATIENCE, PubSub},
    expect::{expect, expect_eq},
};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use tonic::{Code, Request};

/// How much longer a call to a slot takes here.
const LONGER: Duration = Duration::from_millis(5);

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "pattern_slots/every_call_is_counted",
            &["SLT-08", "SLT-09"],
            "The metrics tell of each rpc of the pattern and of each slot how often it was answered, how, and how long that took",
            every_call_is_counted,
        ),
        case(
            "pattern_slots/metrics_are_those_of_the_namespace",
            &["SLT-08", "SLT-09"],
            "The metrics of a namespace tell nothing of another one, and begin anew when it is dropped",
            metrics_are_those_of_the_namespace,
        ),
        case(
            "pattern_slots/what_is_given_up_is_counted",
            &["SLT-08", "SLT-09"],
            "A call to a slot that was given up before its answer is counted as CANCELLED",
            what_is_given_up_is_counted,
        )
        .needs(&["pattern_keyvalue"]),
    ]
}

async fn metrics(endpoint: &Endpoint) -> Result<Vec<CallMetrics>, Failure> {
    let mut client = PatternSlotsClient::new(endpoint.clone());
    Ok(client.get_metrics(GetMetricsRequest {}).await?.into_inner().calls)
}

/// Makes some calls of the pattern, of which one is refused where there is one to refuse.
async fn exercise(context: &Context, endpoint: Endpoint) -> Verdict {
    let serves = |id: &str| context.declaration().has(id);
    let mut refused = true;
    if serves("pattern_keyvalue") {
        let store = KeyValue::new(endpoint);
        store.set("key", "value").await?;
        for _ in 0..3 {
            store.get("key").await?;
        }
        refused = store.set("", "value").await.is_err();
    } else if serves("pattern_producer") {
        let producer = Producer::new(endpoint);
        producer.publish(message("topic", "one")).await?;
        producer.publish(message("topic", "two")).await?;
        refused = producer.publish(message("", "three")).await.is_err();
    } else if serves("pattern_multicast_registry") {
        let registry = multicast_registry::Registry::new(endpoint);
        let identity = |name: &str| RegisterRequest {
            identity: name.to_owned(),
            topic: "topic".to_owned(),
            ..RegisterRequest::default()
        };
        registry.register(identity("one")).await?;
        registry.register(identity("two")).await?;
        registry.send(None, "payload").await?;
        registry.names(None).await?;
        refused = registry.register(identity("")).await.is_err();
    } else if serves("pattern_consumer") {
        PubSub::new(slot(context, consumer::MESSAGES)?).publish("slots", "message").await?;
        let handled = async || {
            let status = consumer::consuming::status(endpoint.clone()).await?;
            Ok((status.counts.unwrap_or_default().received > 0 && status.in_hand == 0).then_some(()))
        };
        context.eventually("the handling of a message", 4 * PATIENCE, handled).await?;
    }
    expect(refused, "a call that makes no sense was answered with OK")
}

/// An instance whose slots are counted, and the counts by slot.
async fn counted(context: &Context) -> Result<(Instance, BTreeMap<String, Tally>), Failure> {
    let mut slots = context.bench()?.slots();
    let mut tallies = BTreeMap::new();
    for (name, slot) in &mut slots {
        let tally = Tally::default();
        *slot = tally.on(slot.clone(), LONGER);
        tallies.insert(name.clone(), tally);
    }
    Ok((Instance::over(context, slots, &needed(context)).await?, tallies))
}

/// What the metrics say of rpcs with one answer, in the form of a tally.
fn answers<'a>(calls: &'a [CallMetrics], slot: &'a str) -> impl Iterator<Item = (Answered, &'a CallMetrics)> {
    let streaming = |rpc: &str| {
        let mut rpcs = catalogue::services().flat_map(|service| service.rpcs);
        rpcs.any(|known| known.path.trim_start_matches('/') == rpc && known.server_streaming)
    };
    calls
        .iter()
        .filter(move |call| call.slot == slot && !streaming(&call.rpc))
        .map(|call| ((call.rpc.clone(), call.code), call))
}

fn counts(calls: &[CallMetrics], slot: &str) -> BTreeMap<Answered, u64> {
    answers(calls, slot).map(|(answered, call)| (answered, call.calls)).collect()
}

async fn every_call_is_counted(context: Context) -> Verdict {
    let began = Instant::now();
    let (instance, mut tallies) = counted(&context).await?;
    let own = Tally::default();
    exercise(&context, own.on(instance.endpoint(), Duration::ZERO)).await?;
    tallies.insert(String::new(), own);
    let seen =
        || -> BTreeMap<&String, _> { tallies.iter().map(|(slot, tally)| (slot, tally.so_far())).collect() };
    // What goes on without a caller may not have come to its end.
    let told = |calls: &[CallMetrics]| -> BTreeMap<&String, _> {
        tallies.keys().map(|slot| (slot, counts(calls, slot))).collect()
    };
    let agree = async || {
        let calls = metrics(&instance.endpoint()).await?;
        Ok((told(&calls) == seen()).then_some(calls))
    };
    let Ok(last) = context.eventually("agreement on the calls that were made", 4 * PATIENCE, agree).await
    else {
        let calls = metrics(&instance.endpoint()).await?;
        return expect_eq("the calls by slot, rpc and code", told(&calls), seen());
    };
    let order: Vec<_> = last.iter().map(|call| (&call.slot, &call.rpc, call.code)).collect();
    expect(
        order.is_sorted_by(|one, other| one < other) && last.iter().all(|call| call.calls > 0),
        format!("the calls are not in order, or told twice or for nothing: {order:?}"),
    )?;
    for (slot, least) in
        tallies.keys().map(|slot| (slot, if slot.is_empty() { Duration::ZERO } else { LONGER }))
    {
        for ((rpc, _), call) in answers(&last, slot) {
            let took = call.time.as_ref().and_then(time::to_std).unwrap_or_default();
            let calls = u32::try_from(call.calls).unwrap_or(u32::MAX);
            expect(
                !took.is_zero() && took >= least * calls && took <= began.elapsed() * calls,
                format!("{calls} calls of {rpc} on slot {slot:?} took {took:?}, each at least {least:?}"),
            )?;
        }
    }
    Ok(())
}

async fn metrics_are_those_of_the_namespace(context: Context) -> Verdict {
    let (instance, _) = counted(&context).await?;
    exercise(&context, instance.endpoint()).await?;
    let told = metrics(&instance.endpoint()).await?;
    expect(told.iter().any(|call| call.slot.is_empty()), "the metrics tell of no call of the pattern")?;
    let elsewhere = metrics(&instance.elsewhere(&context)).await?;
    expect_eq("the calls of a namespace that nobody called in", elsewhere, Vec::new())?;
    instance.lifecycle().drop_namespace().await?;
    let left = metrics(&instance.endpoint()).await?;
    let own: Vec<&CallMetrics> = left.iter().filter(|call| call.slot.is_empty()).collect();
    expect_eq("the calls of a namespace that was dropped", own, Vec::<&CallMetrics>::new())
}

async fn what_is_given_up_is_counted(context: Context) -> Verdict {
    const GET: &str = "prism.keyvalue.v1.KeyValueBasic/Get";
    let mut slots = context.bench()?.slots();
    if let Some(store) = slots.get_mut("store") {
        *store = silent(store.clone(), "Get");
    }
    let instance = Instance::over(&context, slots, &[]).await?;
    let mut call = Request::new(GetRequest { key: "key".to_owned() });
    call.set_timeout(Duration::from_millis(200));
    let answer = KeyValueBasicClient::new(instance.endpoint()).get(call).await;
    expect(answer.is_err(), "a call was answered whose slot does not answer")?;
    let given_up = async || {
        let calls = metrics(&instance.endpoint()).await?;
        let found = counts(&calls, "store").get(&(GET.to_owned(), Code::Cancelled.into())).copied();
        Ok((found == Some(1)).then_some(()))
    };
    context.eventually("the counting of a call that was given up", PATIENCE, given_up).await
}
