//! The at-fork hook: a forked child learns that it is one before any other code of it runs.

use std::sync::Once;

extern "C" fn in_child() {
    kinetik_core::after_fork();
}

/// Installs the hook, once a process. Every call that opens something goes through here.
pub(crate) fn watch() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        // SAFETY: `in_child` only adds to an atomic number, which is allowed in a forked child.
        let refused = unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
        // Out of memory is the only refusal; without the hook a forked child would not be told apart.
        assert_eq!(refused, 0, "no memory for the at-fork hook");
    });
}
