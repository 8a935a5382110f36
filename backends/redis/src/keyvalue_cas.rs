//! CompareAndSwap, CompareAndDelete, Increment.

use crate::{
    driver::Store,
    error::{Effect, Error},
    keyvalue_basic::{check_key, check_value},
    names::Names,
    scripts,
};
use prism_driver_kit::{Refusal, namespace};
use prism_interfaces::keyvalue::v1::{
    CompareAndDeleteRequest, CompareAndDeleteResponse, CompareAndSwapRequest, CompareAndSwapResponse,
    IncrementRequest, IncrementResponse, compare_and_swap_request::Expected,
    key_value_cas_server::KeyValueCas,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl KeyValueCas for Store {
    async fn compare_and_swap(
        &self,
        request: Request<CompareAndSwapRequest>,
    ) -> Result<Response<CompareAndSwapResponse>, Status> {
        let names = Names::new(&namespace(&request)?);
        let CompareAndSwapRequest { key, value, expected } = request.into_inner();
        check_key(&key)?;
        check_value(&value)?;
        let arguments = match &expected {
            None => return Err(Refusal::ExpectationMissing.into()),
            Some(Expected::Absent(_)) => vec![&*value],
            Some(Expected::ExpectedValue(expected)) => vec![&*value, &**expected],
        };
        let swapped = self.client.run(&scripts::SWAP, &names, &[names.value(&key)], &arguments).await?;
        Ok(Response::new(CompareAndSwapResponse { swapped }))
    }

    async fn compare_and_delete(
        &self,
        request: Request<CompareAndDeleteRequest>,
    ) -> Result<Response<CompareAndDeleteResponse>, Status> {
        let names = Names::new(&namespace(&request)?);
        let CompareAndDeleteRequest { key, expected_value } = request.into_inner();
        check_key(&key)?;
        let deleted =
            self.client.run(&scripts::REMOVE_IF, &names, &[names.value(&key)], &[&*expected_value]).await?;
        Ok(Response::new(CompareAndDeleteResponse { deleted }))
    }

    async fn increment(
        &self,
        request: Request<IncrementRequest>,
    ) -> Result<Response<IncrementResponse>, Status> {
        let names = Names::new(&namespace(&request)?);
        let IncrementRequest { key, delta } = request.into_inner();
        check_key(&key)?;
        let sum: String =
            self.client.run(&scripts::INCREMENT, &names, &[names.value(&key)], &[delta]).await?;
        let value = match sum.as_str() {
            "overflow" => return Err(Refusal::NumberOverflow.into()),
            "not a number" => return Err(Refusal::NotANumber.into()),
            sum => sum.parse().map_err(|_| Error::AnswerUnexpected(Effect::Possible))?,
        };
        Ok(Response::new(IncrementResponse { value }))
    }
}
