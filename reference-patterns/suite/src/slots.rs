//! Cases that hold for every pattern: what Initialize makes of slots and parameters.

mod metrics;

use crate::{
    instance::Instance,
    twist::{Counter, hiding, unwell},
};
use prism_interfaces::{catalogue, fault, lifecycle::v1::Health};
use prism_suites::{
    BoundSlots, Case, Context, Failure, Verdict, case,
    client::KeyValue,
    expect::{expect, expect_eq, expect_refused, expect_value},
};
use tonic::Code;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = of_slots();
    cases.extend(metrics::cases());
    cases
}

fn of_slots() -> Vec<Case> {
    vec![
        case(
            "pattern_slots/empty_slots_are_refused",
            &["SLT-01"],
            "Initialize refuses a pattern none of whose slots is bound, and names one that must be",
            empty_slots_are_refused,
        ),
        case(
            "pattern_slots/lacking_interfaces_are_refused",
            &["SLT-02", "SLT-03"],
            "Initialize refuses backends that lack interfaces, names every slot, and calls none of them",
            lacking_interfaces_are_refused,
        ),
        case(
            "pattern_slots/initialize_calls_no_slot",
            &["SLT-03"],
            "Initialize of a pattern that is well bound makes no call to a slot",
            initialize_calls_no_slot,
        ),
        case(
            "pattern_slots/bad_parameters_are_refused",
            &["SLT-04"],
            "Initialize refuses an unknown parameter and one out of its bounds, and names it",
            bad_parameters_are_refused,
        ),
        case(
            "pattern_slots/health_is_that_of_the_slots",
            &["SLT-05"],
            "A pattern is unhealthy while the backend in any of its slots is, and names the slot",
            health_is_that_of_the_slots,
        ),
        case(
            "pattern_slots/killed_and_started_again",
            &["SLT-06"],
            "A pattern whose process is killed and started again still has everything that it had acknowledged",
            killed_and_started_again,
        )
        .needs(&["keyvalue_basic"]),
        case(
            "pattern_slots/sigterm_ends_it",
            &["SLT-07"],
            "A pattern in a process of its own ends with exit code 0 when it gets SIGTERM",
            sigterm_ends_it,
        )
        .needs(&["keyvalue_basic"]),
    ]
}

/// The names of the slots that hold backends.
fn backends(context: &Context) -> Result<Vec<String>, Failure> {
    let bench = context.bench()?;
    let of_application = bench.of_application();
    Ok(bench.slots().into_keys().filter(|name| !of_application.contains(name)).collect())
}

/// The parameters that the pattern cannot do without.
fn needed(context: &Context) -> Vec<(&str, &str)> {
    if context.declaration().has("pattern_consumer") {
        return vec![("namespace", context.namespace()), ("topic", "slots")];
    }
    Vec::new()
}

async fn refused_binding(context: &Context, slots: BoundSlots, what: &str) -> Result<String, Failure> {
    let instance = Instance::created(context, slots).await?;
    let refused = instance.initialize(&needed(context)).await;
    let status = expect_refused(format!("Initialize with {what}"), refused, Code::FailedPrecondition)?;
    expect_eq("the reason", fault::reason(&status).as_deref(), Some("BINDING_INVALID"))?;
    Ok(status.message().to_owned())
}

async fn empty_slots_are_refused(context: Context) -> Verdict {
    let message = refused_binding(&context, BoundSlots::new(), "nothing bound").await?;
    let slots = context.bench()?.slots();
    expect(
        slots.keys().any(|slot| message.contains(&format!("`{slot}`"))),
        format!("the refusal names no slot: {message}"),
    )
}

async fn lacking_interfaces_are_refused(context: Context) -> Verdict {
    let bound = context.bench()?.slots();
    let all: Vec<&str> = catalogue::INTERFACES.iter().map(|interface| interface.id).collect();
    let counter = Counter::default();
    let lacking = |slots: &mut BoundSlots, name: &str| {
        if let Some(slot) = slots.get_mut(name) {
            *slot = counter.on(hiding(slot.clone(), &all));
        }
    };
    for name in backends(&context)? {
        let mut slots = bound.clone();
        lacking(&mut slots, &name);
        let message = refused_binding(&context, slots, &format!("an unfit backend in slot `{name}`")).await?;
        expect(
            message.contains(&format!("`{name}`")),
            format!("the refusal does not name `{name}`: {message}"),
        )?;
        expect(
            all.iter().any(|interface| message.contains(interface)),
            format!("the refusal names no interface: {message}"),
        )?;
    }
    let mut slots = bound.clone();
    for name in backends(&context)? {
        lacking(&mut slots, &name);
    }
    let message = refused_binding(&context, slots, "unfit backends in all slots").await?;
    for name in backends(&context)? {
        expect(
            message.contains(&format!("`{name}`")),
            format!("the refusal does not name `{name}`: {message}"),
        )?;
    }
    expect_eq("the number of calls to slots", counter.count(), 0)
}

async fn initialize_calls_no_slot(context: Context) -> Verdict {
    let counter = Counter::default();
    let mut slots = context.bench()?.slots();
    for slot in slots.values_mut() {
        *slot = counter.on(slot.clone());
    }
    let instance = Instance::created(&context, slots).await?;
    instance.initialize(&needed(&context)).await?;
    expect_eq("the number of calls to slots", counter.count(), 0)
}

async fn bad_parameters_are_refused(context: Context) -> Verdict {
    let mut bad = context.bench()?.out_of_bounds();
    bad.push(("colour".to_owned(), "red".to_owned()));
    if context.declaration().has("pattern_multicast_registry") {
        bad.push(("field_types".to_owned(), "zone=words".to_owned()));
    }
    if context.declaration().has("pattern_consumer") {
        for (name, value) in [("namespace", "Not-One"), ("topic", "")] {
            bad.push((name.to_owned(), value.to_owned()));
        }
    }
    for (name, value) in bad {
        let instance = Instance::created(&context, context.bench()?.slots()).await?;
        let what = format!("Initialize with {name}: {value:.20}");
        let mut given = needed(&context);
        given.retain(|(other, _)| *other != name);
        given.push((&name, &value));
        let status = expect_refused(&what, instance.initialize(&given).await, Code::InvalidArgument)?;
        expect_eq("the reason", fault::reason(&status).as_deref(), Some("SETTING_INVALID"))?;
        expect(
            status.message().contains(&name),
            format!("{what}: the refusal does not name the parameter: {}", status.message()),
        )?;
    }
    Ok(())
}

async fn health_is_that_of_the_slots(context: Context) -> Verdict {
    let bound = context.bench()?.slots();
    let well = Instance::start(&context, &needed(&context)).await?;
    expect_eq("the health over healthy backends", well.lifecycle().health().await?.0, Health::Healthy)?;
    well.stop().await?;
    for name in backends(&context)? {
        let mut slots = bound.clone();
        if let Some(slot) = slots.get_mut(&name) {
            *slot = unwell(slot.clone());
        }
        let instance = Instance::over(&context, slots, &needed(&context)).await?;
        let (health, message) = instance.lifecycle().health().await?;
        expect_eq(format!("the health over an unhealthy backend in `{name}`"), health, Health::Unhealthy)?;
        expect(message.contains(&name), format!("the message does not name `{name}`: {message}"))?;
        instance.stop().await?;
    }
    Ok(())
}

async fn killed_and_started_again(context: Context) -> Verdict {
    let bench = context.bench()?;
    for round in 0..3 {
        let process = bench.launch_process(bench.slots()).await?;
        let instance = Instance::of(&context, &process.endpoint());
        instance.bring_up(&[]).await?;
        let kv = KeyValue::new(instance.endpoint());
        for before in 0..round {
            let found = kv.get(&format!("round-{before}")).await?;
            expect_value(format!("what round {before} has written"), &found, Some(b"kept"))?;
        }
        kv.set(&format!("round-{round}"), "kept").await?;
        process.kill().await;
    }
    Ok(())
}

async fn sigterm_ends_it(context: Context) -> Verdict {
    let bench = context.bench()?;
    let process = bench.launch_process(bench.slots()).await?;
    let instance = Instance::of(&context, &process.endpoint());
    instance.bring_up(&[]).await?;
    KeyValue::new(instance.endpoint()).set("key", "value").await?;
    let code = process.terminate().await?;
    if code != Some(0) {
        return Err(Failure::violation("the process did not end as it should")
            .expected("exit code 0")
            .got(code.map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}")))
            .detail(process.log().join("\n")));
    }
    Ok(())
}
