//! Mutants of keyvalue_basic.

use crate::{
    Mutant,
    forward::{BasicTwist, basic},
    mutant::mutant,
};
use prism_interfaces::{
    Endpoint,
    keyvalue::v1::{GetRequest, GetResponse, key_value_basic_client::KeyValueBasicClient},
};
use tonic::{Request, Response, Status};

/// The registration.
pub(crate) fn mutants() -> Vec<Mutant> {
    vec![mutant("keyvalue_basic/empty_value_is_missing", "An empty value is read as a missing key", |next| {
        basic(next, EmptyValueIsMissing)
    })]
}

struct EmptyValueIsMissing;

#[tonic::async_trait]
impl BasicTwist for EmptyValueIsMissing {
    async fn get(
        &self,
        next: &Endpoint,
        request: Request<GetRequest>,
    ) -> Result<Response<GetResponse>, Status> {
        let mut response = KeyValueBasicClient::new(next.clone()).get(request).await?;
        if response.get_ref().value.is_empty() {
            response.get_mut().found = false;
        }
        Ok(response)
    }
}
