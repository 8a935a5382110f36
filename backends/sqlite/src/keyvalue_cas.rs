//! `keyvalue_cas`: changes that depend on what is there.
//!
//! The conditions are part of the statements that write, but for Increment, whose arithmetic is done here because that of
//! SQLite turns into floating point where it overflows.

use crate::{client::REPLACE, error::Failure, limits, service::Service};
use prism_driver_kit::{Refusal, namespace};
use prism_interfaces::{
    Namespace,
    keyvalue::v1::{
        CompareAndDeleteRequest, CompareAndDeleteResponse, CompareAndSwapRequest, CompareAndSwapResponse,
        IncrementRequest, IncrementResponse, compare_and_swap_request::Expected,
        key_value_cas_server::KeyValueCas,
    },
};
use tonic::{Request, Response, Status};

/// Reads the shortest decimal text of a number, and nothing else.
fn number(text: &[u8]) -> Option<i64> {
    let text = str::from_utf8(text).ok()?;
    text.parse::<i64>().ok().filter(|number| number.to_string() == text)
}

impl Service {
    async fn swap_absent(&self, namespace: &Namespace, key: String, value: Vec<u8>) -> Result<bool, Failure> {
        let mut writer = self.client.writer().await?;
        let stored = sqlx::query(
            "REPLACE INTO prism_keyvalue (namespace, key, expires_at_ms, value)
             SELECT ?1, ?2, NULL, ?3 WHERE NOT EXISTS
               (SELECT 1 FROM prism_keyvalue
                WHERE namespace = ?1 AND key = ?2 AND (expires_at_ms IS NULL OR expires_at_ms > ?4))",
        )
        .bind(namespace.as_str())
        .bind(key.into_bytes())
        .bind(value)
        .bind(self.now_ms(namespace))
        .execute(&mut *writer)
        .await?;
        Ok(stored.rows_affected() > 0)
    }

    async fn swap_value(
        &self,
        namespace: &Namespace,
        key: String,
        expected: Vec<u8>,
        value: Vec<u8>,
    ) -> Result<bool, Failure> {
        let mut writer = self.client.writer().await?;
        let stored = sqlx::query(
            "REPLACE INTO prism_keyvalue (namespace, key, expires_at_ms, value)
             SELECT namespace, key, expires_at_ms, ?4 FROM prism_keyvalue
             WHERE namespace = ?1 AND key = ?2 AND value = ?3
               AND (expires_at_ms IS NULL OR expires_at_ms > ?5)",
        )
        .bind(namespace.as_str())
        .bind(key.into_bytes())
        .bind(expected)
        .bind(value)
        .bind(self.now_ms(namespace))
        .execute(&mut *writer)
        .await?;
        Ok(stored.rows_affected() > 0)
    }

    async fn remove_value(
        &self,
        namespace: &Namespace,
        key: String,
        expected: Vec<u8>,
    ) -> Result<bool, Failure> {
        let mut writer = self.client.writer().await?;
        let removed = sqlx::query(
            "DELETE FROM prism_keyvalue
             WHERE namespace = ?1 AND key = ?2 AND value = ?3
               AND (expires_at_ms IS NULL OR expires_at_ms > ?4)",
        )
        .bind(namespace.as_str())
        .bind(key.into_bytes())
        .bind(expected)
        .bind(self.now_ms(namespace))
        .execute(&mut *writer)
        .await?;
        Ok(removed.rows_affected() > 0)
    }

    async fn add(&self, namespace: &Namespace, key: String, delta: i64) -> Result<i64, Failure> {
        let mut transaction = self.client.transaction().await?;
        let row: Option<(Vec<u8>, Option<i64>)> = sqlx::query_as(
            "SELECT value, expires_at_ms FROM prism_keyvalue
             WHERE namespace = ?1 AND key = ?2 AND (expires_at_ms IS NULL OR expires_at_ms > ?3)",
        )
        .bind(namespace.as_str())
        .bind(key.as_bytes())
        .bind(self.now_ms(namespace))
        .fetch_optional(&mut *transaction)
        .await?;
        let (before, expires_at) = match row {
            None => (0, None),
            Some((text, expires_at)) => (number(&text).ok_or(Refusal::NotANumber)?, expires_at),
        };
        let sum = before.checked_add(delta).ok_or(Refusal::NumberOverflow)?;
        sqlx::query(REPLACE)
            .bind(namespace.as_str())
            .bind(key.into_bytes())
            .bind(expires_at)
            .bind(sum.to_string().into_bytes())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(sum)
    }
}

#[tonic::async_trait]
impl KeyValueCas for Service {
    async fn compare_and_swap(
        &self,
        request: Request<CompareAndSwapRequest>,
    ) -> Result<Response<CompareAndSwapResponse>, Status> {
        let namespace = namespace(&request)?;
        let CompareAndSwapRequest { key, expected, value } = request.into_inner();
        limits::check_key("key", &key)?;
        limits::check_value("value", &value)?;
        let swapped = match expected {
            None => return Err(Refusal::ExpectationMissing.into()),
            Some(Expected::Absent(_)) => self.swap_absent(&namespace, key, value.into()).await?,
            Some(Expected::ExpectedValue(expected)) => {
                self.swap_value(&namespace, key, expected.into(), value.into()).await?
            }
        };
        Ok(Response::new(CompareAndSwapResponse { swapped }))
    }

    async fn compare_and_delete(
        &self,
        request: Request<CompareAndDeleteRequest>,
    ) -> Result<Response<CompareAndDeleteResponse>, Status> {
        let namespace = namespace(&request)?;
        let CompareAndDeleteRequest { key, expected_value } = request.into_inner();
        limits::check_key("key", &key)?;
        let deleted = self.remove_value(&namespace, key, expected_value.into()).await?;
        Ok(Response::new(CompareAndDeleteResponse { deleted }))
    }

    async fn increment(
        &self,
        request: Request<IncrementRequest>,
    ) -> Result<Response<IncrementResponse>, Status> {
        let namespace = namespace(&request)?;
        let IncrementRequest { key, delta } = request.into_inner();
        limits::check_key("key", &key)?;
        Ok(Response::new(IncrementResponse { value: self.add(&namespace, key, delta).await? }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_shortest_decimal_text_is_a_number() {
        for good in [0, 7, -12, i64::MAX, i64::MIN] {
            assert_eq!(number(good.to_string().as_bytes()), Some(good));
        }
        let bad: [&[u8]; 13] = [
            b"",
            b"007",
            b" 1",
            b"1 ",
            b"1\n",
            b"+1",
            b"-0",
            b"1.0",
            b"1e3",
            b"0x1",
            b"9223372036854775808",
            "١".as_bytes(),
            b"\xff",
        ];
        for text in bad {
            assert_eq!(number(text), None, "{text:?}");
        }
    }
}
