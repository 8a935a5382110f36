//! Histories: what concurrent clients asked, what they were told, and in which order that can have happened.

use std::{
    fmt::{self, Display, Write},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use serde::{Deserialize, Serialize};

/// The sequence that every call and every return in this process takes its stamp from.
static SEQUENCE: AtomicU64 = AtomicU64::new(1);

/// The next stamp of the process-wide sequence, for judges that order events but record no operations (pub/sub,
/// scans). Stamps grow strictly, across threads and histories; they say what came before what, not how long it took.
pub fn stamp() -> u64 {
    SEQUENCE.fetch_add(1, Ordering::SeqCst)
}

/// How an operation ended, as far as its client can tell.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome<Ret> {
    /// It was applied, and this was the answer.
    Ok(Ret),
    /// It was certainly not applied (a refusal, `outcome: not_applied`).
    Fail,
    /// Nobody knows: a timeout, a broken connection, a cancelled call. It may take effect at any later time, or never.
    Info,
}

/// One operation of a history. Stamps are those of [`stamp`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry<Op, Ret> {
    /// The logical process that asked. One process has one operation in flight at a time, and none after an
    /// [`Outcome::Info`]: whoever drives it goes on under a fresh number.
    pub process: u32,
    /// What was asked.
    pub op: Op,
    /// When: before the operation was handed to the target.
    pub call: u64,
    /// When the answer was there; `None` stands for +∞ and goes with [`Outcome::Info`].
    pub returned: Option<u64>,
    /// How it ended.
    pub outcome: Outcome<Ret>,
}

/// An operation on one of many keys, judged key by key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Keyed<K, Op> {
    /// The key.
    pub key: K,
    /// What is done to it.
    pub op: Op,
}

impl<K: Display, Op: Display> Display for Keyed<K, Op> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.op)
    }
}

/// Names an operation between its call and its return.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OpId(usize);

/// Records a history from many threads or tasks at once; two short locks an operation.
#[derive(Debug)]
pub struct History<Op, Ret> {
    entries: Mutex<Vec<Entry<Op, Ret>>>,
}

impl<Op, Ret> Default for History<Op, Ret> {
    fn default() -> Self {
        Self::new()
    }
}

impl<Op, Ret> History<Op, Ret> {
    /// An empty history.
    pub const fn new() -> Self {
        Self { entries: Mutex::new(Vec::new()) }
    }

    /// Notes that `process` is about to ask for `op`. Call it right before handing the operation to the target.
    pub fn invoke(&self, process: u32, op: Op) -> OpId {
        let mut entries = self.lock();
        // Stamped last, so that the recorded interval is no longer than it has to be: slack hides violations.
        entries.push(Entry { process, op, call: stamp(), returned: None, outcome: Outcome::Info });
        OpId(entries.len() - 1)
    }

    /// Notes how an operation ended. Call it as soon as the answer is there. An operation that is never completed
    /// (its task was dropped) stays [`Outcome::Info`].
    ///
    /// # Panics
    ///
    /// If the operation has an answer already, or is none of this history.
    pub fn complete(&self, id: OpId, outcome: Outcome<Ret>) {
        let now = stamp();
        let mut entries = self.lock();
        let entry = entries.get_mut(id.0).expect("the operation is one of this history");
        assert!(entry.returned.is_none(), "the operation is completed once");
        entry.returned = if matches!(outcome, Outcome::Info) { None } else { Some(now) };
        entry.outcome = outcome;
    }

    /// How many operations were invoked so far.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether nothing was invoked yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The history, in the order of the calls.
    pub fn into_entries(self) -> Vec<Entry<Op, Ret>> {
        self.entries.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Entry<Op, Ret>>> {
        // A panicking client leaves a whole entry or none, so what is there can still be judged.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows a history as a table, one operation a line in the order of the calls, for a failure report.
///
/// Stamps are renumbered from 1 in the order of the events, so that the same history always looks the same.
pub fn render<Op: Display, Ret: Display>(entries: &[Entry<Op, Ret>]) -> String {
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|&i| entries[i].call);
    render_lines(entries, &order)
}

/// Shows the entries with the given indices, in the order given; stamps are numbered as in the whole history.
pub(crate) fn render_lines<Op: Display, Ret: Display>(entries: &[Entry<Op, Ret>], lines: &[usize]) -> String {
    let mut stamps: Vec<u64> = entries.iter().flat_map(|e| [Some(e.call), e.returned]).flatten().collect();
    stamps.sort_unstable();
    stamps.dedup();
    let rank = |at: u64| (stamps.partition_point(|&s| s < at) + 1).to_string();

    let mut rows = vec![["client", "call", "return", "operation", "answer"].map(String::from)];
    rows.extend(lines.iter().map(|&i| {
        let e = &entries[i];
        let answer = match &e.outcome {
            Outcome::Ok(ret) => ret.to_string(),
            Outcome::Fail => "failed, not applied".to_owned(),
            Outcome::Info => "unknown".to_owned(),
        };
        let returned = e.returned.map_or_else(|| "-".to_owned(), rank);
        [e.process.to_string(), rank(e.call), returned, e.op.to_string(), answer]
    }));

    let width = |column: usize| rows.iter().map(|r| r[column].chars().count()).max().unwrap_or_default();
    let [w0, w1, w2, w3] = [width(0), width(1), width(2), width(3)];
    let mut table = String::new();
    for [client, call, returned, op, answer] in &rows {
        writeln!(table, "{client:>w0$}  {call:>w1$}  {returned:>w2$}  {op:<w3$}  {answer}")
            .expect("writing to a string does not fail");
    }
    table
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::{Entry, History, Keyed, OpId, Outcome, render, stamp};

    #[test]
    fn entries_carry_their_interval_and_outcome() {
        let history: History<&str, u32> = History::new();
        assert!(history.is_empty());
        let first = history.invoke(1, "a");
        let second = history.invoke(2, "b");
        let third = history.invoke(3, "c");
        let never = history.invoke(4, "d");
        history.complete(second, Outcome::Fail);
        history.complete(first, Outcome::Ok(7));
        history.complete(third, Outcome::Info);
        assert_eq!((history.len(), history.is_empty()), (4, false));
        assert_eq!(never, OpId(3));

        let entries = history.into_entries();
        let ops: Vec<_> = entries.iter().map(|e| (e.process, e.op, e.outcome.clone())).collect();
        assert_eq!(
            ops,
            [
                (1, "a", Outcome::Ok(7)),
                (2, "b", Outcome::Fail),
                (3, "c", Outcome::Info),
                (4, "d", Outcome::Info)
            ]
        );
        let returned: Vec<_> = entries.iter().map(|e| e.returned.is_some()).collect();
        assert_eq!(returned, [true, true, false, false]);
        assert!(entries.windows(2).all(|w| w[0].call < w[1].call));
        assert!(entries[3].call < entries[1].returned.unwrap());
        assert!(entries[1].returned < entries[0].returned);
    }

    #[test]
    #[should_panic(expected = "completed once")]
    fn an_operation_is_not_completed_twice() {
        let history: History<(), ()> = History::default();
        let id = history.invoke(0, ());
        history.complete(id, Outcome::Ok(()));
        history.complete(id, Outcome::Ok(()));
    }

    #[test]
    fn threads_share_one_sequence() {
        let history: History<u32, u32> = History::new();
        thread::scope(|scope| {
            for process in 0..4 {
                let history = &history;
                scope.spawn(move || {
                    for n in 0..50 {
                        let id = history.invoke(process, n);
                        history.complete(id, Outcome::Ok(n));
                    }
                });
            }
        });
        let after = stamp();
        let entries = history.into_entries();
        assert_eq!(entries.len(), 200);
        let mut stamps: Vec<u64> = entries.iter().flat_map(|e| [e.call, e.returned.unwrap()]).collect();
        stamps.sort_unstable();
        assert!(stamps.windows(2).all(|w| w[0] < w[1]), "no stamp is given out twice");
        assert!(*stamps.last().unwrap() < after);
        for process in 0..4 {
            let own: Vec<_> = entries.iter().filter(|e| e.process == process).collect();
            assert!(own.windows(2).all(|w| w[0].op + 1 == w[1].op && w[0].returned.unwrap() < w[1].call));
        }
    }

    #[test]
    fn entries_survive_json() {
        let entry = Entry {
            process: 1,
            op: Keyed { key: "k".to_owned(), op: 5 },
            call: 2,
            returned: Some(3),
            outcome: Outcome::Ok("x".to_owned()),
        };
        let text = serde_json::to_string(&entry).unwrap();
        assert_eq!(
            text,
            r#"{"process":1,"op":{"key":"k","op":5},"call":2,"returned":3,"outcome":{"ok":"x"}}"#
        );
        assert_eq!(serde_json::from_str::<Entry<Keyed<String, i32>, String>>(&text).unwrap(), entry);
    }

    #[test]
    fn the_table_is_aligned_and_renumbered() {
        let entry = |process, op, call, returned, outcome| Entry { process, op, call, returned, outcome };
        let entries = [
            entry(12, Keyed { key: "k", op: "increment by 5" }, 1007, Some(1020), Outcome::Ok("5")),
            entry(3, Keyed { key: "k", op: "get" }, 1004, None, Outcome::Info),
            entry(1, Keyed { key: "key", op: "get" }, 1011, Some(1012), Outcome::Fail),
        ];
        let expected = "\
client  call  return  operation          answer
     3     1       -  k: get             unknown
    12     2       5  k: increment by 5  5
     1     3       4  key: get           failed, not applied
";
        assert_eq!(render(&entries), expected);
        assert_eq!(render::<&str, &str>(&[]), "client  call  return  operation  answer\n");
    }
}
