//! The graph of dependencies between transactions, and its cycles.

use std::collections::{HashSet, VecDeque};

use super::{Anomaly, Edge};

/// Why one transaction came before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The other overwrote what the one wrote.
    WriteWrite,
    /// The other read what the one wrote.
    WriteRead,
    /// The other overwrote what the one had read.
    ReadWrite,
}

/// Transactions by index, and what says that one came before another.
pub(super) struct Graph<'a> {
    edges: Vec<Vec<Arrow<'a>>>,
    known: HashSet<(usize, usize, Kind)>,
}

#[derive(Clone, Copy)]
struct Arrow<'a> {
    to: usize,
    kind: Kind,
    key: &'a str,
}

/// A way through the graph: each transaction left, and the arrow by which.
type Way<'a> = Vec<(usize, Arrow<'a>)>;

impl<'a> Graph<'a> {
    pub(super) fn new(transactions: usize) -> Self {
        Graph { edges: vec![Vec::new(); transactions], known: HashSet::new() }
    }

    /// Adds an edge, once for each kind; a transaction does not come before itself.
    pub(super) fn add(&mut self, from: usize, to: usize, kind: Kind, key: &'a str) {
        if from != to && self.known.insert((from, to, kind)) {
            self.edges[from].push(Arrow { to, kind, key });
        }
    }

    /// A cycle of each class that there is, named by the ids that `id` gives.
    pub(super) fn cycles(&self, id: &dyn Fn(usize) -> u32) -> Vec<Anomaly> {
        let writes: &[Kind] = &[Kind::WriteWrite];
        let flow: &[Kind] = &[Kind::WriteWrite, Kind::WriteRead];
        let all: &[Kind] = &[Kind::WriteWrite, Kind::WriteRead, Kind::ReadWrite];
        let name = |cycle: Way<'a>| -> Vec<Edge> {
            let edge = |(from, arrow): (usize, Arrow<'a>)| Edge {
                from: id(from),
                to: id(arrow.to),
                kind: arrow.kind,
                key: arrow.key.to_owned(),
            };
            cycle.into_iter().map(edge).collect()
        };
        let components = self.components();
        let write_cycle = self.cycle(&components, Kind::WriteWrite, writes);
        let circular_flow = self.cycle(&components, Kind::WriteRead, flow);
        let read_skew = self.cycle(&components, Kind::ReadWrite, flow);
        // A cycle that needs a second overwritten read to close.
        let write_skew = self.find(&components, Kind::ReadWrite, |from, to| {
            if self.way(&components, from, to, flow).is_none() {
                self.way(&components, from, to, all)
            } else {
                None
            }
        });
        [
            write_cycle.map(|cycle| Anomaly::WriteCycle(name(cycle))),
            circular_flow.map(|cycle| Anomaly::CircularFlow(name(cycle))),
            read_skew.map(|cycle| Anomaly::ReadSkew(name(cycle))),
            write_skew.map(|cycle| Anomaly::WriteSkew(name(cycle))),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// A cycle of an edge of kind `first` and others of the kinds `rest`.
    fn cycle(&self, components: &[usize], first: Kind, rest: &[Kind]) -> Option<Way<'a>> {
        self.find(components, first, |from, to| self.way(components, from, to, rest))
    }

    /// The first edge of kind `kind` for whose end and start `way` knows a way back, and that way behind it.
    fn find(
        &self,
        components: &[usize],
        kind: Kind,
        way: impl Fn(usize, usize) -> Option<Way<'a>>,
    ) -> Option<Way<'a>> {
        self.edges.iter().enumerate().find_map(|(from, arrows)| {
            let candidates = arrows.iter().filter(|a| a.kind == kind && components[from] == components[a.to]);
            candidates.into_iter().find_map(|&arrow| {
                let back = way(arrow.to, from)?;
                Some(std::iter::once((from, arrow)).chain(back).collect())
            })
        })
    }

    /// The shortest way along edges of these kinds, which cannot leave the component.
    fn way(&self, components: &[usize], from: usize, to: usize, kinds: &[Kind]) -> Option<Way<'a>> {
        let mut reached: Vec<Option<(usize, Arrow<'a>)>> = vec![None; self.edges.len()];
        let mut next = VecDeque::from([from]);
        while let Some(at) = next.pop_front() {
            for &arrow in &self.edges[at] {
                let inside = components[arrow.to] == components[from];
                if !inside || arrow.to == from || !kinds.contains(&arrow.kind) || reached[arrow.to].is_some()
                {
                    continue;
                }
                reached[arrow.to] = Some((at, arrow));
                next.push_back(arrow.to);
            }
        }
        let mut way = Vec::new();
        let mut at = to;
        while at != from {
            let (before, arrow) = reached[at]?;
            way.push((before, arrow));
            at = before;
        }
        way.reverse();
        Some(way)
    }

    /// The strongly connected component of each transaction: two are on a common cycle only if theirs is the same.
    /// Kosaraju's algorithm, without recursion, which thousands of transactions would exhaust.
    fn components(&self) -> Vec<usize> {
        let mut reversed = vec![Vec::new(); self.edges.len()];
        for (from, arrows) in self.edges.iter().enumerate() {
            for arrow in arrows {
                reversed[arrow.to].push(from);
            }
        }
        let mut component = vec![None; self.edges.len()];
        for start in self.finished().into_iter().rev() {
            let mut left = vec![start];
            while let Some(at) = left.pop() {
                if component[at].is_none() {
                    component[at] = Some(start);
                    left.extend(&reversed[at]);
                }
            }
        }
        component.into_iter().flatten().collect()
    }

    /// All transactions, in the order in which a depth-first search leaves them.
    fn finished(&self) -> Vec<usize> {
        let mut order = Vec::new();
        let mut seen = vec![false; self.edges.len()];
        for start in 0..self.edges.len() {
            let mut path = vec![(start, 0)];
            while let Some((at, next)) = path.pop() {
                if next == 0 && std::mem::replace(&mut seen[at], true) {
                    continue;
                }
                if let Some(arrow) = self.edges[at].get(next) {
                    path.push((at, next + 1));
                    path.push((arrow.to, 0));
                } else {
                    order.push(at);
                }
            }
        }
        order
    }
}
