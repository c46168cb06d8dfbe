//! Many messages at once: one message in each lane of a kernel, and a lane takes the next message as soon as its
//! own is done.

use super::scalar::{self, BLOCK, INITIAL, SHORT, Tail};

/// The states of `L` lanes, word by word.
#[derive(Clone, Copy)]
pub(super) struct State<const L: usize>(pub(super) [[u32; L]; 4]);

impl<const L: usize> State<L> {
    /// Every lane before its first block.
    pub(super) const INITIAL: Self = Self([
        [INITIAL[0]; L],
        [INITIAL[1]; L],
        [INITIAL[2]; L],
        [INITIAL[3]; L],
    ]);

    #[inline]
    fn lane(&self, lane: usize) -> [u32; 4] {
        [
            self.0[0][lane],
            self.0[1][lane],
            self.0[2][lane],
            self.0[3][lane],
        ]
    }

    #[inline]
    pub(super) fn digest(&self, lane: usize) -> [u8; 16] {
        scalar::to_bytes(self.lane(lane))
    }

    #[inline]
    fn set_lane(&mut self, lane: usize, state: [u32; 4]) {
        for (words, word) in self.0.iter_mut().zip(state) {
            words[lane] = word;
        }
    }
}

/// Something that takes blocks of `L` messages at once into their states.
pub(super) trait Kernel<const L: usize>: Copy {
    /// Takes the first `blocks` blocks of each lane into the state; every lane has at least so many.
    fn compress(self, state: &mut State<L>, lanes: &[&[u8]; L], blocks: usize);

    /// The digests of `L` messages of one block each, padded.
    #[inline]
    fn digest(self, blocks: &[[u8; BLOCK]; L]) -> [[u8; 16]; L] {
        let mut state = State::INITIAL;
        self.compress(&mut state, &blocks.each_ref().map(|block| &block[..]), 1);
        std::array::from_fn(|lane| state.digest(lane))
    }
}

/// So few messages are digested faster one after another than in lanes.
const ALONE: usize = 1;

/// Messages on their way through the lanes of a kernel; the lanes in use stand in front.
struct Bank<'a, K, const L: usize> {
    kernel: K,
    state: State<L>,
    lanes: [Lane<'a>; L],
    used: usize,
}

/// One message on its way.
struct Lane<'a> {
    number: usize,
    /// Its full blocks still to be taken; the tail comes when there are none.
    whole: &'a [u8],
    tail: Tail,
}

impl<'a> Lane<'a> {
    const IDLE: Self = Self {
        number: 0,
        whole: &[],
        tail: Tail::EMPTY,
    };

    #[inline]
    fn start(&mut self, number: usize, message: &'a [u8]) {
        self.number = number;
        self.whole = self.tail.start(message);
    }

    /// The bytes that come next without a break; empty when the message is done.
    #[inline]
    fn ready(&self) -> &[u8] {
        if self.whole.is_empty() {
            self.tail.blocks()
        } else {
            self.whole
        }
    }

    #[inline]
    fn advance(&mut self, bytes: usize) {
        if self.whole.is_empty() {
            self.tail.advance(bytes);
        } else {
            self.whole = &self.whole[bytes..];
        }
    }
}

impl<'a, K: Kernel<L>, const L: usize> Bank<'a, K, L> {
    fn new(kernel: K) -> Self {
        Self {
            kernel,
            state: State::INITIAL,
            lanes: [Lane::IDLE; L],
            used: 0,
        }
    }

    /// Digests messages of any length until none are queued and at most `leave` are on their way.
    fn run(
        &mut self,
        queue: &mut impl Iterator<Item = (usize, &'a [u8])>,
        leave: usize,
        digested: &mut impl FnMut(usize, [u8; 16]),
    ) {
        while self.used < L {
            let Some((number, message)) = queue.next() else {
                break;
            };
            self.lanes[self.used].start(number, message);
            self.state.set_lane(self.used, INITIAL);
            self.used += 1;
        }
        while self.used > leave {
            self.step(queue, digested);
        }
    }

    /// Takes as many blocks as every used lane has ready, and gives the lanes that are done their next message.
    fn step(
        &mut self,
        queue: &mut impl Iterator<Item = (usize, &'a [u8])>,
        digested: &mut impl FnMut(usize, [u8; 16]),
    ) {
        // An idle lane works on another's bytes; nobody reads what comes of it.
        let mut lanes = [self.lanes[0].ready(); L];
        let mut bytes = lanes[0].len();
        for (to, lane) in lanes.iter_mut().zip(&self.lanes[..self.used]) {
            *to = lane.ready();
            bytes = bytes.min(to.len());
        }
        self.kernel.compress(&mut self.state, &lanes, bytes / BLOCK);
        for lane in (0..self.used).rev() {
            self.lanes[lane].advance(bytes);
            if !self.lanes[lane].ready().is_empty() {
                continue;
            }
            digested(self.lanes[lane].number, self.state.digest(lane));
            if let Some((number, message)) = queue.next() {
                self.lanes[lane].start(number, message);
                self.state.set_lane(lane, INITIAL);
            } else {
                self.used -= 1;
                self.lanes.swap(lane, self.used);
                self.state.set_lane(lane, self.state.lane(self.used));
            }
        }
    }

    /// Hands the messages on their way over to a narrower bank.
    fn hand_over<M: Kernel<N>, const N: usize>(mut self, to: &mut Bank<'a, M, N>) {
        while self.used > 0 {
            self.used -= 1;
            to.lanes[to.used] = std::mem::replace(&mut self.lanes[self.used], Lane::IDLE);
            to.state.set_lane(to.used, self.state.lane(self.used));
            to.used += 1;
        }
    }

    /// Ends the messages on their way one after another.
    fn finish(&mut self, digested: &mut impl FnMut(usize, [u8; 16])) {
        for (at, lane) in self.lanes[..self.used].iter().enumerate() {
            let mut state = self.state.lane(at);
            scalar::compress(&mut state, lane.whole);
            scalar::compress(&mut state, lane.tail.blocks());
            digested(lane.number, scalar::to_bytes(state));
        }
        self.used = 0;
    }
}

/// Digests all messages of the queue, with the widest kernel while there are enough of them.
pub(super) fn each<
    'a,
    K,
    const WIDE: usize,
    const MIDDLE: usize,
    const NARROW: usize,
    const FEW: usize,
>(
    kernel: K,
    mut queue: impl Iterator<Item = &'a [u8]>,
    mut digested: impl FnMut(usize, [u8; 16]),
) where
    K: Kernel<WIDE> + Kernel<MIDDLE> + Kernel<NARROW> + Kernel<FEW>,
{
    let mut first = 0;
    loop {
        let mut group = [&[][..]; WIDE];
        let mut blocks = [[0; BLOCK]; WIDE];
        let mut used = 0;
        let mut is_long = false;
        for ((to, block), message) in group.iter_mut().zip(&mut blocks).zip(&mut queue) {
            *to = message;
            used += 1;
            is_long = message.len() > SHORT;
            if is_long {
                break;
            }
            scalar::pad_short(block, message);
        }
        if is_long {
            let group = group.into_iter().take(used);
            let mut queue = (first..).zip(group.chain(queue));
            return long::<K, WIDE, MIDDLE, NARROW, FEW>(kernel, &mut queue, &mut digested);
        }
        let mut hand_over = |digests: &[[u8; 16]]| {
            let digests = digests[..used].iter().enumerate();
            digests.for_each(|(at, digest)| digested(first + at, *digest));
        };
        match used {
            0 => return,
            1..=ALONE => hand_over(&[scalar::md5(group[0])]),
            _ if used <= FEW => hand_over(&short::<K, FEW>(kernel, &blocks)),
            _ if used <= NARROW => hand_over(&short::<K, NARROW>(kernel, &blocks)),
            _ if used <= MIDDLE => hand_over(&short::<K, MIDDLE>(kernel, &blocks)),
            _ => hand_over(&short::<K, WIDE>(kernel, &blocks)),
        }
        first += used;
    }
}

/// The digests of the messages in the first `L` blocks.
#[inline]
fn short<K: Kernel<L>, const L: usize>(kernel: K, blocks: &[[u8; BLOCK]]) -> [[u8; 16]; L] {
    let blocks = blocks.first_chunk();
    kernel.digest(blocks.expect("no kernel is wider than a group"))
}

/// Digests messages of any length, handing them over to narrower kernels as they become fewer.
fn long<'a, K, const WIDE: usize, const MIDDLE: usize, const NARROW: usize, const FEW: usize>(
    kernel: K,
    queue: &mut impl Iterator<Item = (usize, &'a [u8])>,
    digested: &mut impl FnMut(usize, [u8; 16]),
) where
    K: Kernel<WIDE> + Kernel<MIDDLE> + Kernel<NARROW> + Kernel<FEW>,
{
    let mut wide = Bank::<K, WIDE>::new(kernel);
    wide.run(queue, MIDDLE, digested);
    let mut middle = Bank::<K, MIDDLE>::new(kernel);
    wide.hand_over(&mut middle);
    middle.run(queue, NARROW, digested);
    let mut narrow = Bank::<K, NARROW>::new(kernel);
    middle.hand_over(&mut narrow);
    narrow.run(queue, FEW, digested);
    let mut few = Bank::<K, FEW>::new(kernel);
    narrow.hand_over(&mut few);
    few.run(queue, ALONE, digested);
    few.finish(digested);
}
