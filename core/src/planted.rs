//! Bugs that can be planted, so that a test learns whether the simulation would find them.
//!
//! Each [`Bug`] is one that somebody made before, in a peer or here, or might make. Where the code could have it, it asks
//! [`planted`], which is `false` at compile time unless the cargo feature `planted-bugs` is on. Only the package
//! `kinetik-tests` turns that on, for one of its targets; a test proves that the released libraries hold nothing of it.

/// Declares the bugs once: name and what it does.
macro_rules! bugs {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// A bug that can be planted.
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub enum Bug {
            $($(#[doc = $doc])+ $name,)+
        }

        #[cfg(feature = "planted-bugs")]
        impl Bug {
            /// Every bug that there is.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Its name as it is written in Rust.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }

            /// What it does, for a table.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+),)+ }
            }
        }
    };
}

bugs! {
    /// A misrouted aggregate is acknowledged although consumers drop it (KPL).
    AcceptsMisrouted,
    /// While the map is refreshed records go to any shard, and answers are believed (KPL).
    NoPredictionInRefresh,
    /// One refused entry has the whole batch sent again.
    ResendsWholeBatch,
    /// The size of an aggregate is estimated too small (ledger 21).
    SizeUnderestimated,
    /// A lost answer counts as a success.
    LostAnswerIsSuccess,
    /// A lost answer counts as a refusal.
    LostAnswerIsRefusal,
    /// A failure inside the service counts as a refusal.
    InternalFailureIsRefusal,
    /// A record whose attempt is in doubt is rebuilt when the map changes (ledger 82).
    RebuildsInDoubt,
    /// A retry leaves the explicit hash key out.
    ResendsWithoutHashKey,
    /// Deadlines are not kept.
    KeepsNoDeadline,
    /// A new map is not used.
    KeepsOldMap,
    /// Nothing makes the map doubtful.
    NeverDoubtsTheMap,
    /// A record on an unknown shard is believed to lie well.
    AcceptsUnknownShard,
    /// Only the very shard that was predicted counts (ledger 10).
    DemandsPredictedShard,
    /// Records that are sent again after a misrouting do not say that there may be two.
    MisroutedNotMarked,
    /// A receipt names the next sub-sequence number.
    SubSequenceOffByOne,
    /// In ordered mode a retry goes behind later records (ledger 80).
    RetriesBehindOthers,
    /// In ordered mode a child shard does not wait for its parents.
    ChildDoesNotWait,
    /// In ordered mode a shard has two unresolved records.
    TwoUnresolved,
    /// In ordered mode a failure does not stop its key (ledger 1).
    FailureDoesNotStopKey,
    /// The last failure of a batch is not told (ledger 13).
    ForgetsFailure,
    /// Half of what was charged is never given back (ledger 5).
    BudgetLeaks,
    /// The budget is not asked (ledger 4).
    BudgetNotAsked,
    /// The limiter admits everything.
    LimiterAdmitsAll,
    /// Retries do not wait (ledger 45).
    NoBackoff,
    /// What is forbidden is tried again.
    RetriesForbidden,
    /// A throttle is final (ledger 58).
    ThrottleIsFinal,
    /// A flush is over while records are open (ledger 62).
    FlushForgetsOpen,
    /// One bad record fails all that were sent with it.
    BadRecordFailsOthers,
    /// Close gives back what was on its way as certainly not stored.
    CloseForgetsFlights,

    /// Reading goes on at the last record, which comes again (ledger 43).
    ReadsAtInsteadOfAfter,
    /// A child is read before its parents' ends.
    ChildBeforeParent,
    /// Of two children only the first is followed.
    FollowsFirstChild,
    /// The child of a merge is not followed.
    ForgetsMergedChild,
    /// The rest of an aggregate is lost at resume (ledger 48).
    SkipsRestOfAggregate,
    /// A position does not say how much of an aggregate was read.
    PositionWithoutSubSequence,
    /// A null iterator is believed to be the end (ledger 52, 74).
    NullIteratorIsEnd,
    /// A page after a throttle is skipped.
    SkipsPageAfterThrottle,
    /// After an expired iterator what waits to be handed out is read again (ledger 44).
    RereadsAfterExpiry,
    /// After an expired iterator reading goes on at the newest record.
    SkipsToTipAfterExpiry,
    /// A subscription that was cut is followed by one at the newest record.
    ResubscribesAtTip,
    /// A subscription that says nothing is waited for forever (ledger 40, 66).
    TrustsSilence,
    /// A subscription that is over ends its shard.
    OverIsEnd,
    /// What does not fit into the buffer is dropped.
    TrimsPrefetch,
    /// A stream that was made again is read on as the one of before.
    TrustsNamesakes,
    /// Positions are those of what was fetched, not of what was handed out (ledger 28, 29).
    StandsWhereItFetched,
    /// A shard counts as read to its end while its last records wait.
    EndBeforeHandOut,
    /// LATEST is fixed at the first read, not at opening.
    LatestNotFixed,
    /// What a server says twice is handed out twice (ledger 71).
    HandsOutRepeats,
}

/// Whether a bug is planted. Without the feature never, which the compiler knows.
#[cfg(not(feature = "planted-bugs"))]
#[inline]
pub(crate) const fn planted(_: Bug) -> bool {
    false
}

#[cfg(feature = "planted-bugs")]
pub use switch::plant;
#[cfg(feature = "planted-bugs")]
pub(crate) use switch::planted;

#[cfg(feature = "planted-bugs")]
mod switch {
    use std::cell::Cell;

    use super::Bug;

    thread_local! {
        static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// Plants a bug for what runs on this thread from now on, or none.
    pub fn plant(bug: Option<Bug>) {
        PLANTED.set(bug);
    }

    pub(crate) fn planted(bug: Bug) -> bool {
        PLANTED.get() == Some(bug)
    }
}
