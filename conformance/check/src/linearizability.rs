//! Linearizability: whether a concurrent history has an order that explains every answer and respects real time.
//!
//! The search is Wing and Gong's in the form of Lowe: walk a doubly linked list of calls and returns, linearize any
//! operation that may come next and whose answer the model explains, lift it out of the list, go back to the start;
//! meet a return whose operation is not linearized yet, and undo the last choice. What was tried is remembered as
//! (set of linearized operations, state), after Horn and Kroening, so that no such pair is searched twice.
//!
//! The problem is NP-complete, and the search stays cheap within these bounds, measured per key: at most
//! [`MAX_CLIENTS_PER_KEY`] clients at once, [`MAX_OPS_PER_KEY`] operations (then go on with a fresh key; 1,000
//! operations of five clients still take about a millisecond), [`MAX_INFO_PER_KEY`] operations of unknown outcome.
//! Beyond them it may end with [`Verdict::Unknown`], which is never to be counted as a pass.
//!
//! Linearizability is local: a history over many keys is linearizable if and only if its part on each key is.
//! [`check_by_key`] uses that. It holds for operations on one key only; scans, counts, batches and transactions are
//! not such operations and have judges of their own.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt::{Display, Write},
    hash::Hash,
    rc::Rc,
};

use crate::history::{Entry, Keyed, Outcome, render_lines};

/// Clients that may use one key at once before the search becomes slow.
pub const MAX_CLIENTS_PER_KEY: usize = 10;
/// Operations on one key after which a generator should go on with a fresh key.
pub const MAX_OPS_PER_KEY: usize = 300;
/// Operations of unknown outcome on one key; each of them stays concurrent with everything after it.
pub const MAX_INFO_PER_KEY: usize = 12;
/// The budget to use for one key: model steps tried before the verdict is [`Verdict::Unknown`].
pub const DEFAULT_STEPS: u64 = 5_000_000;

/// What a thing does when it is used by one client at a time.
pub trait SequentialModel {
    /// All that later answers depend on.
    type State: Clone + Eq + Hash;
    /// What can be asked.
    type Op;
    /// What can be answered.
    type Ret;

    /// The state before the first operation.
    fn initial() -> Self::State;

    /// The state after `op` has answered `ret`, or `None` if it cannot answer that. Where `ret` is `None` the answer is
    /// not known and any is possible; the operation then has its effect, and `None` means that it has none.
    fn step(state: &Self::State, op: &Self::Op, ret: Option<&Self::Ret>) -> Option<Self::State>;

    /// Whether `op` with the answer `ret` leaves every state as it was that allows the answer, as a read does. A hint
    /// that saves the search most of its work; `false` is always right.
    fn only_reads(op: &Self::Op, ret: &Self::Ret) -> bool;
}

/// What the search found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is an order that explains the history.
    Valid,
    /// There is none.
    Invalid {
        /// The longest order found that explains a part of the history; indices into the entries.
        longest_prefix: Vec<usize>,
        /// The operations that had to come next there, of which none can; indices into the entries, by call.
        blocked: Vec<usize>,
    },
    /// The budget was used up first. Not a pass.
    Unknown,
}

/// The entries of a history on one model.
pub type Entries<M> = [Entry<<M as SequentialModel>::Op, <M as SequentialModel>::Ret>];

/// Judges a history on one thing, trying at most `budget` model steps (see [`DEFAULT_STEPS`]).
///
/// Entries that failed ([`Outcome::Fail`]) have no effect; those of unknown outcome may take effect at any time after
/// their call, or never. A call with the same stamp as a return counts as earlier (the two overlap).
pub fn check<M: SequentialModel>(entries: &Entries<M>, budget: u64) -> Verdict {
    search::<M>(entries.iter().enumerate().map(|(i, e)| Operation::new(i, &e.op, e)), budget)
}

/// The entries of a history over many keys.
pub type KeyedEntries<M, K> = [Entry<Keyed<K, <M as SequentialModel>::Op>, <M as SequentialModel>::Ret>];

/// Judges a history over many keys, each by itself and each with a budget of its own.
///
/// Returns a verdict for every key that occurs, in key order; its indices are into the whole of `entries`.
pub fn check_by_key<M: SequentialModel, K: Ord + Clone>(
    entries: &KeyedEntries<M, K>,
    budget: u64,
) -> Vec<(K, Verdict)> {
    let mut partitions: BTreeMap<&K, Vec<Operation<'_, M>>> = BTreeMap::new();
    for (i, entry) in entries.iter().enumerate() {
        partitions.entry(&entry.op.key).or_default().push(Operation::new(i, &entry.op.op, entry));
    }
    partitions.into_iter().map(|(key, calls)| (key.clone(), search::<M>(calls, budget))).collect()
}

/// The verdict that counts for the whole: a violation before an unknown before a pass. `None` if nothing was judged,
/// which is no pass either.
pub fn worst<K>(verdicts: &[(K, Verdict)]) -> Option<&(K, Verdict)> {
    let first = |wanted: fn(&Verdict) -> bool| verdicts.iter().find(|(_, v)| wanted(v));
    first(|v| matches!(v, Verdict::Invalid { .. }))
        .or_else(|| first(|v| *v == Verdict::Unknown))
        .or_else(|| verdicts.first())
}

/// Says in words and two small tables why the entries are not linearizable; `None` for other verdicts.
///
/// `op_of` takes the model's operation out of an entry's: `|op| op`, or `|keyed| &keyed.op` after [`check_by_key`].
pub fn explain<M, Op>(
    entries: &[Entry<Op, M::Ret>],
    verdict: &Verdict,
    op_of: impl Fn(&Op) -> &M::Op,
) -> Option<String>
where
    M: SequentialModel,
    M::State: Display,
    M::Ret: Display,
    Op: Display,
{
    /// Operations of the prefix that are shown; what came long before explains little.
    const SHOWN: usize = 8;
    let Verdict::Invalid { longest_prefix, blocked } = verdict else { return None };
    let mut state = M::initial();
    for &i in longest_prefix {
        let ret = if let Outcome::Ok(ret) = &entries[i].outcome { Some(ret) } else { None };
        state =
            M::step(&state, op_of(&entries[i].op), ret).expect("the prefix was explained by the same model");
    }
    let mut text = format!("no order explains the history; {} operations fit", longest_prefix.len());
    let hidden = longest_prefix.len().saturating_sub(SHOWN);
    if longest_prefix.is_empty() {
        text.push('\n');
    } else {
        let last = render_lines(entries, &longest_prefix[hidden..]);
        write!(text, ", the last of them:\n{last}").expect("writing to a string does not fail");
    }
    let next = render_lines(entries, blocked);
    write!(text, "which leaves {state}; none of these can come next:\n{next}")
        .expect("writing to a string does not fail");
    Some(text)
}

/// An operation to be linearized.
struct Operation<'a, M: SequentialModel> {
    index: usize,
    op: &'a M::Op,
    ret: Option<&'a M::Ret>,
    failed: bool,
    call: u64,
    returned: Option<u64>,
}

impl<'a, M: SequentialModel> Operation<'a, M> {
    fn new<Op>(index: usize, op: &'a M::Op, entry: &'a Entry<Op, M::Ret>) -> Self {
        let (ret, returned) = match &entry.outcome {
            Outcome::Ok(ret) => (Some(ret), Some(entry.returned.expect("an answer has a time"))),
            Outcome::Fail | Outcome::Info => (None, None),
        };
        let failed = matches!(entry.outcome, Outcome::Fail);
        Operation { index, op, ret, failed, call: entry.call, returned }
    }
}

/// An undoable choice: the call that was linearized and the state before it.
struct Choice {
    node: usize,
    state: u32,
    /// Whether the operation only reads. Then nothing else need be tried in its place: whatever order explains the
    /// rest still does with this operation moved to the front.
    only_reads: bool,
}

fn search<'a, M: SequentialModel + 'a>(
    calls: impl IntoIterator<Item = Operation<'a, M>>,
    budget: u64,
) -> Verdict {
    let operations: Vec<Operation<'a, M>> = calls.into_iter().filter(|c| !c.failed).collect();
    let mut events = EventList::new(&operations);
    let mut states = Interner::default();
    let mut state = states.intern(M::initial());
    let mut linearized = Bits::new(operations.len());
    let mut tried: HashSet<(Bits, u32)> = HashSet::new();
    let mut choices: Vec<Choice> = Vec::new();
    let mut deepest: Option<(Vec<usize>, Vec<usize>)> = None;
    let mut unanswered = operations.iter().filter(|o| o.returned.is_some()).count();
    let mut steps = 0;
    let mut node = events.first();

    while unanswered > 0 {
        let Event::Call(op) = events.event(node) else {
            // The operation that returns here is not linearized, and none before it is left to try.
            if deepest.as_ref().is_none_or(|(prefix, _)| choices.len() > prefix.len()) {
                let prefix = choices.iter().map(|c| operations[events.operation(c.node)].index).collect();
                let blocked = events.calls_before(node).map(|op| operations[op].index).collect();
                deepest = Some((prefix, blocked));
            }
            loop {
                let Some(choice) = choices.pop() else {
                    let (longest_prefix, blocked) = deepest.unwrap_or_default();
                    return Verdict::Invalid { longest_prefix, blocked };
                };
                let op = events.operation(choice.node);
                events.unlift(choice.node);
                linearized.clear(op);
                unanswered += usize::from(operations[op].returned.is_some());
                state = choice.state;
                if !choice.only_reads {
                    node = events.next(choice.node);
                    break;
                }
            }
            continue;
        };
        if steps == budget {
            return Verdict::Unknown;
        }
        steps += 1;
        let call = &operations[op];
        if let Some(next) = M::step(states.get(state), call.op, call.ret) {
            let next = states.intern(next);
            // An operation of unknown outcome that changes nothing need not take effect here.
            let pointless = next == state && call.ret.is_none();
            if !pointless {
                linearized.set(op);
                if tried.insert((linearized.clone(), next)) {
                    let only_reads = call.ret.is_some_and(|ret| M::only_reads(call.op, ret));
                    choices.push(Choice { node, state, only_reads });
                    events.lift(node);
                    unanswered -= usize::from(call.returned.is_some());
                    state = next;
                    node = events.first();
                    continue;
                }
                linearized.clear(op);
            }
        }
        node = events.next(node);
    }
    Verdict::Valid
}

/// What happens at one place of the event list.
#[derive(Clone, Copy)]
enum Event {
    /// The call of an operation.
    Call(usize),
    /// The return of an operation, or the end of the list.
    Return,
}

/// Calls and returns in the order of their stamps, as a circular doubly linked list around a sentinel at 0, from which
/// the two events of an operation can be lifted and put back in constant time, last lifted first.
struct EventList {
    events: Vec<Event>,
    /// The place of the return that belongs to the call at the same place, if there is one.
    returns: Vec<Option<usize>>,
    next: Vec<usize>,
    previous: Vec<usize>,
}

impl EventList {
    fn new<M: SequentialModel>(calls: &[Operation<'_, M>]) -> Self {
        let mut order: Vec<(u64, bool, usize)> = Vec::new();
        for (op, call) in calls.iter().enumerate() {
            order.push((call.call, false, op));
            order.extend(call.returned.map(|at| (at, true, op)));
        }
        order.sort_unstable();
        let mut events = vec![Event::Return];
        let mut returns = vec![None];
        let mut place = vec![0; calls.len()];
        for (_, is_return, op) in order {
            if is_return {
                returns[place[op]] = Some(events.len());
                events.push(Event::Return);
            } else {
                place[op] = events.len();
                events.push(Event::Call(op));
            }
            returns.push(None);
        }
        let len = events.len();
        let next = (0..len).map(|i| (i + 1) % len).collect();
        let previous = (0..len).map(|i| (i + len - 1) % len).collect();
        EventList { events, returns, next, previous }
    }

    fn first(&self) -> usize {
        self.next[0]
    }

    fn next(&self, node: usize) -> usize {
        self.next[node]
    }

    fn event(&self, node: usize) -> Event {
        self.events[node]
    }

    /// The operation whose call is at `node`.
    fn operation(&self, node: usize) -> usize {
        match self.events[node] {
            Event::Call(op) => op,
            Event::Return => unreachable!("choices are calls"),
        }
    }

    /// The operations called before `node` that are still in the list.
    fn calls_before(&self, node: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(Some(self.first()), |&n| Some(self.next[n]))
            .take_while(move |&n| n != node)
            .map(|n| self.operation(n))
    }

    fn lift(&mut self, call: usize) {
        for node in std::iter::once(call).chain(self.returns[call]) {
            let (previous, next) = (self.previous[node], self.next[node]);
            self.next[previous] = next;
            self.previous[next] = previous;
        }
    }

    fn unlift(&mut self, call: usize) {
        for node in self.returns[call].into_iter().chain(std::iter::once(call)) {
            let (previous, next) = (self.previous[node], self.next[node]);
            self.next[previous] = node;
            self.previous[next] = node;
        }
    }
}

/// A set of operations.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Bits(Box<[u64]>);

impl Bits {
    fn new(len: usize) -> Self {
        Bits(vec![0; len.div_ceil(64)].into_boxed_slice())
    }

    fn set(&mut self, bit: usize) {
        self.0[bit / 64] |= 1 << (bit % 64);
    }

    fn clear(&mut self, bit: usize) {
        self.0[bit / 64] &= !(1 << (bit % 64));
    }
}

/// Numbers states, so that the many remembered pairs hold a number each instead of a state.
struct Interner<S> {
    numbers: HashMap<Rc<S>, u32>,
    states: Vec<Rc<S>>,
}

impl<S> Default for Interner<S> {
    fn default() -> Self {
        Interner { numbers: HashMap::new(), states: Vec::new() }
    }
}

impl<S: Eq + Hash> Interner<S> {
    fn intern(&mut self, state: S) -> u32 {
        if let Some(&number) = self.numbers.get(&state) {
            return number;
        }
        let number = u32::try_from(self.states.len()).expect("fewer states than steps");
        let state = Rc::new(state);
        self.states.push(Rc::clone(&state));
        self.numbers.insert(state, number);
        number
    }

    fn get(&self, number: u32) -> &S {
        &self.states[number as usize]
    }
}

#[cfg(test)]
mod tests;
