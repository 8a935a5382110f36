//! Changes that depend on what is there.

use crate::{
    declaration::{MAX_KEY_BYTES, MAX_VALUE_BYTES},
    driver::Service,
    error::Error,
    table::Table,
    value::Value,
};
use prism_driver_kit::check;
use prism_interfaces::keyvalue::v1::{
    CompareAndDeleteRequest, CompareAndDeleteResponse, CompareAndSwapRequest, CompareAndSwapResponse,
    IncrementRequest, IncrementResponse, compare_and_swap_request::Expected,
    key_value_cas_server::KeyValueCas,
};
use tonic::{Request, Response, Status};

/// The number that a value stands for: its shortest decimal text and nothing else.
fn number(value: &Value) -> Result<i64, Error> {
    let text = std::str::from_utf8(value.as_slice()).map_err(|_| Error::NotANumber)?;
    let number: i64 = text.parse().map_err(|_| Error::NotANumber)?;
    // Parsing takes `+1` and `007` as well.
    if number.to_string() == text { Ok(number) } else { Err(Error::NotANumber) }
}

impl Table {
    /// Stores a value where the key holds `expected`, `None` being no key; says whether it did.
    fn compare_and_swap(&mut self, key: String, expected: Option<&[u8]>, value: Value) -> bool {
        let matches = self.get(&key).map(Value::as_slice) == expected;
        if matches {
            self.set_keeping_expiry(key, value);
        }
        matches
    }

    fn compare_and_delete(&mut self, key: &str, expected: &[u8]) -> bool {
        self.get(key).map(Value::as_slice) == Some(expected) && self.remove(key)
    }

    fn increment(&mut self, key: String, delta: i64) -> Result<i64, Error> {
        let before = self.get(&key).map(number).transpose()?.unwrap_or(0);
        let sum = before.checked_add(delta).ok_or(Error::NumberOverflow)?;
        self.set_keeping_expiry(key, Value::copy(sum.to_string().as_bytes()));
        Ok(sum)
    }
}

#[tonic::async_trait]
impl KeyValueCas for Service {
    async fn compare_and_swap(
        &self,
        request: Request<CompareAndSwapRequest>,
    ) -> Result<Response<CompareAndSwapResponse>, Status> {
        let space = self.space(&request)?;
        let CompareAndSwapRequest { key, expected, value } = request.into_inner();
        check::name("key", &key, MAX_KEY_BYTES)?;
        check::value("value", &value, MAX_VALUE_BYTES)?;
        let expected = match &expected {
            Some(Expected::Absent(_)) => None,
            Some(Expected::ExpectedValue(expected)) => Some(&expected[..]),
            None => return Err(Error::ExpectationMissing.into()),
        };
        let value = Value::copy(&value);
        let swapped = space.keys().compare_and_swap(key, expected, value);
        Ok(Response::new(CompareAndSwapResponse { swapped }))
    }

    async fn compare_and_delete(
        &self,
        request: Request<CompareAndDeleteRequest>,
    ) -> Result<Response<CompareAndDeleteResponse>, Status> {
        let space = self.space(&request)?;
        let CompareAndDeleteRequest { key, expected_value } = request.into_inner();
        check::name("key", &key, MAX_KEY_BYTES)?;
        let deleted = space.keys().compare_and_delete(&key, &expected_value);
        Ok(Response::new(CompareAndDeleteResponse { deleted }))
    }

    async fn increment(
        &self,
        request: Request<IncrementRequest>,
    ) -> Result<Response<IncrementResponse>, Status> {
        let space = self.space(&request)?;
        let IncrementRequest { key, delta } = request.into_inner();
        check::name("key", &key, MAX_KEY_BYTES)?;
        let value = space.keys().increment(key, delta)?;
        Ok(Response::new(IncrementResponse { value }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_shortest_decimal_text_is_a_number() {
        for good in [0, 1, -1, i64::MAX, i64::MIN] {
            assert_eq!(number(&Value::copy(good.to_string().as_bytes())), Ok(good));
        }
        for bad in ["", "-", "-0", "007", "+1", " 1", "1 ", "1.0", "1e3", "0x1", "٣", "9223372036854775808"]
        {
            assert_eq!(number(&Value::copy(bad.as_bytes())), Err(Error::NotANumber), "{bad}");
        }
        assert_eq!(number(&Value::copy(b"\xff1")), Err(Error::NotANumber));
    }
}
