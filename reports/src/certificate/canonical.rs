//! JSON in the one form that it has under RFC 8785: no blanks, keys in the order of their UTF-16 code units, no escape that
//! is not needed. Numbers are whole ones below 2^53, for which every reader agrees.

use serde::Serialize;
use serde_json::Value;

/// The largest whole number that every reader of JSON keeps.
const LARGEST: u64 = (1 << 53) - 1;

/// The canonical form of what is made of texts, whole numbers, lists and objects.
///
/// # Panics
///
/// Where it holds another number: certificates have none.
pub fn of(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).expect("what is certified has only string keys");
    of_value(&value).expect("what is certified has only whole numbers below 2^53")
}

/// The canonical form; none where a number has no form that every reader agrees on.
pub fn of_value(value: &Value) -> Option<String> {
    let mut out = String::new();
    write(value, &mut out)?;
    Some(out)
}

fn write(value: &Value, out: &mut String) -> Option<()> {
    match value {
        Value::Number(number) => {
            let number = number.as_u64().filter(|number| *number <= LARGEST)?;
            out.push_str(&number.to_string());
        }
        Value::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write(item, out)?;
            }
            out.push(']');
        }
        Value::Object(fields) => {
            let mut keys: Vec<&String> = fields.keys().collect();
            keys.sort_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (place, key) in keys.into_iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write(&fields[key], out)?;
            }
            out.push('}');
        }
        // Texts, `true`, `false` and `null` have one compact form.
        other => out.push_str(&other.to_string()),
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The example of RFC 8785, section 3.2.3, and the escapes of section 3.2.2.2.
    #[test]
    fn keys_are_in_the_order_of_utf_16_and_texts_are_escaped_no_more_than_needed() {
        let value = json!({
            "\u{20ac}": "Euro Sign", "\r": "Carriage Return", "\u{fb33}": "Hebrew Letter Dalet With Dagesh",
            "1": "One", "\u{1f600}": "Emoji: Grinning Face", "\u{80}": "Control", "\u{f6}": "o with diaeresis",
        });
        let text = of_value(&value).unwrap();
        let order: Vec<usize> = ["Carriage", "One", "Control", "diaeresis", "Euro", "Emoji", "Hebrew"]
            .iter()
            .map(|word| text.find(word).unwrap())
            .collect();
        assert!(order.is_sorted(), "{text}");
        let escapes = json!("\u{20ac}$\u{f}\nA'B\"\\/\u{8}\u{c}\t\r\u{7f}");
        assert_eq!(of_value(&escapes).unwrap(), "\"\u{20ac}$\\u000f\\nA'B\\\"\\\\/\\b\\f\\t\\r\u{7f}\"");
        assert_eq!(of_value(&json!([1, [], {}, null, true])).unwrap(), "[1,[],{},null,true]");
        for number in [json!(0.5), json!(-1), json!(1_u64 << 53)] {
            assert_eq!(of_value(&number), None);
        }
    }
}
