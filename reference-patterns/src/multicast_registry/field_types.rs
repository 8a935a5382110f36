//! The kinds that the parameter `field_types` gives to fields of metadata.

use super::value;
use prism_interfaces::{
    Fault,
    contract::v1::Reason,
    pattern::multicast_registry::v1::{Value, value::Kind},
};
use prost::Message;
use std::collections::{BTreeMap, HashMap};

const KINDS: [&str; 6] = ["text", "integer", "number", "flag", "data", "list"];

/// Fields with their kinds; other fields can have any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct FieldTypes(BTreeMap<String, String>);

impl FieldTypes {
    /// Reads `zone=text load=number`; the error continues the sentence "the parameter …".
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut types = BTreeMap::new();
        for pair in text.split_whitespace() {
            let (field, kind) = pair
                .rsplit_once('=')
                .filter(|(field, kind)| !field.is_empty() && KINDS.contains(kind))
                .ok_or_else(|| {
                    format!("holds `{pair}`; write `FIELD=KIND`, with one of the kinds {}", KINDS.join(", "))
                })?;
            if types.insert(field.to_owned(), kind.to_owned()).is_some() {
                return Err(format!("names the field `{field}` twice"));
            }
        }
        Ok(Self(types))
    }

    /// Checks metadata: what values may be, their kinds, and how much there is.
    pub(super) fn check(&self, metadata: &HashMap<String, Value>, max_bytes: usize) -> Result<(), Fault> {
        let refuse = |name: &str, problem: &str| {
            Fault::invalid_argument(Reason::MetadataInvalid, format!("the field {name:?} {problem}"))
                .field(format!("metadata.{name}"))
                .metadata("field", name)
        };
        let mut bytes = 0;
        // In the order of their names, so that the same metadata are always refused with the same words.
        let fields: BTreeMap<&String, &Value> = metadata.iter().collect();
        for (name, value) in fields {
            if name.is_empty() {
                return Err(refuse(name, "has an empty name"));
            }
            if let Some(problem) = value::problem(value) {
                return Err(refuse(name, problem));
            }
            if let Some(wanted) = self.0.get(name)
                && !is(value, wanted)
            {
                return Err(refuse(name, &format!("must be of the kind `{wanted}`")));
            }
            bytes += name.len() + value.encoded_len();
        }
        if bytes > max_bytes {
            let message = format!("`metadata` has {bytes} bytes; the most is {max_bytes}");
            return Err(Fault::invalid_argument(Reason::ValueTooLarge, message).field("metadata"));
        }
        Ok(())
    }
}

/// Whether a value is of this kind. An integer is a number, and a null is of every kind.
fn is(value: &Value, kind: &str) -> bool {
    match &value.kind {
        Some(Kind::Null(_)) => true,
        Some(Kind::Text(_)) => kind == "text",
        Some(Kind::Integer(_)) => kind == "integer" || kind == "number",
        Some(Kind::Number(_)) => kind == "number",
        Some(Kind::Flag(_)) => kind == "flag",
        Some(Kind::Data(_)) => kind == "data",
        Some(Kind::List(_)) => kind == "list",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prism_interfaces::{fault::reason, pattern::multicast_registry::v1::Null};
    use tonic::Status;

    #[test]
    fn types_are_read_or_refused() {
        assert_eq!(FieldTypes::parse("").unwrap(), FieldTypes::default());
        let types = FieldTypes::parse(" zone=text  a=b=flag\n").unwrap();
        assert_eq!(
            types.0.iter().map(|(field, kind)| format!("{field}:{kind}")).collect::<Vec<_>>(),
            ["a=b:flag", "zone:text"]
        );
        for bad in ["zone", "=text", "zone=words", "zone=text zone=flag"] {
            assert!(FieldTypes::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_metadata_may_not_be_is_told_with_its_field() {
        let types = FieldTypes::parse("load=number").unwrap();
        let check = |name: &str, kind: Option<Kind>| {
            types.check(&HashMap::from([(name.to_owned(), Value { kind })]), 64).map_err(Status::from)
        };
        for good in [Kind::Integer(1), Kind::Number(0.5), Kind::Null(Null {})] {
            assert!(check("load", Some(good)).is_ok());
        }
        for (name, kind, word) in [
            ("load", Some(Kind::Text("1".into())), "METADATA_INVALID"),
            ("", Some(Kind::Flag(true)), "METADATA_INVALID"),
            ("x", None, "METADATA_INVALID"),
            ("x", Some(Kind::Number(f64::NAN)), "METADATA_INVALID"),
            ("x", Some(Kind::Text("x".repeat(64))), "VALUE_TOO_LARGE"),
        ] {
            let status = check(name, kind).unwrap_err();
            assert_eq!(reason(&status).as_deref(), Some(word), "{name}: {}", status.message());
        }
    }
}
