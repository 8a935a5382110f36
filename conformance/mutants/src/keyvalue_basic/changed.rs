//! Keys and values that are changed on their way.

use super::client;
use crate::{
    Mutant,
    forward::{BasicTwist, basic},
    mutant::mutant,
};
use bytes::Bytes;
use prism_interfaces::{
    Endpoint,
    keyvalue::v1::{
        DeleteRequest, DeleteResponse, ExistsRequest, ExistsResponse, GetRequest, GetResponse, SetRequest,
        SetResponse,
    },
};
use tonic::{Request, Response, Status};

pub(super) fn mutants() -> Vec<Mutant> {
    let mut all = vec![
        mutant("keyvalue_basic/value_is_text", "Values are forced into UTF-8", |next| {
            basic(next, Values(|value| String::from_utf8_lossy(value).into_owned().into_bytes()))
        }),
        mutant("keyvalue_basic/value_is_a_number", "Values that look like numbers are normalised", |next| {
            basic(next, Values(normalise_number))
        }),
        mutant("keyvalue_basic/value_is_trimmed", "White space at the end of values is cut off", |next| {
            basic(next, Values(|value| value.trim_ascii_end().to_vec()))
        }),
        mutant("keyvalue_basic/value_ends_at_nul", "Values are cut at their first NUL", |next| {
            basic(next, Values(|value| value.split(|byte| *byte == 0).next().unwrap_or_default().to_vec()))
        }),
    ];
    all.extend(key_mutants());
    all
}

fn key_mutants() -> [Mutant; 8] {
    [
        mutant("keyvalue_basic/key_is_folded", "Keys are compared without case", |next| {
            basic(next, Keys(str::to_lowercase))
        }),
        mutant("keyvalue_basic/key_is_trimmed", "Blanks at the end of keys are cut off", |next| {
            basic(next, Keys(trimmed))
        }),
        mutant("keyvalue_basic/key_ends_at_nul", "Keys are cut at their first NUL", |next| {
            basic(next, Keys(up_to_nul))
        }),
        mutant("keyvalue_basic/key_is_a_path", "Keys are cleaned as paths are", |next| {
            basic(next, Keys(|key| key.replace("//", "/").replace("./", "")))
        }),
        mutant("keyvalue_basic/key_is_normalised", "Keys are normalised as Unicode text", |next| {
            basic(next, Keys(|key| key.replace("e\u{301}", "é")))
        }),
        mutant("keyvalue_basic/key_is_made_harmless", "Dots and blanks in keys are replaced", |next| {
            basic(next, Keys(|key| key.replace(['.', ' ', '-'], "_")))
        }),
        mutant("keyvalue_basic/key_is_cut", "Keys are cut at 255 bytes", |next| basic(next, Keys(cut))),
        mutant("keyvalue_basic/key_is_decoded", "Percent signs in keys are decoded", |next| {
            basic(next, Keys(|key| key.replace("%41", "A").replace("%20", " ")))
        }),
    ]
}

fn trimmed(key: &str) -> String {
    match key.trim_end_matches(' ') {
        // Never to nothing, which would be refused and not mistaken; nothing itself stays what it is.
        "" if !key.is_empty() => " ".to_owned(),
        trimmed => trimmed.to_owned(),
    }
}

fn up_to_nul(key: &str) -> String {
    key.char_indices().take_while(|(at, c)| *at == 0 || *c != '\0').map(|(_, c)| c).collect()
}

/// Cut between characters.
fn cut(key: &str) -> String {
    let end = key.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= 255).last();
    key[..end.unwrap_or_default()].to_owned()
}

fn normalise_number(value: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(value).unwrap_or_default();
    text.parse::<i64>().map_or_else(|_| value.to_vec(), |number| number.to_string().into_bytes())
}

/// Changes the value of every Set.
struct Values(fn(&[u8]) -> Vec<u8>);

#[tonic::async_trait]
impl BasicTwist for Values {
    async fn set(
        &self,
        next: &Endpoint,
        mut request: Request<SetRequest>,
    ) -> Result<Response<SetResponse>, Status> {
        let set = request.get_mut();
        set.value = Bytes::from((self.0)(&set.value));
        client(next).set(request).await
    }
}

/// Changes the key of every call.
struct Keys(fn(&str) -> String);

#[tonic::async_trait]
impl BasicTwist for Keys {
    async fn set(
        &self,
        next: &Endpoint,
        mut request: Request<SetRequest>,
    ) -> Result<Response<SetResponse>, Status> {
        request.get_mut().key = (self.0)(&request.get_ref().key);
        client(next).set(request).await
    }

    async fn get(
        &self,
        next: &Endpoint,
        mut request: Request<GetRequest>,
    ) -> Result<Response<GetResponse>, Status> {
        request.get_mut().key = (self.0)(&request.get_ref().key);
        client(next).get(request).await
    }

    async fn delete(
        &self,
        next: &Endpoint,
        mut request: Request<DeleteRequest>,
    ) -> Result<Response<DeleteResponse>, Status> {
        request.get_mut().key = (self.0)(&request.get_ref().key);
        client(next).delete(request).await
    }

    async fn exists(
        &self,
        next: &Endpoint,
        mut request: Request<ExistsRequest>,
    ) -> Result<Response<ExistsResponse>, Status> {
        request.get_mut().key = (self.0)(&request.get_ref().key);
        client(next).exists(request).await
    }
}
