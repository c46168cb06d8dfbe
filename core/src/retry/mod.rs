//! When to try again, and how long to wait first.
