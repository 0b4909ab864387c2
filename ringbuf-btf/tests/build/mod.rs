//! Makes BTF for the tests, in both byte orders.

use ringbuf_btf::ByteOrder;

pub(crate) struct Builder {
    order: ByteOrder,
    types: Vec<u8>,
    strings: Vec<u8>,
    /// Of the base: bytes of its strings.
    before: u32,
    next: u32,
}

/// A member: name, type, the word for its offset.
pub(crate) type Member<'a> = (&'a str, u32, u32);

impl Builder {
    pub(crate) fn new(order: ByteOrder) -> Self {
        Self { order, types: Vec::new(), strings: vec![0], before: 0, next: 1 }
    }

    /// Continues a base with so many types, and bytes of strings.
    pub(crate) fn split(order: ByteOrder, count: u32, strings: u32) -> Self {
        Self { order, types: Vec::new(), strings: Vec::new(), before: strings, next: count }
    }

    pub(crate) fn word(&self, word: u32) -> [u8; 4] {
        match self.order {
            ByteOrder::Little => word.to_le_bytes(),
            ByteOrder::Big => word.to_be_bytes(),
        }
    }

    pub(crate) fn name(&mut self, name: &str) -> u32 {
        if name.is_empty() {
            return 0;
        }
        let at = self.before + self.strings.len() as u32;
        self.strings.extend(name.as_bytes());
        self.strings.push(0);
        at
    }

    /// Any type: its id.
    pub(crate) fn raw(
        &mut self,
        name: &str,
        kind: u32,
        flag: bool,
        count: u32,
        size: u32,
        rest: &[u32],
    ) -> u32 {
        let name = self.name(name);
        let info = u32::from(flag) << 31 | kind << 24 | count;
        for word in [name, info, size].iter().chain(rest) {
            let word = self.word(*word);
            self.types.extend(word);
        }
        self.next += 1;
        self.next - 1
    }

    /// `encoding`: 1 signed, 2 char, 4 bool.
    pub(crate) fn int(&mut self, name: &str, size: u32, encoding: u32) -> u32 {
        self.raw(name, 1, false, 0, size, &[(encoding << 24) | (8 * size)])
    }

    /// Pointer 2, typedef 8, volatile 9, const 10, restrict 11, variable 14, type tag 18.
    pub(crate) fn of(&mut self, name: &str, kind: u32, to: u32) -> u32 {
        let rest: &[u32] = if kind == 14 { &[1] } else { &[] };
        self.raw(name, kind, false, 0, to, rest)
    }

    pub(crate) fn array(&mut self, element: u32, count: u32) -> u32 {
        self.raw("", 3, false, 0, 0, &[element, element, count])
    }

    pub(crate) fn composite(
        &mut self,
        name: &str,
        kind: u32,
        flag: bool,
        size: u32,
        members: &[Member<'_>],
    ) -> u32 {
        let mut rest = Vec::new();
        for (name, of, offset) in members {
            rest.extend([self.name(name), *of, *offset]);
        }
        self.raw(name, kind, flag, members.len() as u32, size, &rest)
    }

    /// Members at byte offsets.
    pub(crate) fn strukt(&mut self, name: &str, size: u32, members: &[Member<'_>]) -> u32 {
        let members: Vec<_> = members.iter().map(|(name, of, at)| (*name, *of, 8 * at)).collect();
        self.composite(name, 4, false, size, &members)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = match self.order {
            ByteOrder::Little => vec![0x9f, 0xeb, 1, 0],
            ByteOrder::Big => vec![0xeb, 0x9f, 1, 0],
        };
        let (types, strings) = (self.types.len() as u32, self.strings.len() as u32);
        for word in [24, 0, types, types, strings] {
            bytes.extend(self.word(word));
        }
        bytes.extend(&self.types);
        bytes.extend(&self.strings);
        bytes
    }
}
