//! Drivers that say wrong things of themselves.

use crate::{
    Mutant,
    aside::Plain,
    forward::{LifecycleTwist, lifecycle, like},
    mutant::mutant,
};
use prism_interfaces::{
    Endpoint, NAMESPACE_HEADER,
    lifecycle::v1::{DescribeRequest, DescribeResponse, Health, HealthCheckRequest, HealthCheckResponse},
};
use tonic::{Request, Response, Status};

pub(super) fn mutants() -> Vec<Mutant> {
    vec![
        mutant("lifecycle/describe_hides_an_interface", "Describe leaves out an interface", |next| {
            lifecycle(next, Describes(|described| drop(described.interfaces.pop())))
        }),
        mutant(
            "lifecycle/describe_has_another_hash",
            "Describe gives the hash of another contract",
            |next| {
                let changed = |described: &mut DescribeResponse| {
                    for interface in &mut described.interfaces {
                        interface.proto_hash = "0".repeat(64);
                    }
                };
                lifecycle(next, Describes(changed))
            },
        ),
        mutant(
            "lifecycle/describe_has_other_limits",
            "Describe gives a limit that is not the declared one",
            |next| {
                let changed = |described: &mut DescribeResponse| {
                    let traits = described.interfaces.iter_mut().flat_map(|interface| &mut interface.traits);
                    for (_, limit) in traits.filter(|(name, _)| name.starts_with("max_")) {
                        limit.insert(0, '1');
                    }
                };
                lifecycle(next, Describes(changed))
            },
        ),
        mutant("lifecycle/describe_has_no_traits", "Describe gives no traits", |next| {
            let changed = |described: &mut DescribeResponse| {
                for interface in &mut described.interfaces {
                    interface.traits.clear();
                }
            };
            lifecycle(next, Describes(changed))
        }),
        mutant(
            "lifecycle/describe_has_no_version",
            "Describe does not give the version of the driver",
            |next| lifecycle(next, Describes(|described| described.version.clear())),
        ),
        mutant(
            "lifecycle/describe_only_while_running",
            "Describe is refused where the driver does not run",
            |next| lifecycle(next, DescribesOnlyWhileRunning),
        ),
        mutant("lifecycle/describe_needs_a_namespace", "Describe is refused without a namespace", |next| {
            lifecycle(next, DescribeNeedsANamespace)
        }),
        mutant("lifecycle/always_healthy", "HealthCheck is HEALTHY in every state", |next| {
            lifecycle(next, Says(|_| Health::Healthy))
        }),
        mutant(
            "lifecycle/not_running_is_unhealthy",
            "HealthCheck is UNHEALTHY where the driver does not run",
            |next| {
                lifecycle(
                    next,
                    Says(|health| if health == Health::NotRunning { Health::Unhealthy } else { health }),
                )
            },
        ),
    ]
}

/// Changes what Describe answers.
struct Describes(fn(&mut DescribeResponse));

#[tonic::async_trait]
impl LifecycleTwist for Describes {
    async fn describe(
        &self,
        next: &Endpoint,
        request: Request<DescribeRequest>,
    ) -> Result<Response<DescribeResponse>, Status> {
        let mut answer = Plain.describe(next, request).await?;
        (self.0)(answer.get_mut());
        Ok(answer)
    }
}

struct DescribesOnlyWhileRunning;

#[tonic::async_trait]
impl LifecycleTwist for DescribesOnlyWhileRunning {
    async fn describe(
        &self,
        next: &Endpoint,
        request: Request<DescribeRequest>,
    ) -> Result<Response<DescribeResponse>, Status> {
        let answer = Plain.health_check(next, like(&request, HealthCheckRequest {})).await?;
        if answer.get_ref().health() == Health::NotRunning {
            return Err(Status::failed_precondition("the driver does not run"));
        }
        Plain.describe(next, request).await
    }
}

struct DescribeNeedsANamespace;

#[tonic::async_trait]
impl LifecycleTwist for DescribeNeedsANamespace {
    async fn describe(
        &self,
        next: &Endpoint,
        request: Request<DescribeRequest>,
    ) -> Result<Response<DescribeResponse>, Status> {
        // The engine asks without a namespace as well, before there is a case that could notice.
        if request.metadata().contains_key("grpc-timeout")
            && !request.metadata().contains_key(NAMESPACE_HEADER)
        {
            return Err(Status::invalid_argument("the header `prism-namespace` is missing"));
        }
        Plain.describe(next, request).await
    }
}

/// Changes what HealthCheck answers.
struct Says(fn(Health) -> Health);

#[tonic::async_trait]
impl LifecycleTwist for Says {
    async fn health_check(
        &self,
        next: &Endpoint,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let answer = Plain.health_check(next, request).await?;
        let health = (self.0)(answer.get_ref().health()).into();
        Ok(answer.map(|answer| HealthCheckResponse { health, ..answer }))
    }
}
