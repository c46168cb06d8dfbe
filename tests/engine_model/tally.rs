//! How often each operation was answered, and refused, and how often a stream grew.

use std::collections::BTreeMap;

use kinetik::api::Operation;

#[derive(Debug, Default)]
pub struct Tally {
    calls: BTreeMap<Operation, Count>,
    grown: u64,
}

#[derive(Debug, Default)]
struct Count {
    answered: u64,
    refused: u64,
}

impl Tally {
    pub fn note(&mut self, operation: Operation, was_answered: bool) {
        let count = self.calls.entry(operation).or_default();
        match was_answered {
            true => count.answered += 1,
            false => count.refused += 1,
        }
    }

    /// Notes that a stream grew.
    pub fn grew(&mut self) {
        self.grown += 1;
    }

    pub fn add(&mut self, other: &Self) {
        self.grown += other.grown;
        for (&operation, count) in &other.calls {
            let sum = self.calls.entry(operation).or_default();
            sum.answered += count.answered;
            sum.refused += count.refused;
        }
    }

    /// What is missing for each of these operations to have been answered and refused, and for streams to have grown.
    pub fn gaps(&self, operations: &[Operation]) -> Vec<String> {
        let mut gaps = Vec::new();
        if self.grown == 0 {
            gaps.push("a stream that grew".into());
        }
        for operation in operations {
            let count = self.calls.get(operation);
            let name = operation.name();
            if count.is_none_or(|count| count.answered == 0) {
                gaps.push(format!("{name} answered"));
            }
            if count.is_none_or(|count| count.refused == 0) {
                gaps.push(format!("{name} refused"));
            }
        }
        gaps
    }
}
