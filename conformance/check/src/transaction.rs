//! What a transaction did, as its client saw it: the input of the judges of serializability and of anomalies.

use std::fmt::{self, Display};

use serde::{Deserialize, Serialize};

use crate::{history::Outcome, quote::quote};

/// One step of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It read a key.
    Read {
        /// The key.
        key: String,
        /// What it found; `None` for absent, which is what every key is at first.
        value: Option<u64>,
    },
    /// It wrote a key.
    Write {
        /// The key.
        key: String,
        /// The value; no value is written to a key twice.
        value: u64,
    },
}

/// A transaction and how its Commit ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Transaction {
    /// How reports call it; unique.
    pub id: u32,
    /// What it did, in order.
    pub actions: Vec<Action>,
    /// Whether it committed, was aborted or rolled back, or nobody knows.
    pub outcome: Outcome<()>,
}

impl Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Read { key, value: Some(value) } => write!(f, "read {} = {value}", quote(key)),
            Action::Read { key, value: None } => write!(f, "read {} = absent", quote(key)),
            Action::Write { key, value } => write!(f, "wrote {} = {value}", quote(key)),
        }
    }
}

impl Display for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let actions: Vec<String> = self.actions.iter().map(Action::to_string).collect();
        write!(f, "T{}: {}", self.id, actions.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, Transaction};
    use crate::history::Outcome;

    #[test]
    fn transactions_read_well_and_survive_json() {
        let key = || "x".to_owned();
        let actions = vec![
            Action::Read { key: key(), value: None },
            Action::Write { key: key(), value: 4 },
            Action::Read { key: key(), value: Some(4) },
        ];
        let transaction = Transaction { id: 7, actions, outcome: Outcome::Ok(()) };
        assert_eq!(transaction.to_string(), "T7: read \"x\" = absent, wrote \"x\" = 4, read \"x\" = 4");
        let text = serde_json::to_string(&transaction).unwrap();
        assert_eq!(serde_json::from_str::<Transaction>(&text).unwrap(), transaction);
    }
}
