//! `keyvalue_scan`: keys by prefix, each page one statement and so one snapshot.

use crate::{error::Failure, keys, service::Service};
use futures::TryStreamExt;
use prism_driver_kit::{cursor, namespace};
use prism_interfaces::{
    Fault, Namespace,
    keyvalue::v1::{
        CountRequest, CountResponse, KeyValueEntry, ScanKeysRequest, ScanKeysResponse, ScanRequest,
        ScanResponse, key_value_scan_server::KeyValueScan,
    },
};
use tonic::{Request, Response, Status};

/// Entries a page where the caller does not say.
const DEFAULT_LIMIT: u32 = 1000;

/// Entries a page whatever the caller says.
const MAX_LIMIT: u32 = 10_000;

/// A page ends before it has more bytes of keys and values than this, whatever its limit, unless a single entry has: most
/// gRPC clients take messages of up to 4 MiB where they are not told otherwise.
const PAGE_BYTES: usize = 3 << 20;

/// One page that is being read.
#[derive(Debug)]
struct Page {
    /// Sets the cursors of one rpc apart from those of another.
    kind: &'static str,
    namespace: Namespace,
    prefix: String,
    limit: usize,
    from: Vec<u8>,
    to: Vec<u8>,
}

impl Page {
    fn new(
        kind: &'static str,
        namespace: Namespace,
        prefix: String,
        limit: u32,
        cursor: &str,
    ) -> Result<Self, Fault> {
        let after = cursor::decode(kind, &namespace, &prefix, cursor)?;
        let (from, to) = keys::range(&prefix, after.as_deref());
        let limit = if limit == 0 { DEFAULT_LIMIT } else { limit.min(MAX_LIMIT) } as usize;
        Ok(Self { kind, namespace, prefix, limit, from, to })
    }

    /// One row more than fits, to know whether there is another page.
    fn rows(&self) -> i64 {
        self.limit as i64 + 1
    }

    fn cursor(&self, last: &str) -> String {
        cursor::encode(self.kind, &self.namespace, &self.prefix, last.as_bytes())
    }
}

fn text(key: Vec<u8>) -> Result<String, sqlx::Error> {
    String::from_utf8(key).map_err(|error| sqlx::Error::Decode(error.into()))
}

impl Service {
    async fn page(&self, page: &Page) -> Result<ScanResponse, Failure> {
        let mut reader = self.client.reader().await?;
        let mut rows = sqlx::query_as::<_, (Vec<u8>, Vec<u8>)>(
            "SELECT key, value FROM prism_keyvalue
             WHERE namespace = ?1 AND key >= ?2 AND key < ?3
               AND (expires_at_ms IS NULL OR expires_at_ms > ?4)
             ORDER BY key LIMIT ?5",
        )
        .bind(page.namespace.as_str())
        .bind(page.from.as_slice())
        .bind(page.to.as_slice())
        .bind(self.now_ms(&page.namespace))
        .bind(page.rows())
        .fetch(&mut *reader);

        let mut entries: Vec<KeyValueEntry> = Vec::new();
        let mut bytes = 0;
        while let Some((key, value)) = rows.try_next().await? {
            bytes += key.len() + value.len();
            if let Some(last) = entries.last()
                && (entries.len() == page.limit || bytes > PAGE_BYTES)
            {
                let next_cursor = page.cursor(&last.key);
                return Ok(ScanResponse { entries, next_cursor });
            }
            entries.push(KeyValueEntry { key: text(key)?, value: value.into() });
        }
        Ok(ScanResponse { entries, next_cursor: String::new() })
    }

    async fn page_of_keys(&self, page: &Page) -> Result<ScanKeysResponse, Failure> {
        let mut reader = self.client.reader().await?;
        let mut rows = sqlx::query_scalar::<_, Vec<u8>>(
            "SELECT key FROM prism_keyvalue
             WHERE namespace = ?1 AND key >= ?2 AND key < ?3
               AND (expires_at_ms IS NULL OR expires_at_ms > ?4)
             ORDER BY key LIMIT ?5",
        )
        .bind(page.namespace.as_str())
        .bind(page.from.as_slice())
        .bind(page.to.as_slice())
        .bind(self.now_ms(&page.namespace))
        .bind(page.rows())
        .fetch(&mut *reader);

        let mut keys: Vec<String> = Vec::new();
        while let Some(key) = rows.try_next().await? {
            if let Some(last) = keys.last()
                && keys.len() == page.limit
            {
                let next_cursor = page.cursor(last);
                return Ok(ScanKeysResponse { keys, next_cursor });
            }
            keys.push(text(key)?);
        }
        Ok(ScanKeysResponse { keys, next_cursor: String::new() })
    }

    async fn number_of_keys(&self, namespace: &Namespace, prefix: &str) -> Result<i64, Failure> {
        let (from, to) = keys::range(prefix, None);
        let mut reader = self.client.reader().await?;
        let count = sqlx::query_scalar(
            "SELECT count(*) FROM prism_keyvalue
             WHERE namespace = ?1 AND key >= ?2 AND key < ?3
               AND (expires_at_ms IS NULL OR expires_at_ms > ?4)",
        )
        .bind(namespace.as_str())
        .bind(from)
        .bind(to)
        .bind(self.now_ms(namespace))
        .fetch_one(&mut *reader)
        .await?;
        Ok(count)
    }
}

#[tonic::async_trait]
impl KeyValueScan for Service {
    async fn scan(&self, request: Request<ScanRequest>) -> Result<Response<ScanResponse>, Status> {
        let namespace = namespace(&request)?;
        let ScanRequest { prefix, limit, cursor } = request.into_inner();
        let page = Page::new("scan", namespace, prefix, limit, &cursor)?;
        Ok(Response::new(self.page(&page).await?))
    }

    async fn scan_keys(
        &self,
        request: Request<ScanKeysRequest>,
    ) -> Result<Response<ScanKeysResponse>, Status> {
        let namespace = namespace(&request)?;
        let ScanKeysRequest { prefix, limit, cursor } = request.into_inner();
        let page = Page::new("scan_keys", namespace, prefix, limit, &cursor)?;
        Ok(Response::new(self.page_of_keys(&page).await?))
    }

    async fn count(&self, request: Request<CountRequest>) -> Result<Response<CountResponse>, Status> {
        let namespace = namespace(&request)?;
        let CountRequest { prefix } = request.into_inner();
        let count = self.number_of_keys(&namespace, &prefix).await?;
        Ok(Response::new(CountResponse { count: count.unsigned_abs() }))
    }
}
