//! A tree of losers: which ring has the smallest key.
//!
//! The rings that have a record are the leaves. Each inner node keeps the one that lost
//! there, and the winner of all is kept outside. When the winner has a new key, it plays
//! again on its way up: one comparison a level, and no other ring is touched.
//!
//! A player is one word: its key above a base, and its ring. So a match is a minimum and a
//! maximum, which need no branch. A branch would be wrong half of the time.

/// An inner node of the tree of a [`Merge`](super::Merge), for its storage.
///
/// ```
/// use ringbuf_core::Node;
///
/// // The nodes of a merge of up to 64 rings, without allocation: an array of your own, whose
/// // `AsMut` and `Extend` a wrapper implements. With `Vec<Node>` there is nothing to do.
/// let nodes = [Node::empty(); 64];
/// assert_eq!(size_of_val(&nodes), 512);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node(u64);

/// The bits of the ring.
const RING_BITS: u32 = 16;

/// A tree has room for this many rings.
pub(super) const MOST_RINGS: usize = 1 << RING_BITS;

/// The largest distance from the base. It also stands for all larger ones.
const FAR: u64 = (1 << (u64::BITS - RING_BITS)) - 2;

impl Node {
    /// A ring without a record: all others win against it. Also a node where nobody has
    /// played yet.
    pub(super) const NONE: Self = Self(u64::MAX);

    /// A node that names no ring.
    ///
    /// ```
    /// assert_eq!(ringbuf_core::Node::empty(), ringbuf_core::Node::default());
    /// ```
    #[must_use]
    pub const fn empty() -> Self {
        Self::NONE
    }

    /// The ring of a player.
    #[inline(always)]
    pub(super) fn ring(self) -> usize {
        usize::try_from(self.0 % (1 << RING_BITS)).unwrap_or(usize::MAX)
    }
}

impl Default for Node {
    fn default() -> Self {
        Self::empty()
    }
}

/// The keys of one round: from a base on, as far as the bits of a node go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    pub(super) base: u64,
}

impl Scale {
    /// The player of a ring with this smallest key. A key below the base counts as the base.
    #[inline(always)]
    pub(super) fn player(self, key: u64, ring: usize) -> Node {
        let mut distance = key.wrapping_sub(self.base);
        if distance > FAR {
            distance = self.outside(distance);
        }
        Node(distance << RING_BITS | u64::try_from(ring).unwrap_or(0))
    }

    #[cold]
    fn outside(self, distance: u64) -> u64 {
        let key = self.base.wrapping_add(distance);
        if key < self.base { 0 } else { FAR }
    }

    /// The largest player within a bound of the keys, or `None` if there is none.
    pub(super) fn limit(self, bound: u64) -> Option<Node> {
        let distance = bound.checked_sub(self.base)?.min(FAR - 1);
        Some(Node(distance << RING_BITS | ((1 << RING_BITS) - 1)))
    }
}

/// Prepares a tree of this many leaves. Then call [`enter`] for each.
pub(super) fn clear(nodes: &mut [Node], leaves: usize) {
    for node in nodes.iter_mut().take(leaves) {
        *node = Node::NONE;
    }
}

/// The node where a leaf plays first. The root is 1, and its parent, 0, is outside.
pub(super) fn first_match(leaf: usize, leaves: usize) -> usize {
    (leaf + leaves) / 2
}

/// Lets a leaf play for the first time. Returns the winner after the last leaf.
pub(super) fn enter(nodes: &mut [Node], mut at: usize, player: Node) -> Option<Node> {
    let mut winner = player;
    while at > 0 {
        let Some(node) = nodes.get_mut(at) else { break };
        if *node == Node::NONE {
            *node = winner;
            return None;
        }
        (*node, winner) = (winner.max(*node), winner.min(*node));
        at /= 2;
    }
    Some(winner)
}

/// Lets the leaf of the last winner play again, with its new key. Returns the winner.
#[inline(always)]
pub(super) fn replay(nodes: &mut [Node], mut at: usize, Node(mut winner): Node) -> Node {
    // The node 0 is nobody's: whoever plays there wins.
    while let Some(Node(node)) = nodes.get_mut(at) {
        (*node, winner) = (winner.max(*node), winner.min(*node));
        at /= 2;
        if at == 0 {
            break;
        }
    }
    Node(winner)
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    extern crate std;

    /// Merges sorted lists, and compares with a sort.
    #[test]
    fn the_smallest_key_wins() {
        let scale = Scale { base: 10 };
        for leaves in 1_usize..40 {
            let mut lists: Vec<Vec<u64>> = (0..u64::try_from(leaves).unwrap())
                .map(|ring| (0..5).map(|n| 10 + (n * 7919 + ring * 104_729) % 97).collect())
                .collect();
            lists.iter_mut().for_each(|list| list.sort_unstable_by(|a, b| b.cmp(a)));
            let mut wanted: Vec<u64> = lists.iter().flatten().copied().collect();
            wanted.sort_unstable();

            let mut nodes = std::vec![Node::empty(); leaves];
            clear(&mut nodes, leaves);
            let mut heads: Vec<u64> = lists.iter_mut().map(|list| list.pop().unwrap()).collect();
            let mut top = None;
            for (ring, key) in heads.iter().enumerate() {
                let player = scale.player(*key, ring);
                top = top.or(enter(&mut nodes, first_match(ring, leaves), player));
            }
            let mut top = top.unwrap();
            let mut found = Vec::new();
            while top != Node::NONE {
                let ring = top.ring();
                found.push(heads[ring]);
                let next = lists[ring].pop();
                heads[ring] = next.unwrap_or(0);
                let player = next.map_or(Node::NONE, |key| scale.player(key, ring));
                top = replay(&mut nodes, first_match(ring, leaves), player);
            }
            assert_eq!(found, wanted, "{leaves} rings");
        }
    }

    #[test]
    fn keys_outside_the_scale_keep_their_side() {
        let scale = Scale { base: 1_000 };
        let near = scale.player(1_000, 65_535);
        assert_eq!(scale.player(3, 7), scale.player(1_000, 7));
        assert!(scale.player(1_001, 0) > near);
        let far = scale.player(u64::MAX, 65_535);
        assert!(far < Node::NONE && far.ring() == 65_535);
        // What is far is in no bound.
        assert!(scale.limit(u64::MAX).unwrap() < scale.player(u64::MAX, 0));
        assert!(scale.limit(1_000).unwrap() >= near);
        assert_eq!(scale.limit(999), None);
    }
}
