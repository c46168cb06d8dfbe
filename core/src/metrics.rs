//! Counters and histograms as plain values.
