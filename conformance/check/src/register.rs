//! One key of keyvalue_basic and keyvalue_cas as a sequential model: for linearizability, and for the larger model.

use std::fmt::{self, Display};

use serde::{Deserialize, Serialize};

use crate::{linearizability::SequentialModel, number, quote::quote};

/// What can be asked of one key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegisterOp {
    /// Store a value.
    Set(Vec<u8>),
    /// Read the value.
    Get,
    /// Remove the key.
    Delete,
    /// Ask whether the key is there.
    Exists,
    /// Store `value` if the key holds `expected`, or if it is not there and `expected` is `None`.
    Cas {
        /// What the key must hold; `None` for absent.
        expected: Option<Vec<u8>>,
        /// What to store.
        value: Vec<u8>,
    },
    /// Remove the key if it holds these bytes.
    CompareAndDelete(Vec<u8>),
    /// Add to the number under the key.
    Increment(i64),
}

/// What can be answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegisterRet {
    /// Set: stored.
    Done,
    /// Get: the value, `None` where the key is not there.
    Value(Option<Vec<u8>>),
    /// Delete: whether the key was there.
    Existed(bool),
    /// Exists: whether the key is there.
    Exists(bool),
    /// Cas: whether the value is stored now.
    Swapped(bool),
    /// CompareAndDelete: whether the key was removed.
    Deleted(bool),
    /// Increment: the sum.
    Sum(i64),
    /// Increment: refused, the value is not a number (FAILED_PRECONDITION).
    NotANumber,
    /// Increment: refused, the sum does not fit (OUT_OF_RANGE).
    Overflow,
}

/// What is under a key: a value, or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Register(pub Option<Vec<u8>>);

impl Register {
    /// What `op` does: the answer, and what is under the key afterwards.
    pub fn apply(&self, op: &RegisterOp) -> (RegisterRet, Register) {
        let value = &self.0;
        let there = value.is_some();
        let unchanged = || self.clone();
        match op {
            RegisterOp::Set(new) => (RegisterRet::Done, Register(Some(new.clone()))),
            RegisterOp::Get => (RegisterRet::Value(value.clone()), unchanged()),
            RegisterOp::Delete => (RegisterRet::Existed(there), Register(None)),
            RegisterOp::Exists => (RegisterRet::Exists(there), unchanged()),
            RegisterOp::Cas { expected, value: new } => {
                let met = value == expected;
                (RegisterRet::Swapped(met), if met { Register(Some(new.clone())) } else { unchanged() })
            }
            RegisterOp::CompareAndDelete(expected) => {
                let met = value.as_ref() == Some(expected);
                (RegisterRet::Deleted(met), if met { Register(None) } else { unchanged() })
            }
            RegisterOp::Increment(delta) => {
                let number = value.as_ref().map_or(Some(0), |text| number::parse(text));
                match number.map(|n| n.checked_add(*delta)) {
                    None => (RegisterRet::NotANumber, unchanged()),
                    Some(None) => (RegisterRet::Overflow, unchanged()),
                    Some(Some(sum)) => (RegisterRet::Sum(sum), Register(Some(sum.to_string().into_bytes()))),
                }
            }
        }
    }
}

/// The model of one key, absent at first.
#[derive(Clone, Copy, Debug)]
pub struct RegisterModel;

impl SequentialModel for RegisterModel {
    type State = Register;
    type Op = RegisterOp;
    type Ret = RegisterRet;

    fn initial() -> Register {
        Register(None)
    }

    fn step(state: &Register, op: &RegisterOp, ret: Option<&RegisterRet>) -> Option<Register> {
        let (answer, next) = state.apply(op);
        ret.is_none_or(|ret| *ret == answer).then_some(next)
    }

    fn only_reads(_: &RegisterOp, ret: &RegisterRet) -> bool {
        match ret {
            RegisterRet::Value(_)
            | RegisterRet::Exists(_)
            | RegisterRet::NotANumber
            | RegisterRet::Overflow => true,
            RegisterRet::Existed(yes) | RegisterRet::Swapped(yes) | RegisterRet::Deleted(yes) => !yes,
            RegisterRet::Done | RegisterRet::Sum(_) => false,
        }
    }
}

impl Display for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, self.0.as_ref())
    }
}

impl Display for RegisterOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RegisterOp::Set(value) => write!(f, "set {}", quote(value)),
            RegisterOp::Get => f.write_str("get"),
            RegisterOp::Delete => f.write_str("delete"),
            RegisterOp::Exists => f.write_str("exists"),
            RegisterOp::Cas { expected, value } => {
                f.write_str("swap ")?;
                show(f, expected.as_ref())?;
                write!(f, " for {}", quote(value))
            }
            RegisterOp::CompareAndDelete(expected) => write!(f, "delete if {}", quote(expected)),
            RegisterOp::Increment(delta) => write!(f, "increment by {delta}"),
        }
    }
}

impl Display for RegisterRet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RegisterRet::Done => f.write_str("ok"),
            RegisterRet::Value(value) => show(f, value.as_ref()),
            RegisterRet::Existed(yes) => write!(f, "existed = {yes}"),
            RegisterRet::Exists(yes) => write!(f, "exists = {yes}"),
            RegisterRet::Swapped(yes) => write!(f, "swapped = {yes}"),
            RegisterRet::Deleted(yes) => write!(f, "deleted = {yes}"),
            RegisterRet::Sum(sum) => write!(f, "{sum}"),
            RegisterRet::NotANumber => f.write_str("refused: not a number"),
            RegisterRet::Overflow => f.write_str("refused: overflow"),
        }
    }
}

fn show(f: &mut fmt::Formatter<'_>, value: Option<&Vec<u8>>) -> fmt::Result {
    match value {
        None => f.write_str("absent"),
        Some(value) => f.write_str(&quote(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Register, RegisterModel, RegisterOp as Op, RegisterRet as Ret};
    use crate::linearizability::SequentialModel;

    fn holding(value: &str) -> Register {
        Register(Some(value.into()))
    }

    fn value(value: &str) -> Ret {
        Ret::Value(Some(value.into()))
    }

    #[test]
    fn every_operation_on_every_kind_of_content() {
        let absent = RegisterModel::initial();
        let cas = |expected: Option<&str>| Op::Cas { expected: expected.map(Vec::from), value: "new".into() };
        let table = [
            (absent.clone(), Op::Set(b"v".to_vec()), Ret::Done, holding("v")),
            (holding("u"), Op::Set(Vec::new()), Ret::Done, holding("")),
            (absent.clone(), Op::Get, Ret::Value(None), absent.clone()),
            (holding(""), Op::Get, value(""), holding("")),
            (absent.clone(), Op::Delete, Ret::Existed(false), absent.clone()),
            (holding(""), Op::Delete, Ret::Existed(true), absent.clone()),
            (absent.clone(), Op::Exists, Ret::Exists(false), absent.clone()),
            (holding(""), Op::Exists, Ret::Exists(true), holding("")),
            (absent.clone(), cas(None), Ret::Swapped(true), holding("new")),
            (holding(""), cas(None), Ret::Swapped(false), holding("")),
            (absent.clone(), cas(Some("")), Ret::Swapped(false), absent.clone()),
            (holding(""), cas(Some("")), Ret::Swapped(true), holding("new")),
            (holding("abc"), cas(Some("ab")), Ret::Swapped(false), holding("abc")),
            (absent.clone(), Op::CompareAndDelete(Vec::new()), Ret::Deleted(false), absent.clone()),
            (holding(""), Op::CompareAndDelete(Vec::new()), Ret::Deleted(true), absent.clone()),
            (holding("ab"), Op::CompareAndDelete(b"abc".to_vec()), Ret::Deleted(false), holding("ab")),
            (absent.clone(), Op::Increment(-3), Ret::Sum(-3), holding("-3")),
            (holding("41"), Op::Increment(1), Ret::Sum(42), holding("42")),
            (holding("007"), Op::Increment(1), Ret::NotANumber, holding("007")),
            (holding(""), Op::Increment(0), Ret::NotANumber, holding("")),
            (holding(&i64::MAX.to_string()), Op::Increment(1), Ret::Overflow, holding(&i64::MAX.to_string())),
            (
                holding(&i64::MIN.to_string()),
                Op::Increment(-1),
                Ret::Overflow,
                holding(&i64::MIN.to_string()),
            ),
        ];
        for (before, op, ret, after) in table {
            assert_eq!(before.apply(&op), (ret.clone(), after.clone()), "{op} on {before}");
            assert_eq!(RegisterModel::step(&before, &op, Some(&ret)), Some(after.clone()));
            assert_eq!(RegisterModel::step(&before, &op, None), Some(after.clone()));
            assert_eq!(RegisterModel::only_reads(&op, &ret), before == after, "{op} on {before}");
            assert_eq!(RegisterModel::step(&before, &op, Some(&Ret::Sum(99))), None);
        }
    }

    #[test]
    fn operations_and_answers_read_well() {
        let cas = Op::Cas { expected: None, value: b"v".to_vec() };
        let ops = [
            Op::Set(b"v".to_vec()),
            Op::Get,
            Op::Delete,
            Op::Exists,
            cas,
            Op::CompareAndDelete(b"u".to_vec()),
            Op::Increment(-5),
        ];
        assert_eq!(
            ops.map(|op| op.to_string()),
            [
                "set \"v\"",
                "get",
                "delete",
                "exists",
                "swap absent for \"v\"",
                "delete if \"u\"",
                "increment by -5"
            ]
        );
        let rets = [
            Ret::Done,
            Ret::Value(None),
            value("v"),
            Ret::Existed(true),
            Ret::Exists(false),
            Ret::Swapped(true),
            Ret::Deleted(false),
            Ret::Sum(-5),
            Ret::NotANumber,
            Ret::Overflow,
        ];
        assert_eq!(
            rets.map(|ret| ret.to_string()),
            [
                "ok",
                "absent",
                "\"v\"",
                "existed = true",
                "exists = false",
                "swapped = true",
                "deleted = false",
                "-5",
                "refused: not a number",
                "refused: overflow"
            ]
        );
        assert_eq!(holding("v").to_string(), "\"v\"");
    }
}
